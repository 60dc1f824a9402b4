"""The leaderboard as a person reads it: each figure with its unit, its interval and its n, or why there is none."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

FAILURES_IN = "e2e ms, failed = never"
CONTEXT = "effective context"
TRUNCATES = "TRUNCATES"
FIDELITY = "fidelity"
JOULES = "J per correct, modeled"
OUTSIDE = "D"  # of the energy model
REASONS_SHOWN = 4
DEVIATES = ("suspect", "different")
Row = Mapping[str, Any]
Cell = tuple[str, ...]  # its lines: the value, then interval and n


def leaderboard_columns(scale: int) -> list[str]:
    """Headers, in the order of :func:`leaderboard_cells`."""
    price = "$ per million correct" if scale == 1_000_000 else "$ per thousand correct"
    speeds = ["output tok/s", "TTFT ms", FAILURES_IN]
    return [
        "rank",
        "endpoint",
        price,
        JOULES,
        "quality",
        "vs ref.",
        FIDELITY,
        *speeds,
        "blend $/Mtok",
        "success",
        CONTEXT,
    ]


def leaderboard_cells(rows: Sequence[Row], scale: int) -> list[list[Cell]]:
    """The cells of one preset's rows, ranked first, by cost; `scale` is of :func:`price_scale`."""
    ordered = sorted(
        rows, key=lambda r: (r["rank"] is None, r["rank"] or 0, _or_last(r["usd_per_correct"]), r["endpoint_id"])
    )
    return [
        [
            _rank(row),
            (str(row["endpoint_id"]),),
            _cost(row, scale),
            joules(row, row["energy_evidence_grade"]),
            _quality(row),
            _verdict(row),
            _fidelity(row),
            _if_ranked(row, "output_speed_tok_s", row["output_speed_not_ranked_because"]),
            _if_ranked(row, "ttft_ms", row["ttft_not_ranked_because"]),
            _failures_in(row),
            ("no price",) if row["blended_usd_per_mtok"] is None else (f"{row['blended_usd_per_mtok']:.4f}",),
            ("-",) if row["success_rate"] is None else (_share(row["success_rate"]), f"n={row['success_rate_n']}"),
            _context(row),
        ]
        for row in ordered
    ]


def asked_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows of whoever was sent to: of the rest there is nothing to show, and :func:`evidence_note` says why."""
    return [row for row in rows if row["not_ready"] is None]


def _not_sent_to(rows: Sequence[Row]) -> str | None:
    of_endpoint = {str(row["endpoint_id"]): row["not_ready"] for row in rows}  # which have a row a preset
    reasons = Counter(str(reason) for reason in of_endpoint.values() if reason is not None)
    if not reasons:
        return None
    shown = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(REASONS_SHOWN))
    more = len(reasons) - REASONS_SHOWN
    more_text = f" and {more} more reasons (tokenarena endpoints lists them)" if more > 0 else ""
    nobody = "Nobody is ranked: " if reasons.total() == len(of_endpoint) else ""
    return f"{nobody}{reasons.total()} of {len(of_endpoint)} endpoints not sent to: {shown}{more_text}"


def evidence_note(rows: Sequence[Row]) -> str | None:
    """What a reader must know beside the figures; None where there is nothing.

    Whether code is in them, who was not sent to, who shortens prompts, who may serve another model, and which rounds of
    the day nothing or not everything is known of.
    """
    unsent = _not_sent_to(rows)
    if unsent and not asked_rows(rows):
        return f"{unsent}."
    day = rows[0] if rows else {"n_rounds_void": 0, "n_rounds_uncertified": 0, "domain_note": None}
    parts = [f"Quality and dollars are of {day['domain_note']}"] if day["domain_note"] else []
    parts += [unsent] if unsent else []
    truncating = sorted({str(row["endpoint_id"]) for row in rows if row["context_truncating"]})
    if truncating:
        parts.append(f"{TRUNCATES} prompts without an error: {', '.join(truncating)}")
    deviating = {str(r["endpoint_id"]): r for r in rows if r["fidelity_verdict"] in DEVIATES}
    parts += [f"{name} is {r['fidelity_verdict']}: {r['fidelity_claim']}" for name, r in sorted(deviating.items())]
    if day["n_rounds_void"]:
        parts.append(
            f"{day['n_rounds_void']} of {day['n_rounds']} rounds void (the prober's own error was over its budget) "
            "and left out"
        )
    if day["n_rounds_uncertified"]:
        parts.append(
            f"{day['n_rounds_uncertified']} of {day['n_rounds']} rounds without a certificate of the prober's own error"
        )
    return "; ".join(parts) + "." if parts else None


def _share(value: float) -> str:
    """A share of which only all is shown as 100 % and only none as 0 %."""
    return f"{value:.0%}" if value in (0, 1) else f"{min(max(value, 0.001), 0.999):.1%}"


def _or_last(value: float | None) -> float:
    return math.inf if value is None else value


def price_scale(rows: Sequence[Row]) -> int:
    """Answers per price shown: small models cost too little per answer to be read otherwise."""
    known = [row["usd_per_correct"] for row in rows if row["usd_per_correct"]]
    return 1_000_000 if known and statistics.median(known) < 1e-4 else 1_000


def number(value: float) -> str:
    """Three significant digits, or whole numbers above that."""
    if value == 0 or abs(value) >= 1e9:
        return f"{value:.3g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def _rank(row: Row) -> Cell:
    if row["rank"] is None:
        return ("-",)
    if row["rank_lo"] == row["rank_hi"]:
        return (str(row["rank"]),)
    return (str(row["rank"]), f"({row['rank_lo']}-{row['rank_hi']})")


def _verdict(row: Row) -> Cell:
    verdict = str(row["versus_reference"] or "-")
    return (verdict, f"n={row['quality_n'] or 0}") if verdict == "cannot tell" else (verdict,)


def _cost(row: Row, scale: int) -> Cell:
    value, lo, hi, n = (row[f"usd_per_correct{end}"] for end in ("", "_lo", "_hi", "_n"))
    if value is None:
        return (f"> {number(scale * lo)}", f"0 of {n} correct") if lo is not None else (str(row["rank_note"] or "-"),)
    if lo is None or hi is None:
        return (number(scale * value), "no interval", f"n={n}")
    return (number(scale * value), f"[{number(scale * lo)}, {number(scale * hi)}]", f"n={n}")


def joules(row: Row, grade: str | None) -> Cell:
    """Modeled joules per correct answer: P5 and P95 stand with the middle or nothing does.

    Outside of the model (grade D) the interval stands alone: no middle is claimed.
    """
    p5, p50, p95 = (row[f"energy_j_per_correct_{p}"] for p in ("p5", "p50", "p95"))
    if p5 is None or p50 is None or p95 is None:
        return ("-",)
    if grade == OUTSIDE:
        return (f"{number(p5)} to {number(p95)}", f"grade {grade}")
    return (number(p50), f"[{number(p5)}, {number(p95)}]", f"grade {grade}")


def _with_interval(row: Row, name: str, unit: str) -> Cell:
    value, lo, hi, n = (row[key] for key in (name, f"{name}_lo", f"{name}_hi", f"{name}_n"))
    factor = 100 if unit == "%" else 1
    if value is None:
        return ("cannot tell", f"n={n or 0}")
    shown = number(factor * value) + unit
    if lo is None or hi is None:
        return (shown, "n too small", f"n={n}")
    return (shown, f"[{number(factor * lo)}, {number(factor * hi)}]", f"n={n}")


def _quality(row: Row) -> Cell:
    cell = _with_interval(row, "quality", "%")
    return (*cell, "limited by the cap") if row["quality_truncation_limited"] else cell


def _fidelity(row: Row) -> Cell:
    """F within 0 to 100 (its estimate may be over either), then the verdict where there is one."""
    verdict = row["fidelity_verdict"]
    if verdict is None:
        return ("-",)
    if row["fidelity_reference_kind"] == "consensus":
        said = "consensus"
    elif verdict in DEVIATES:
        said = f"{verdict}: {row['fidelity_channels_named']}"
    else:
        said = {"honest_floor": "measures the floor"}.get(verdict, str(verdict).replace("_", " "))
    value, lo, hi, n = (row[name] for name in ("fidelity", "fidelity_lo", "fidelity_hi", "fidelity_n_prompts"))
    if value is None:
        return (said,)
    interval = "no interval" if lo is None or hi is None else f"[{number(lo)}, {number(hi)}]"
    return (f"{min(100.0, max(0.0, value)):.1f}", interval, f"n={n}", said)


def _context(row: Row) -> Cell:
    advertised, effective = row["context_advertised_tokens"], row["context_effective_tokens"]
    of = () if advertised is None else (f"of {advertised:,}",)
    cut = (TRUNCATES,) if row["context_truncating"] else ()
    if effective is not None:
        return (f"{effective:,}", *of, *cut)
    if cut:
        return (*cut, *of)
    status = row["context_status"]
    return ("-" if status is None else {"cannot_tell": "cannot tell", "ok": "none"}.get(status, status), *of)


def _if_ranked(row: Row, name: str, not_ranked_because: str | None) -> Cell:
    cell = ("not ranked:", not_ranked_because) if not_ranked_because else _with_interval(row, name, "")
    _, imported, tool = str(row["latency_suite"]).partition("imported:")
    return (*cell, f"by {tool}") if imported else cell


def _failures_in(row: Row) -> Cell:
    value, note = row["e2e_with_failures_ms"], row["e2e_with_failures_note"]
    return (number(value),) if value is not None else (note or "cannot tell",)
