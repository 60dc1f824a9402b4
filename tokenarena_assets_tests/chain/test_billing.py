"""The billing audit of real rounds: the embedded fleet is exact, and what a local server does wrong is found."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tokenarena_assets.billing import reported_cost_usd
from tokenarena_assets.chain.billing import billing_of_day, billing_requests, prompt_of, raw_records
from tokenarena_assets.chain.catalog import sql_models
from tokenarena_assets.chain.certificates import read_certificates
from tokenarena_assets.chain.ingest import read_day
from tokenarena_assets.chain.observe import observations
from tokenarena_assets.chain.price_book import price_day, read_observations
from tokenarena_assets.chain.round_prices import round_prices
from tokenarena_assets.defs.audit.checks import conservation
from tokenarena_assets.endpoints import Endpoint
from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.fleet.manager import weights_path
from tokenarena_assets.probing import parse_stream
from tokenarena_assets.probing.plan import PlanOptions
from tokenarena_assets.probing.round import plan_round, run_round, today
from tokenarena_assets.report.audit import billing_rows, evidence_rows
from tokenarena_assets.report.markdown import table
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.lake import ParquetLake
from tokenarena_assets.suites.suite import SuiteSizes
from tokenarena_assets.tokens import TokenCounter, TokenizerFiles
from tokenarena_assets.tokens.gguf import tokenizer_of_gguf
from tokenarena_assets_tests.conftest import WIDE
from tokenarena_assets_tests.evidence import RealRound, write_round
from tokenarena_assets_tests.probing.test_recordings import RECORDINGS, _bodies
from tokenarena_assets_tests.servers.misbehaving import Behaviour, MisbehavingServer, Reply, chunk, data

MODELS = ("stg_rounds", "stg_probe_log", "endpoints", "billing_sample")
PRICE = {"input_usd_per_mtok": "1", "output_usd_per_mtok": "4"}
COUNTER = TokenCounter("tiny", "family", tokenizer_of_gguf(weights_path("arena-tiny-1m-f16.gguf")))
SENTENCES = (
    "One day Finn had a ticket at the house. ",
    "Then a wolf came and took the scarf of the girl. ",
    "At night the road was dark and the mill was cold. ",
    "They danced at the cave and looked at what was left of the day. ",
)
COMMON = TokenizerFiles().counter_for("unknown", is_embedded=False)
Audited = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]


def audited(home: Home, folder: str = "") -> Audited:
    """Sample, counted answers, audit and evidence of today's rounds."""
    day, lake = today(), ParquetLake(home.lake)
    raw = read_day(home, day)
    for name in ("probe_log", "round_log", "catalog_log"):
        lake.write(name, day, getattr(raw, name))
    lake.write("certificates", day, read_certificates(home, day))
    lake.write("price_observation", day, observations(home, day, raw.catalog_log))
    book = price_day(day, read_observations(lake, day)).book
    lake.write("round_prices", day, round_prices(day, raw.catalog_log, book))
    for name in MODELS:
        sql_models()[name].run(lake, day)
    sample, endpoints = lake.read("billing_sample", day), lake.read("endpoints", day)
    counted = billing_requests(sample, raw_records(home, day, sample), endpoints, TokenizerFiles(folder))
    return (sample, counted, *billing_of_day(day, counted, sample, endpoints))


def test_the_embedded_fleet_is_exact(real_round: RealRound, tmp_path: Path) -> None:
    home = Home(tmp_path / "arena")
    manifest, records = real_round.moved(today())
    write_round(home, today(), manifest, records)
    sample, counted, audit, evidence = audited(home)
    assert conservation(today(), sample, counted, audit)["conserved"]
    assert set(audit["tokenizer_basis"]) == {"family"}
    assert set(audit["output_verdict"]) == {"agrees"}
    assert audit["output_ratio"].to_list() == pytest.approx([1.0] * audit.height, abs=0.003)
    # At temperature 0 a model cuts words as its tokenizer does; sampled ones may be cut otherwise, now and then.
    greedy = counted.filter(pl.col("suite").is_in(("quality_math", "quality_code")))
    assert greedy.height > 40
    assert greedy["billed_output_tokens"].to_list() == greedy["counted_output_tokens"].to_list()
    # <|user|>, <|end|> and <|assistant|> of the chat template
    assert audit["input_slope"].drop_nulls().to_list() == pytest.approx([1.0] * audit["input_slope"].count())
    beside = counted.filter(pl.col("counted_input_tokens").is_not_null(), suite="speed")
    assert set(beside["billed_input_tokens"] - beside["counted_input_tokens"]) == {3}
    assert not audit["bills_more_than_text"].any()
    assert evidence.is_empty()
    assert audit["claim"].unique().to_list() == ["nothing was found"]


def bills(
    usage: Callable[[int, int, int], dict[str, Any]],
    *,
    reasoning: str = "",
    bundle: int = 1,
    counts_chunks: bool = False,
    by: TokenCounter | None = None,
) -> Behaviour:
    """Answers with a passage of its own each time; `usage` makes the block of prompt, answer and reasoning tokens."""

    async def behave(reply: Reply) -> None:
        counter = by or COUNTER
        rng = random.Random(f"{reply.request.route} {reply.ordinal}")
        text = "".join(rng.choice(SENTENCES) for _ in range(6 + reply.ordinal % 5)).strip()
        words = text.split(" ")
        chunks = [words[start : start + bundle] for start in range(0, len(words), bundle)]
        prompt = counter.count(reply.request.json["messages"][0]["content"]) + 3
        answer = len(chunks) if counts_chunks else counter.count(text) + 1
        await reply.stream_head()
        if reasoning:
            await reply.part(chunk({"reasoning_content": reasoning}))
        for number, part in enumerate(chunks):
            await reply.part(chunk({"content": " " * bool(number) + " ".join(part)}))
        await reply.part(chunk({}, finish_reason="stop"))
        await reply.part(data({"choices": [], "usage": usage(prompt, answer, counter.count(reasoning))}))
        await reply.part(b"data: [DONE]\n\n")
        await reply.end()

    return behave


def block(prompt: int, output: int, reasoning: int | None = None, **more: Any) -> dict[str, Any]:
    details = {} if reasoning is None else {"completion_tokens_details": {"reasoning_tokens": reasoning}}
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output, **details, **more}


THOUGHT = "The wolf came to the house and what he took was the scarf of the girl. " * 3


def reports(factor: float) -> Callable[[int, int, int], dict[str, Any]]:
    return lambda p, a, _: block(p, a, cost=factor * (p * 1e-6 + a * 4e-6))


BEHAVIOURS: dict[str, Behaviour] = {
    "honest": bills(reports(1.0)),
    "a_third_more": bills(lambda p, a, _: block(p, round(1.3 * a))),
    "nine_times": bills(lambda p, a, _: block(p, 9 * a)),
    "hides": bills(lambda p, a, _: block(p, a + 400, 400)),
    "thinks_aloud": bills(lambda p, a, r: block(p, a + r, r), reasoning=THOUGHT),
    "twice": bills(lambda p, a, r: block(p, a + 2 * r, r), reasoning=THOUGHT),
    "twice_beside": bills(lambda p, a, r: block(p, a + r, r) | {"total_tokens": p + a + 2 * r}, reasoning=THOUGHT),
    "pads_prompts": bills(lambda p, a, _: block(round(1.2 * p), a)),
    "another_price": bills(reports(1.25)),
    "chunks": bills(lambda p, a, _: block(p, a), bundle=4, counts_chunks=True),
    "says_nothing": bills(lambda p, a, _: {}),
    "unknown_honest": bills(lambda p, a, _: block(p, a), by=COMMON),
    "unknown_10_percent": bills(lambda p, a, _: block(p, round(1.1 * a)), by=COMMON),
    "unknown_half_more": bills(lambda p, a, _: block(p, round(1.5 * a)), by=COMMON),
}


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A real round over a local server that answers in all these ways."""
    home = Home(tmp_path_factory.mktemp("billing") / "arena")
    with MisbehavingServer(BEHAVIOURS) as server:
        catalog = [
            Endpoint.model_validate(
                {"provider": name, "model": "m", "base_url": server.url(f"{name}/v1"), "price": PRICE}
                | {"model_family": "unknown" if name.startswith("unknown") else "tiny", "context_tokens": 4000}
                | {"fast_because": "it is a test"}
            )
            for name in BEHAVIOURS
        ]
        options = PlanOptions(suites=("speed",), sizes=SuiteSizes(speed_probes=25))
        plan = plan_round(home, today(), catalog, options)
        run_round(home, plan, {each.endpoint_id: str(each.base_url) for each in catalog}, budget=WIDE)
    return home


@pytest.fixture(scope="module")
def with_family(probed: Home, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    folder = tmp_path_factory.mktemp("tokenizers")
    COUNTER.tokenizer.save(str(folder / "tiny.json"))
    return audited(probed, str(folder))


def found_of(audit: pl.DataFrame) -> dict[str, set[str]]:
    return {
        row["endpoint_id"].split("/")[0]: set(filter(None, row["findings"].split(", ")))
        for row in audit.iter_rows(named=True)
    }


def row_of(audit: pl.DataFrame, name: str) -> dict[str, Any]:
    return audit.row(by_predicate=pl.col("endpoint_id").str.starts_with(f"{name}/"), named=True)


def test_each_misbehaviour_is_found_by_name(with_family: Audited) -> None:
    sample, counted, audit, _ = with_family
    assert conservation(today(), sample, counted, audit)["conserved"]
    assert found_of(audit) == {
        "honest": set(),
        "a_third_more": {"output_more"},
        "nine_times": {"output_more"},
        "hides": {"hidden_reasoning"},
        "thinks_aloud": set(),
        "twice": {"output_more", "reasoning_twice"},
        "twice_beside": {"output_more", "reasoning_twice", "reasoning_outside"},
        "pads_prompts": {"input_more"},
        "another_price": {"reported_cost_differs"},
        "chunks": {"output_less", "chunks_counted"},
        "says_nothing": {"usage_missing", "output"},
        "unknown_honest": set(),
        "unknown_10_percent": set(),
        "unknown_half_more": {"output_more"},
    }
    flagged = {name for name in BEHAVIOURS if row_of(audit, name)["bills_more_than_text"]}
    assert flagged == {"a_third_more", "nine_times", "twice", "twice_beside", "pads_prompts", "unknown_half_more"}


def test_figures_are_those_that_the_server_made(with_family: Audited) -> None:
    audit = with_family[2]
    honest, more = row_of(audit, "honest"), row_of(audit, "a_third_more")
    assert (honest["output_ratio"], honest["output_ratio_lo"], honest["output_ratio_hi"]) == (1.0, 1.0, 1.0)
    assert honest["input_slope"] == pytest.approx(1.0)
    assert honest["template_overhead_tokens"] == pytest.approx(3.0, abs=1e-6)
    assert honest["reported_cost_ratio"] == pytest.approx(1.0)
    assert honest["n_audited"] == honest["n_answered"] == 25
    assert more["output_ratio"] == pytest.approx(1.3, abs=0.005)
    assert row_of(audit, "nine_times")["output_ratio"] == pytest.approx(9.0)  # from quarantine
    assert row_of(audit, "pads_prompts")["input_slope"] == pytest.approx(1.2, abs=0.005)
    assert row_of(audit, "another_price")["reported_cost_ratio"] == pytest.approx(1.25)
    hides = row_of(audit, "hides")
    assert hides["hidden_reasoning_tokens"] == 25 * 400
    assert row_of(audit, "says_nothing")["n_without_usage"] == 25


def test_evidence_leads_to_its_raw_line(probed: Home, with_family: Audited) -> None:
    sample, _, _, evidence = with_family
    row = evidence.filter(pl.col("endpoint_id").str.starts_with("a_third_more/"), finding="output_more").to_dicts()[0]
    example = json.loads(row["evidence"])[0]
    place = sample.row(by_predicate=pl.col("request_id") == example["request_id"], named=True)
    assert (place["raw_file"], place["raw_line"]) == (example["raw_file"], example["raw_line"])
    assert example["billed_output_tokens"] == round(1.3 * example["counted_output_tokens"])
    assert f"{example['raw_file']}:{example['raw_line']}" in "\n".join(
        cell for line in evidence_rows(evidence.to_dicts()) for cell in line
    )


def test_evidence_that_is_gone_is_named(probed: Home, with_family: Audited) -> None:
    moved = with_family[0].head(1).with_columns(raw_line=pl.lit(10**6).cast(pl.Int64))
    with pytest.raises(NoEvidenceError, match="line 1000000 is not there any more"):
        raw_records(probed, today(), moved)


def test_the_common_tokenizer_accuses_only_beyond_its_error(with_family: Audited) -> None:
    audit = with_family[2]
    honest, slightly, half = (row_of(audit, f"unknown_{name}") for name in ("honest", "10_percent", "half_more"))
    assert {row["tokenizer_basis"] for row in (honest, slightly, half)} == {"common"}
    assert honest["output_ratio"] == pytest.approx(1.0)
    assert slightly["output_ratio"] == pytest.approx(1.1, abs=0.01)
    assert slightly["output_verdict"] == honest["output_verdict"] == "within the tokenizer's error"
    # prose in English: Llama 2 makes 1.167 times as many tokens of it, and 5 % more
    assert honest["output_error_hi"] == pytest.approx(1.225, abs=0.005)
    assert half["output_verdict"] == "more"
    assert "a common tokenizer" in half["claim"]


def test_it_reads_as_text(with_family: Audited) -> None:
    audit = with_family[2].with_columns(endpoint_id=pl.lit("<b>|evil|</b>/m@x"))
    shown = table(["a"] * 10, billing_rows(audit.to_dicts()))
    assert "<b>" not in shown
    assert "MORE" in shown


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, "hi"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, None),
        ({"prompt": "hi"}, "hi"),
        ({"input": "hi"}, "hi"),
        ({"input": [{"role": "user", "content": "hi"}]}, "hi"),
        ({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, "hi"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}, None),
        ({}, None),
    ],
)
def test_the_prompt_of_a_body(body: dict[str, Any], expected: str | None) -> None:
    assert prompt_of(body) == expected


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings")
def test_costs_in_recorded_streams() -> None:
    expected = {
        "test_cache__test_openrouter_cache_streaming_e2e.yaml": 0.000837,
        "test_openrouter__test_openrouter_stream_with_reasoning.yaml": 0.00085,
        "test_openrouter__test_openrouter_streaming_reasoning.yaml": 0.000669,
    }
    for file, usd in expected.items():
        usage = parse_stream([_bodies(file)[0]]).usage
        assert usage is not None
        assert reported_cost_usd(usage.raw) == (usd, "cost")
    groq = parse_stream([_bodies("test_groq__test_groq_model_thinking_part_iter.yaml")[0]]).usage
    assert groq is not None
    assert reported_cost_usd(groq.raw) == (None, None)
