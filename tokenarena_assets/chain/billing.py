"""The billing audit of a day: sampled answers and their raw lines -> counts -> one audit an endpoint, with evidence."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from tokenarena_assets.billing import (
    AnswerCounts,
    Counted,
    Finding,
    findings_of,
    reported_cost_usd,
    summarise,
    usage_shape,
)
from tokenarena_assets.chain.audit_tables import BILLING_AUDIT, BILLING_EVIDENCE, BILLING_REQUESTS
from tokenarena_assets.errors import NoEvidenceError
from tokenarena_assets.probing.apis.finish import finish_class_of
from tokenarena_assets.probing.apis.values import dict_of, dicts_of
from tokenarena_assets.probing.stream import INLINE_THOUGHT
from tokenarena_assets.storage.home import Home
from tokenarena_assets.storage.rawlog import records_at
from tokenarena_assets.tokens import TokenCounter, TokenizerFiles
from tokenarena_assets.tokens.spread import EXACT, band_of

RawRecords = Mapping[tuple[str, int], Mapping[str, Any]]
NEEDED = ("request", "usage")
NO_ANSWERS = "no answer of the day could be audited"
CLEAN = "nothing was found"


def billing_requests(
    sample: pl.DataFrame, raw: RawRecords, endpoints: pl.DataFrame, files: TokenizerFiles
) -> pl.DataFrame:
    """Count every sampled answer; its prompt and what it reports to cost are those of its raw record.

    Raises:
        TokenArenaError: a family's tokenizer cannot be read.
    """
    families = {
        endpoint_id: (family, is_embedded)
        for endpoint_id, family, is_embedded in endpoints.select(
            "endpoint_id", "model_family", "is_embedded"
        ).iter_rows()
    }
    rows = []
    for row in sample.sort("endpoint_id", "sample_number").iter_rows(named=True):
        family, is_embedded = families.get(row["endpoint_id"], (row["endpoint_id"], False))
        counter = files.counter_for(family, is_embedded=bool(is_embedded))
        rows.append(_request_row(row, raw[row["raw_file"], row["raw_line"]], counter))
    return BILLING_REQUESTS.frame(rows)


def raw_records(home: Home, day: date, sample: pl.DataFrame) -> RawRecords:
    """What is needed of the raw records of a sample, by file and line.

    Raises:
        NoEvidenceError: a raw line of the sample is not there any more.
    """
    folder = home.raw_day(day)
    wanted = [
        (str(name), frozenset(own["raw_line"])) for (name,), own in sample.group_by("raw_file", maintain_order=True)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # decompressing and counting need no interpreter
        of_files = threads.map(lambda each: _records_in(folder / each[0], each[1]), wanted)
        return {
            (name, line): record
            for (name, _), records in zip(wanted, of_files, strict=True)
            for line, record in records.items()
        }


def _records_in(path: Path, wanted: Set[int]) -> dict[int, dict[str, Any]]:
    sealed = path.with_name(path.name.removesuffix(".part") + ".zst")
    found = records_at(path if path.exists() or not path.name.endswith(".part") else sealed, wanted, NEEDED)
    if len(found) < len(wanted):
        raise NoEvidenceError(
            f"{path}: line {min(wanted - found.keys())} is not there any more",
            mend="restore the day's raw folder, or materialize probe_log anew from what there is",
        )
    return found


def prompt_of(body: Mapping[str, Any]) -> str | None:
    """The prompt of a request body of any API, where it is one plain text; None for a conversation."""
    for name in ("prompt", "input"):
        if isinstance(body.get(name), str):
            return str(body[name])
    turns = dicts_of(body.get("messages") or body.get("input") or body.get("contents"))
    if len(turns) != 1:
        return None
    content = turns[0].get("content")
    if content is None and len(parts := dicts_of(turns[0].get("parts"))) == 1:
        content = parts[0].get("text")
    return content if isinstance(content, str) else None


def _request_row(row: Mapping[str, Any], record: Mapping[str, Any], counter: TokenCounter) -> dict[str, object]:
    text, reasoning = row["text"] or "", row["reasoning"] or ""
    inline = INLINE_THOUGHT.match(text)
    thought = reasoning + (text[: inline.end()] if inline else "")
    answer = _counted(counter, text[inline.end() :] if inline else text)
    shown = _counted(counter, thought)
    prompt_text = prompt_of(dict_of(dict_of(record.get("request")).get("body")))
    prompt = None if prompt_text is None else _counted(counter, prompt_text)
    block = dict_of(dict_of(record.get("usage")).get("raw"))
    reported, field = reported_cost_usd(block)
    names = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    shape = usage_shape(block, **{name: row[name] for name in names})
    counts = AnswerCounts(
        request_id=row["request_id"],
        raw_file=row["raw_file"],
        raw_line=row["raw_line"],
        billed_input=row["input_tokens"],
        billed_output=row["output_tokens"],
        billed_reasoning=row["reasoning_tokens"],
        answer=answer,
        reasoning=shown,
        ended=int(finish_class_of(row["finish_reason"]) == "stop"),
        prompt=prompt,
        events=row["generated_events"] or 0,
    )
    return {
        **{name: row[name] for name in ("day", "endpoint_id", "request_id", "suite", "raw_file", "raw_line")},
        "reject_reason": row["reject_reason"],
        "tokenizer": counter.name,
        "tokenizer_basis": counter.basis,
        "billed_input_tokens": row["input_tokens"],
        "counted_input_tokens": prompt and prompt.tokens,
        "counted_input_lo": prompt and prompt.lo,
        "counted_input_hi": prompt and prompt.hi,
        "billed_output_tokens": row["output_tokens"],
        "billed_reasoning_tokens": row["reasoning_tokens"],
        "counted_answer_tokens": answer.tokens,
        "counted_answer_lo": answer.lo,
        "counted_answer_hi": answer.hi,
        "counted_reasoning_tokens": shown.tokens,
        "counted_reasoning_lo": shown.lo,
        "counted_reasoning_hi": shown.hi,
        "end_tokens": counts.ended,
        "counted_output_tokens": counts.counted.tokens,
        "counted_output_lo": counts.counted.lo,
        "counted_output_hi": counts.counted.hi,
        "hidden_reasoning_tokens": counts.hidden,
        "generated_events": row["generated_events"],
        "cached_place": shape.cached,
        "reasoning_place": shape.reasoning,
        "cost_usd": row["cost_usd"],
        "reported_cost_usd": reported,
        "reported_cost_field": field,
    }


def _counted(counter: TokenCounter, text: str) -> Counted:
    band = EXACT if counter.basis == "family" else band_of(text)
    return Counted.by(counter.count(text), band.lo, band.hi)


def billing_of_day(
    day: date, requests: pl.DataFrame, sample: pl.DataFrame, endpoints: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`billing_audit` and `billing_evidence` of the counted answers; every endpoint of the day has its row."""
    drawn = {
        row["endpoint_id"]: row
        for row in sample.group_by("endpoint_id")
        .agg(pl.col("n_answered", "n_without_usage").first())
        .iter_rows(named=True)
    }
    counted = {str(name): own for (name,), own in requests.group_by("endpoint_id")}
    audits, evidence = [], []
    for endpoint_id in sorted(set(endpoints["endpoint_id"]) | counted.keys()):
        if endpoint_id not in counted:
            audits.append(_unaudited(day, endpoint_id))
            continue
        audit, findings = _audited(day, endpoint_id, counted[endpoint_id], drawn[endpoint_id])
        audits.append(audit)
        evidence += [_evidence_row(day, endpoint_id, finding) for finding in findings]
    return BILLING_AUDIT.frame(audits), BILLING_EVIDENCE.frame(evidence)


def _audited(
    day: date, endpoint_id: str, own: pl.DataFrame, drawn: Mapping[str, Any]
) -> tuple[dict[str, object], list[Finding]]:
    rows = own.sort("raw_file", "raw_line").to_dicts()
    answers = [_answer_of(row) for row in rows]
    tokenizer, exact = rows[0]["tokenizer"], rows[0]["tokenizer_basis"] == "family"
    shapes = Counter(
        f"{part}_{row[f'{part}_place']}" for row in rows for part in ("cached", "reasoning") if row[f"{part}_place"]
    )
    summary = summarise(answers, exact=exact)
    findings = findings_of(summary, answers, tokenizer=tokenizer, exact=exact, shapes=dict(shapes))
    ratio, line, cost = summary.ratio, summary.line, summary.cost_ratio
    audit = _unaudited(day, endpoint_id) | {
        "n_answered": drawn["n_answered"],
        "n_audited": summary.n,
        "n_without_usage": drawn["n_without_usage"],
        "tokenizer": tokenizer,
        "tokenizer_basis": rows[0]["tokenizer_basis"],
        "billed_output_tokens": summary.billed,
        "counted_output_tokens": summary.counted,
        "hidden_reasoning_tokens": summary.hidden,
        "hidden_reasoning_share": summary.hidden / summary.billed if summary.billed else None,
        **_interval("output_ratio", ratio.value, ratio.lo, ratio.hi),
        "n_output": ratio.n,
        "output_error_lo": summary.error_lo,
        "output_error_hi": summary.error_hi,
        "output_verdict": summary.output_verdict,
        **_interval("input_slope", line.slope, line.lo, line.hi),
        "template_overhead_tokens": line.overhead,
        "n_input": line.n,
        "input_error_lo": summary.input_error_lo,
        "input_error_hi": summary.input_error_hi,
        "input_verdict": summary.input_verdict,
        "reported_cost_usd": summary.reported_cost_usd,
        "list_cost_usd": summary.cost_usd,
        **_interval("reported_cost_ratio", cost.value, cost.lo, cost.hi),
        "n_reported_cost": cost.n,
        "bills_more_than_text": summary.bills_more_than_text,
        "findings": ", ".join(finding.kind for finding in findings),
        "claim": _claim(findings),
    }
    return audit, findings


def _unaudited(day: date, endpoint_id: str) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(BILLING_AUDIT.column_names)
    return row | {
        "day": day,
        "endpoint_id": endpoint_id,
        **dict.fromkeys(("n_answered", "n_audited", "n_without_usage", "n_output", "n_input", "n_reported_cost"), 0),
        "output_verdict": "cannot tell",
        "input_verdict": "cannot tell",
        "bills_more_than_text": False,
        "findings": "",
        "claim": NO_ANSWERS,
    }


def _interval(name: str, value: float | None, lo: float | None, hi: float | None) -> dict[str, object]:
    return {name: value, f"{name}_lo": lo, f"{name}_hi": hi}


def _claim(findings: Sequence[Finding]) -> str:
    order = ("flag", "cannot tell", "note")
    return "; ".join(finding.claim for finding in sorted(findings, key=lambda f: order.index(f.severity))) or CLEAN


def _evidence_row(day: date, endpoint_id: str, finding: Finding) -> dict[str, object]:
    return {
        "day": day,
        "endpoint_id": endpoint_id,
        "finding": finding.kind,
        "severity": finding.severity,
        "claim": finding.claim,
        "n": finding.n,
        "evidence": json.dumps(finding.examples),
    }


def _answer_of(row: Mapping[str, Any]) -> AnswerCounts:
    def counted(name: str) -> Counted:
        return Counted(row[f"counted_{name}_tokens"], row[f"counted_{name}_lo"], row[f"counted_{name}_hi"])

    return AnswerCounts(
        request_id=row["request_id"],
        raw_file=row["raw_file"],
        raw_line=row["raw_line"],
        billed_input=row["billed_input_tokens"],
        billed_output=row["billed_output_tokens"],
        billed_reasoning=row["billed_reasoning_tokens"],
        answer=counted("answer"),
        reasoning=counted("reasoning"),
        ended=row["end_tokens"],
        prompt=None if row["counted_input_tokens"] is None else counted("input"),
        events=row["generated_events"] or 0,
        cost_usd=row["cost_usd"],
        reported_cost_usd=row["reported_cost_usd"],
    )
