"""`tokenarena leaderboard` over hand-made published tables: orders, workloads of one's own, and what is wrong said."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tokenarena_assets.chain.catalog import table_specs
from tokenarena_assets.cli import app
from tokenarena_assets.errors import ConfigError, MissingTableError, TokenArenaError
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.storage.publish import publish
from tokenarena_assets_tests.report.rows import leaderboard_row
from tokenarena_assets_tests.sql_models.frames import DAY, Row, at, put, schemas

GOOD, HOSTILE = "groq/llama-3.1-8b-instruct@standard-us", "x/\x1b[31m[bold]{}%@evil"
TABLES = ("leaderboard", "ranks", "scorecard", "price_book", "endpoints", "blended_prices", "latency_daily")


def place(preset: str, order: str, endpoint_id: str, rank: int | None, value: float | None, **given: Any) -> Row:
    own = {"preset": preset, "ranked_by": order, "endpoint_id": endpoint_id, "unit": "ms", "test": "a test"}
    ranked = {"rank": rank, "rank_lo": rank, "rank_hi": 2, "value": value, "n": 5000, "by_preset": False}
    return own | ranked | {"higher_is_better": False, "modeled": False} | given


def ranked() -> list[Row]:
    close = {"close_to": HOSTILE, "close_p": 0.3, "more_n": 1234}
    rows = []
    for preset in ("chat", "rag"):
        rows += [
            place(preset, "ttft_ms", GOOD, 1, 120.0, value_lo=110.0, value_hi=130.0, **close),
            place(preset, "ttft_ms", HOSTILE, 1, 125.0, rank_note=None),
            place(preset, "quality", GOOD, 1, 0.5, unit="share", higher_is_better=True),
            place(preset, "quality", HOSTILE, None, None, unit="share", rank_note="too [few] \x1b answers"),
            place(preset, "energy_j_per_correct", GOOD, 1, 9.0, unit="J", by_preset=True, modeled=True),
        ]
    return rows


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with hand-made tables published of one day."""
    home = Home(tmp_path / "arena")
    monkeypatch.setenv("TOKENARENA_HOME", str(home.root))
    monkeypatch.setenv("COLUMNS", "250")
    columns = schemas()["leaderboard"]
    shown = [
        {name: value for name, value in leaderboard_row(endpoint_id=GOOD).items() if name in columns}
        | {"preset": preset, "day": DAY}
        for preset in ("chat", "rag")
    ]
    good = {"quality": 0.5, "quality_lo": 0.4, "quality_hi": 0.6, "output_speed_tok_s": 50.0, "model_family": "m"}
    usd = {"input_usd_per_mtok": Decimal(1), "output_usd_per_mtok": Decimal(4), "service_tier": "standard"}
    times = {"ttft_p50_ms": 200.0, "ttft_p50_lo_ms": 190.0, "ttft_p50_hi_ms": 210.0, "suite": "speed"}
    put(
        ParquetLake(home.lake),
        leaderboard=shown,
        ranks=ranked(),
        scorecard=[{"endpoint_id": GOOD} | good, {"endpoint_id": HOSTILE} | good | {"context_advertised_tokens": 99}],
        price_book=[{"endpoint_id": GOOD, "price_id": "one", "min_input_tokens": 0, "valid_from": DAY} | usd],
        endpoints=[{"endpoint_id": name, "valid_from": at(1)} for name in (GOOD, HOSTILE)],
        blended_prices=[],
        latency_daily=[{"endpoint_id": GOOD, "prompt_tokens_target": 1000} | times],
        energy_daily=[],
    )
    publish(home, [table_specs()[name] for name in (*TABLES, "energy_daily")])
    return home


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["leaderboard", *arguments])


def text(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert "\x1b" not in done.output
    return done.output


def rows(*arguments: str) -> Any:
    return json.loads(text(*arguments, "--json"))


def refused(*arguments: str, error: type[TokenArenaError] = TokenArenaError) -> str:
    done = run(*arguments)
    assert isinstance(done.exception, error), repr(done.exception)
    return str(done.exception)


@pytest.mark.usefixtures("home")
class TestPublished:
    """What was published."""

    def test_all_presets_or_one(self) -> None:
        both = text()
        assert "chat: dollars per correct answer" in both
        assert "rag: dollars per correct answer" in both
        assert "rag:" not in text("--preset", "chat")
        assert {row["preset"] for row in rows()} == {"chat", "rag"}
        assert {row["preset"] for row in rows("--preset", "rag", "--by", "usd_per_correct")} == {"rag"}

    def test_what_there_is_none_of(self) -> None:
        assert "presets are: chat, rag" in refused("--preset", "nope")
        assert "presets are: chat, rag" in refused("--preset", "nope", "--by", "ttft_ms")
        assert "orders are: energy_j_per_correct, quality, ttft_ms" in refused("--by", "beauty")
        for by in ((), ("--by", "ttft_ms"), ("--input-tokens", "9", "--output-tokens", "9")):
            assert "there is no leaderboard of 1999-01-01" in refused(
                "--day", "1999-01-01", *by, error=MissingTableError
            )
        assert text("--day", DAY.isoformat(), "--by", "ttft_ms")

    def test_an_order_that_no_preset_changes_is_printed_once(self) -> None:
        shown = text("--by", "ttft_ms")
        assert shown.count("ttft_ms: less is better") == 1
        assert "110, 130" in shown
        assert "1 (1-2)" in shown
        assert "x/\\x1b[31m[bold]{}%@evil: about 1,234 more each" in shown
        assert {row["endpoint_id"] for row in rows("--by", "ttft_ms", "--preset", "chat")} == {GOOD, HOSTILE}
        modeled = text("--by", "energy_j_per_correct")
        assert "chat: energy_j_per_correct: MODELED, less is better" in modeled
        assert "rag: energy_j_per_correct: MODELED, less is better" in modeled

    def test_without_a_rank_there_is_the_reason(self) -> None:
        shown = text("--by", "quality").splitlines()
        (line,) = (line for line in shown if "evil" in line)
        assert line.split() == ["-", "x/\\x1b[31m[bold]{}%@evil", "-", "5,000", "too", "[few]", "\\x1b", "answers"]


WORKLOAD = ("--input-tokens", "1000", "--output-tokens", "100")


@pytest.mark.usefixtures("home")
class TestWorkload:
    """A workload of one's own."""

    def test_as_json(self) -> None:
        (found,) = rows(*WORKLOAD, "--cached", "0.5", "--max-ttft-ms", "300", "--min-quality", "0.5")
        assert {name: value for name, value in found.items() if name != "endpoints"} == {
            "workload": "your workload",
            "input_tokens": 1000,
            "output_tokens": 100,
            "cached_share": 0.5,
            "max_ttft_ms": 300,
            "min_quality": 0.5,
        }
        good, hostile = found["endpoints"]
        assert (good["endpoint_id"], good["meets"], good["limits"]) == (GOOD, "cannot tell", "quality: cannot tell")
        assert good["usd_per_correct"] == pytest.approx((1000 + 400) / 1e6 / 0.5)
        assert good["seconds_per_correct"] == pytest.approx(2 * (0.2 + 2))
        assert (hostile["meets"], hostile["usd_per_correct"]) == ("failed", None)
        assert good["day"] == DAY.isoformat()

    def test_as_a_table(self) -> None:
        shown = text(*WORKLOAD, "--cached", "0.7", "--max-ttft-ms", "205")
        assert "your workload: 1,000 tokens in, 70% of it cached, 100 out; TTFT at most 205 ms" in shown
        assert f"* {GOOD}  2.80 [2.33, 3.50]  4.40" in " ".join(shown.split("\n"))
        assert "200 [190, 210]  50.0 % [40.0, 60.0]  TTFT: cannot tell" in shown
        assert "x/\\x1b[31m[bold]{}%@evil" in shown
        assert "context: failed, TTFT: cannot tell" in shown

    def test_of_another_size_than_measured_is_said(self) -> None:
        assert "TTFT of 1000 tokens, the most measured" in text("--input-tokens", "5000", "--output-tokens", "1")

    @pytest.mark.parametrize("columns", [80, 120])
    def test_a_narrow_terminal_breaks_no_figure(self, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        shown = text(*WORKLOAD, "--max-ttft-ms", "205")
        table = shown[: shown.index("* is on the front")].splitlines()
        assert all(len(line) <= columns for line in table)
        for whole in ("[2.33, 3.50]", "[190, 210]", "[40.0, 60.0]", "llama-3.1-8b-instruct", "@standard-us"):
            assert sum(whole in line for line in table) >= 1, whole
        assert ("by --json" in shown) == (columns == 80)
        order = text("--by", "ttft_ms")
        assert all(len(line) <= columns for line in order[: order.index("Told apart")].splitlines())
        assert "[110, 130]" in order

    def test_presets_of_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.yaml"
        path.write_text(
            "presets:\n"
            "  - {name: agents, input_ratio: 20, output_ratio: 1, request_input_tokens: 1000, cached_share: 0.5}\n"
            "  - {name: talk, input_ratio: 1, output_ratio: 3, request_input_tokens: 500}\n"
        )
        found = rows("--preset", str(path), "--min-quality", "0.9")
        asked = [(w["workload"], w["input_tokens"], w["output_tokens"], w["cached_share"]) for w in found]
        assert asked == [("agents", 1000, 50, 0.5), ("talk", 500, 1500, 0)]
        assert [each["meets"] for each in found[0]["endpoints"]] == ["failed", "failed"]
        shown = text("--preset", str(path))
        assert "agents: 1,000 tokens in, 50% of it cached, 50 out" in shown
        assert "talk: 500 tokens in, 1,500 out" in shown

    def test_a_file_that_is_wrong(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.yaml"
        assert str(path) in refused("--preset", str(path))
        path.write_text("presets:\n  - {name: a, input_ratio: -1, output_ratio: 1, request_input_tokens: 9}\n")
        assert "input_ratio" in refused("--preset", str(path), error=ConfigError)
        path.write_text("presets:\n  - {name: a, input_ratio: 0, output_ratio: 1, request_input_tokens: 9}\n")
        assert "preset a has no input tokens" in refused("--preset", str(path))

    def test_what_does_not_go_together(self) -> None:
        assert "set cached_share in the file" in refused("--preset", "mine.yaml", "--cached", "0.5")
        for half in (WORKLOAD[:2], WORKLOAD[2:]):
            assert "needs both --input-tokens and --output-tokens" in refused(*half)
        assert "exclude each other" in refused(*WORKLOAD, "--preset", "chat")
        for limit in ("--max-ttft-ms=9", "--min-quality=0.5", "--cached=0.5", "--max-ttft-ms=0", "--min-quality=0"):
            assert "are of a workload" in refused(limit)
        assert "--by is of published orders" in refused(*WORKLOAD, "--by", "ttft_ms")

    def test_where_the_macro_could_not_be_published(self, home: Home) -> None:
        publish(home, [table_specs()[name] for name in TABLES])
        assert "has no macro workload" in refused(*WORKLOAD, error=MissingTableError)

    @pytest.mark.parametrize("wrong", ["--input-tokens=0", "--output-tokens=-1", "--cached=1.1", "--min-quality=2"])
    def test_numbers_out_of_range(self, wrong: str) -> None:
        done = run(*WORKLOAD, wrong)
        assert done.exit_code == 2
        assert wrong.split("=", maxsplit=1)[0] in done.stderr
