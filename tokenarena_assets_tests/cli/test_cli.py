"""The command line as a person uses it, on real endpoints of the embedded fleet."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
import typer
from typer.testing import CliRunner

from tokenarena_assets.cli import app
from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.probing.certificate import BUDGET_VARIABLE
from tokenarena_assets.storage.home import Home
from tokenarena_assets_tests.evidence import RealRound
from tokenarena_assets_tests.servers.misbehaving import Answer, MisbehavingServer, in_company, streams

ROOT = Path(__file__).parents[2]
# How busy the machine is decides no test: the budget of the client's own error is wide.
ENVIRONMENT = {"COLUMNS": "250", "PYTHONPATH": str(ROOT), BUDGET_VARIABLE: "10000,60000"}
ONE_ENDPOINT = """\
endpoints:
  - provider: arena
    model: tiny
    fleet: {weights: arena-tiny-1m-q8_0.gguf}
    context_tokens: 1024
    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}
"""
UNPRICED = """\
  - provider: arena
    model: free
    context_tokens: 1024
    fleet: {weights: arena-tiny-1m-q8_0.gguf}
"""


def tokenarena(home: Path, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tokenarena_assets.cli", *arguments],
        cwd=home.parent,
        env=os.environ | ENVIRONMENT | {"TOKENARENA_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a round was probed and its day materialized, all by the command line."""
    home = tmp_path_factory.mktemp("cli") / "arena"
    catalog = home.parent / "one.yaml"
    catalog.write_text(ONE_ENDPOINT)
    probed = tokenarena(
        home,
        "probe",
        "--endpoints",
        "one.yaml",
        "--speed-probes",
        "6",
        "--math-items",
        "14",
        "--code-items",
        "4",
        *(f"--suite={suite}" for suite in ("speed", "quality_math", "quality_code")),
        "--json",
        "--at-once",
        "2",
    )
    outcome = json.loads(probed.stdout)
    assert outcome["records_written"] == 24
    assert set(outcome["by_status"]) <= {"ok", "truncated"}
    assert Path(outcome["path"]).exists()
    ran = tokenarena(home, "run", "--endpoints", "one.yaml")
    assert "published_database" in ran.stderr, "progress is shown"
    return home


def test_run_rereads_the_round_and_sends_nothing_more(finished: Path) -> None:
    rows = json.loads(
        tokenarena(finished, "sql", "select n_raw, n_requests, n_quarantined from rounds", "--json").stdout
    )
    assert rows == [{"n_raw": 24, "n_requests": 24, "n_quarantined": 0}]


def test_leaderboard(finished: Path) -> None:
    text = tokenarena(finished, "leaderboard", "--preset", "chat", COLUMNS="270").stdout
    assert "arena/tiny@standard" in text
    assert "chat: dollars per correct answer" in text
    rows = json.loads(tokenarena(finished, "leaderboard", "--json").stdout)
    assert {row["preset"] for row in rows} == {"chat", "rag", "reasoning"}
    unknown = tokenarena(finished, "leaderboard", "--preset", "nope", check=False)
    assert unknown.returncode == 1
    assert "presets are: chat, rag, reasoning" in unknown.stderr


def test_sql_works_while_another_process_holds_the_file(finished: Path) -> None:
    query = "select preset, rank, endpoint_id, usd_per_correct from leaderboard order by 1,2"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({str(Home(finished).database)!r}); print(1, flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        assert len(json.loads(tokenarena(finished, "sql", query, "--json").stdout)) == 3
        assert tokenarena(finished, "publish").stdout.startswith("published")
        assert tokenarena(finished, "sql", query, "--csv").stdout.startswith("preset,rank")
    finally:
        holder.communicate(b"\n")


def test_sql_refuses_to_write_or_to_leave_the_lake(finished: Path) -> None:
    for query in (
        "create table t (a int)",
        "copy leaderboard to 'x.csv'",
        "select * from read_csv('/etc/passwd')",
        "select 1; select 2",
    ):
        refused = tokenarena(finished, "sql", query, check=False)
        assert refused.returncode == 1, query
        assert refused.stderr.startswith("tokenarena: "), refused.stderr


def test_the_published_file_opens_in_a_plain_shell(finished: Path) -> None:
    with duckdb.connect(str(Home(finished).database), read_only=True) as connection:
        assert connection.execute("select count(*) from requests").fetchone() == (24,)
        comment = connection.execute("select comment from duckdb_columns() where column_name = 'ttft_ms'").fetchone()
    assert comment is not None
    assert "milliseconds" in comment[0]


def test_another_day_without_rounds_says_so(finished: Path) -> None:
    failed = tokenarena(finished, "run", "--day", "2026-10-01", "--endpoints", "one.yaml", check=False)
    assert failed.returncode == 1
    assert "there is no probe round of 2026-10-01" in failed.stderr
    assert "cannot be made today" in failed.stderr
    assert tokenarena(finished, "run", "--day", "1999-01-01", "--endpoints", "one.yaml", check=False).returncode == 1
    assert "is not a day" in tokenarena(finished, "run", "--day", "soon", check=False).stderr


def test_doctor_names_missing_keys_and_never_prints_present_ones(tmp_path: Path) -> None:
    catalog = tmp_path / "keys.yaml"
    catalog.write_text(
        "endpoints:\n"
        "  - {provider: a, model: m, base_url: http://127.0.0.1:9/v1, api_key_env: PRESENT_KEY}\n"
        "  - {provider: b, model: m, base_url: http://127.0.0.1:9/v1, api_key_env: ABSENT_KEY}\n"
    )
    for command in (["doctor"], ["doctor", "--json"], ["endpoints"]):
        shown = tokenarena(tmp_path / "arena", *command, "--endpoints", str(catalog), PRESENT_KEY="sk-secret-value")
        assert "ABSENT_KEY" in shown.stdout
        assert "sk-secret-value" not in shown.stdout + shown.stderr
    broken = tokenarena(tmp_path / "arena", "doctor", "--endpoints", str(tmp_path / "none.yaml"), check=False)
    assert broken.returncode == 1
    assert "there is no such file" in broken.stdout


def test_endpoints_are_listed_by_what_they_lack(tmp_path: Path) -> None:
    """In 120 columns, however many; as JSON with the template of the address, and no value of the environment."""
    real = str(Path(__file__).resolve().parents[2] / "catalogs" / "real_endpoints.yaml")
    told = {"GROQ_API_KEY": "sk-secret-value", "CLOUDFLARE_ACCOUNT_ID": "account-7", "COLUMNS": "120"}
    shown = tokenarena(tmp_path / "arena", "endpoints", "--endpoints", real, **told).stdout
    assert max(map(len, shown.splitlines())) <= 120
    assert "6 of 195 ready." in shown
    assert "CLOUDFLARE_API_KEY (6 endpoints)" in " ".join(shown.split())
    ready = tokenarena(tmp_path / "arena", "endpoints", "--endpoints", real, "--ready", "--json", **told).stdout
    assert {row["provider"] for row in json.loads(ready)} == {"groq"}
    chosen = ("--missing-keys", "--provider", "cloudflare*", "--max-price", "0.16", "--json")
    (row,) = json.loads(tokenarena(tmp_path / "arena", "endpoints", "--endpoints", real, *chosen, **told).stdout)
    assert row["endpoint_id"] == "cloudflare-workers-ai/gemma-4-26b-a4b-it@standard"
    assert row["base_url"] == "https://api.cloudflare.com/client/v4/accounts/${CLOUDFLARE_ACCOUNT_ID}/ai/v1"
    assert (row["missing"], row["reason"]) == (["CLOUDFLARE_API_KEY"], "missing CLOUDFLARE_API_KEY")
    assert not any(value in shown + ready for value in ("sk-secret-value", "account-7"))


def test_bad_yaml_names_file_line_and_field(tmp_path: Path) -> None:
    catalog = tmp_path / "bad.yaml"
    catalog.write_text("endpoints:\n  - provider: a\n    model: m\n    base_url: http://x/v1\n    regoin: us\n")
    for command in ("probe", "run", "endpoints"):
        failed = tokenarena(tmp_path / "arena", command, "--endpoints", str(catalog), check=False)
        assert failed.returncode == 1
        assert f"{catalog}:5: endpoints[0].regoin: unknown field" in failed.stderr
        assert "Traceback" not in failed.stderr


def test_dry_run_forecasts_and_sends_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(ONE_ENDPOINT + UNPRICED)
    home = tmp_path / "arena"
    fewer = ("--sampled-reps", "2", "--border-candidates", "5")
    shown = json.loads(tokenarena(home, "probe", "--endpoints", "one.yaml", "--dry-run", "--json", *fewer).stdout)
    priced, unpriced = shown["forecast"]
    by_suite = {row.pop("suite"): row for row in shown["forecast_by_suite"]}
    fidelity = {"parity": 12, "sampled": 2 * 50, "greedy": 100, "border": 3 * 5}
    assert {suite: by_suite[suite]["requests"] for suite in fidelity} == {
        suite: 2 * requests for suite, requests in fidelity.items()
    }
    assert all(row["unpriced_requests"] == row["requests"] / 2 for row in by_suite.values())
    assert sum(row["usd_max"] for row in by_suite.values()) == pytest.approx(shown["usd_max"])
    requests = 8 + 10 + 60 + 40 + priced["context_requests"] + sum(fidelity.values())
    assert priced["context_requests"] > 0
    assert (priced["requests"], unpriced["requests"]) == (requests, requests)
    assert unpriced["usd_max"] is None
    assert priced["usd_max"] == shown["usd_max"] > 0
    assert (shown["usd_booked_today"], shown["cuts"], shown["requests"]) == (0, [], 2 * requests)
    assert shown["cannot_be_capped"] == ["arena/free@standard"]
    assert {(row["suite"], row["prompt_tokens"]) for row in shown["does_not_fit"]} == {
        ("speed", 1_000),
        ("speed", 10_000),
        ("logprobs", None),
    }
    table = tokenarena(home, "probe", "--endpoints", "one.yaml", "--dry-run", "--suite", "speed", "--speed-probes", "3")
    assert re.search(r"^all +6 +0 +\d+ +1200 +0\.\d+", table.stdout, re.MULTILINE)
    assert re.search(r"^speed +6 +\d+ +1200 +0\.\d+ +3", table.stdout, re.MULTILINE)
    assert "no price, so cannot be capped: arena/free@standard" in table.stderr
    assert (
        "does not fit: speed with 1,000 tokens is not asked of arena/tiny@standard, arena/free@standard" in table.stderr
    )
    assert not home.exists()


def test_a_cap_cuts_the_round_back_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.yaml").write_text(ONE_ENDPOINT)
    monkeypatch.chdir(tmp_path)
    suites = [part for name in ("speed", "parallel", "quality_math", "quality_code") for part in ("--suite", name)]
    dry = ("probe", "--endpoints", "one.yaml", "--dry-run", *suites)

    def forecast(*arguments: str, **environment: str) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*dry, "--json", *arguments], env=environment, catch_exceptions=False)
        assert done.exit_code == 0
        content: dict[str, Any] = json.loads(done.stdout)
        return content

    whole = forecast()["usd_max"]
    half = str(whole / 2)
    cut_back = (
        forecast("--max-usd", half),
        forecast("--max-usd-per-day", half),
        forecast(TOKENARENA_MAX_USD_PER_DAY=half),
    )
    for shown in cut_back:
        assert 0 < shown["usd_max"] <= whole / 2
        assert {(cut["suite"], cut["endpoint_id"]) for cut in shown["cuts"]} == {
            (suite, "arena/tiny@standard") for suite in ("quality_math", "quality_code")
        }
        assert 8 + 10 + 60 + 40 - sum(cut["requests"] for cut in shown["cuts"]) == shown["requests"]
    told = CliRunner().invoke(app, [*dry, "--max-usd-per-day", half]).stderr
    assert re.search(r"cut back: \d+ requests of quality_math to arena/tiny@standard are not sent: over the cap", told)
    for text in ("lots", "-1"):
        with pytest.raises(TokenArenaError, match=f"--max-usd-per-day: '{text}' is no amount in USD"):
            forecast(f"--max-usd-per-day={text}")
    home = tmp_path / "arena"
    refused = tokenarena(home, "probe", "--endpoints", "one.yaml", "--max-usd", "0.000001", check=False)
    assert refused.returncode == 1
    assert "nothing can be sent: over the cap of $0.000001 a round" in refused.stderr
    assert not home.exists()


def test_probe_holds_the_concurrency_that_is_asked_for(tmp_path: Path) -> None:
    """One command, one round: N in flight, also where the endpoint alone would be asked less than N."""
    with MisbehavingServer({"good": in_company(12, streams(Answer(finish="length")))}) as server:
        (tmp_path / "own.yaml").write_text(
            "endpoints:\n"
            f"  - {{provider: a, model: m, base_url: '{server.url('good/a')}'}}\n"
            f"  - {{provider: b, model: m, base_url: '{server.url('good/b')}'}}\n"
        )
        told = tokenarena(
            tmp_path / "arena",
            *(
                "probe",
                "--endpoints",
                "own.yaml",
                "--suite",
                "speed",
                "--at-once",
                "12",
                "--max-output-tokens",
                "9",
                "--json",
            ),
        )
        assert server.most_in_flight == 12
        assert {request.json["max_tokens"] for request in server.seen} == {9}
    outcome = json.loads(told.stdout)
    assert outcome["records_written"] == 2 * 12
    assert len(list((tmp_path / "arena" / "raw").rglob("*.jsonl.zst"))) == 1


def test_every_command_has_help_with_an_example(tmp_path: Path) -> None:
    for command in (
        "demo",
        "probe",
        "run",
        "leaderboard",
        "sql",
        "doctor",
        "endpoints",
        "publish",
        "fleet up",
        "fleet rehearse",
        "fleet list",
    ):
        shown = tokenarena(tmp_path / "arena", *command.split(), "--help").stdout
        assert "Example: tokenarena" in shown, command


def test_nothing_published_yet_says_what_to_do(tmp_path: Path) -> None:
    for command in (["leaderboard"], ["sql", "select 1"], ["publish"]):
        failed = tokenarena(tmp_path / "arena", *command, check=False)
        assert failed.returncode == 1
        assert "mend: " in failed.stderr


def test_fleet_up_lists_urls_serves_other_clients_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(ONE_ENDPOINT)
    home = tmp_path / "arena"
    process = subprocess.Popen(
        [sys.executable, "-m", "tokenarena_assets.cli", "fleet", "up", "--list", "--endpoints", "one.yaml"],
        cwd=tmp_path,
        env=os.environ | {"TOKENARENA_HOME": str(home), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        name, url = process.stdout.readline().rstrip("\n").split("\t")
        assert name == "arena/tiny@standard"
        for listing in (["fleet", "--list"], ["fleet", "list"]):
            assert tokenarena(home, *listing).stdout == f"{name}\t{url}\n"
        import httpx

        answer = httpx.post(
            f"{url}/chat/completions", json={"messages": [{"role": "user", "content": "2 + 2 = ?"}]}, timeout=30
        )
        assert answer.json()["choices"][0]["message"]["content"]
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    deadline = time.monotonic() + 20
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < deadline, "a server outlived the command"
        time.sleep(0.05)
    assert tokenarena(home, "fleet", "list", check=False).returncode == 1


def test_demo_evidence_leads_back_to_real_inference(real_round: RealRound) -> None:
    """The embedded endpoints are real: text, usage, log-probabilities and server timings differ by request."""
    at_length = [record for record in real_round.records if record["sample"] is None]
    assert len({record["text"] for record in at_length}) > len(at_length) / 4
    assert all(record["response_headers"]["server"] == "llama.cpp" for record in real_round.records)
    answered = [record for record in real_round.records if record["http_status"] == 200]
    assert all(record["usage"]["output_tokens"] > 0 for record in answered)
    # One endpoint advertises more context than it serves, and says so.
    refused = [record for record in real_round.records if record["http_status"] != 200]
    assert {(record["suite"], record["http_status"]) for record in refused} <= {("context", 400)}
    graded = [record for record in answered if record["item"] and record["suite"] != "context"]
    assert all(record["logprobs"] for record in graded)
    told = [record for record in answered if record["suite"] == "logprobs"]
    assert {len(record["first_token_top"]) for record in told} == {20}


def examples_of(group: Any, name: str) -> dict[str, str]:
    """What stands below the help of every command of `group`, by the words that call it."""
    found = {}
    for word, command in group.commands.items():
        found[f"{name} {word}"] = command.epilog or ""
        if hasattr(command, "commands"):
            found |= examples_of(command, f"{name} {word}")
    return found


def test_the_help_of_every_command_has_an_example() -> None:
    examples = examples_of(typer.main.get_command(app), "tokenarena")
    assert {"tokenarena probe", "tokenarena fleet", "tokenarena fleet up"} <= examples.keys()
    assert [name for name, example in examples.items() if not example.startswith(f"Example: {name}")] == []


def test_a_prompt_that_would_fill_the_memory_is_refused() -> None:
    asked = ["probe", "--dry-run", "--prompt-tokens", "99999999"]
    done = CliRunner().invoke(app, asked, env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "Invalid value for '--prompt-tokens'" in done.stderr


def test_a_run_says_which_rounds_are_void(tmp_path: Path) -> None:
    home, catalog = tmp_path / "arena", tmp_path / "one.yaml"
    with MisbehavingServer() as server:
        catalog.write_text(f"endpoints: [{{provider: test, model: good, base_url: '{server.url('good')}'}}]")
        probe = ("probe", "--suite", "speed", "--speed-probes", "2", "--client-error-budget", "0.0001,0.0001", "--json")
        outcome = json.loads(tokenarena(home, *probe, "--endpoints", str(catalog)).stdout)
    assert outcome["void"]
    said = tokenarena(home, "run", "--endpoints", str(catalog)).stderr
    assert f"void, nothing is published of round {outcome['round_id']}: the client's own error" in said
    assert "mend: probe fewer at once" in said


def test_items_of_ones_own_and_public_sets_are_asked_beside_ours(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(ONE_ENDPOINT)
    mine, broken = tmp_path / "mine.jsonl", tmp_path / "broken.jsonl"
    mine.write_text('{"id": "a", "prompt": "1 + 1?", "answer": {"type": "int", "value": 2}}\n')
    broken.write_text('{"id": "a", "prompt": "1 + 1?"}\n')
    dry = ("probe", "--endpoints", "one.yaml", "--dry-run", "--json", "--suite", "own", "--suite", "anchor")
    home = tmp_path / "arena"
    assert json.loads(tokenarena(home, *dry, "--items", str(mine)).stdout)["requests"] == 1
    failed = tokenarena(home, *dry, "--items", str(broken), check=False)
    assert failed.returncode == 1
    assert f"{broken}:1" in failed.stderr
    assert "Traceback" not in failed.stderr
    nothing = tokenarena(home, *dry, check=False)
    assert "there is nothing to ask" in nothing.stderr
    wrong = tokenarena(home, *dry, "--anchor", "squad=x", check=False)
    assert "--anchor: 'squad=x' is no public set" in wrong.stderr
