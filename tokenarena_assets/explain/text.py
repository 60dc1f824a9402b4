"""An explained cell as text of 120 columns; whatever came from outside is shown without its control characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenarena_assets.explain.trace import RAW
from tokenarena_assets.report.terminal import plain

WIDTH = 120
LABEL = 18
KINDS = {
    "measured": "measured by our own probes",
    "modeled": "modeled, not measured: nobody but the provider could measure it",
    "recorded": "recorded: what the catalog, a plan, a certificate or a price feed said",
    "fixed": "fixed: it names the row or is the preset's own",
}


def cell_text(cell: Mapping[str, Any]) -> str:
    """All of one cell."""
    key = ", ".join(f"{name} {value}" for name, value in cell["key"].items())
    lines = [f"{cell['table']}.{cell['column']} on {cell['day']}: {plain(key)}", ""]
    lines += _labelled("value", _value(cell))
    lines += _labelled("meaning", cell["comment"])
    lines += _labelled("kind", KINDS[cell["kind"]])
    if cell["why"]:
        lines += _labelled("beside it", cell["why"])
    lines += _labelled("formula", cell["formula"])
    lines += ["", "Made of"]
    lines += _chain(cell["chain"])
    lines += ["", *_probes(cell)]
    for place in cell["recorded_in"]:
        lines += _labelled("recorded in", place)
    for each in cell["rounds"]:
        lines += ["", *_round(each)]
    lines += ["", *_versions(cell["versions"])]
    return "\n".join(lines)


def summary_text(cells: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """One row a column of a table row: column, value with interval, n, kind, probes, formula."""
    return [
        [
            cell["column"],
            _short(_value(cell), 42),
            cell["n"],
            cell["kind"],
            cell["probes"]["total"],
            _short(cell["no_probe_because"] or cell["formula"], 52),
        ]
        for cell in cells
    ]


SUMMARY_HEADERS = ["column", "value", "n", "kind", "probes", "formula, or why no probe"]


def raw_text(lines: Sequence[tuple[str, bytes]]) -> Iterator[str]:
    """Raw lines, each after its place; what is no plain character is shown by its code."""
    for place, data in lines:
        yield f"-- {plain(place)}"
        yield plain(data.decode("utf-8", "backslashreplace"))


def _value(cell: Mapping[str, Any]) -> str:
    if cell["value"] is None:
        return f"none ({cell['why']})" if cell["why"] else "none"
    text = str(cell["value"])
    if cell["lo"] is not None or cell["hi"] is not None:
        text += f" [{_end(cell['lo'])}, {_end(cell['hi'])}]"
    return text + (f" n={cell['n']}" if cell["n"] is not None else "")


def _end(value: object) -> str:
    return "?" if value is None else str(value)


def _short(text: str, most: int) -> str:
    one = plain(" ".join(str(text).split()))
    return one if len(one) <= most else one[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _labelled(label: str, text: object, indent: int = 2) -> list[str]:
    return textwrap.wrap(
        plain(text),
        WIDTH,
        initial_indent=" " * indent + label.ljust(LABEL),
        subsequent_indent=" " * (indent + LABEL),
        break_on_hyphens=False,
    ) or [" " * indent + label]


def _chain(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for step in steps:
        indent = 2 + 2 * min(step["depth"], 12)
        rows = f"{step['n_rows']} row" + "s" * (step["n_rows"] != 1)
        value = "" if step["value"] is None else f" = {_short(str(step['value']), 40)}"
        head = " " * indent + f"{step['table']}.{step['column']}{value}, of {rows}"
        passed_on = step["formula"].replace(".", "").replace("_", "").isalnum()  # a name alone: the next step has it
        if step["code"] == RAW or passed_on:
            lines.append(_short_line(f"{head}, as recorded" if step["code"] == RAW else head))
            continue
        lines.append(_short_line(head))
        lines += textwrap.wrap(
            plain(step["formula"]) + (f"  ({step['code']})" if step["code"] else ""),
            WIDTH,
            initial_indent=" " * (indent + 4),
            subsequent_indent=" " * (indent + 4),
        )
    return lines


def _short_line(text: str) -> str:
    return plain(text)[:WIDTH]


def _probes(cell: Mapping[str, Any]) -> list[str]:
    probes = cell["probes"]
    if not probes["total"]:
        return _labelled("no probe", cell["no_probe_because"] or "none", 0)
    shown = len(probes["shown"])
    lines = [f"Raw probes: {probes['total']}" + ("" if shown == probes["total"] else f", the first {shown} shown")]
    files = {probe["file"]: probe for probe in probes["shown"]}
    for file, probe in files.items():
        lines.append(f"  {plain(file)}")
        lines.append(f"    SHA-256 {probe['file_sha256'] or 'none'}  {probe['file_state']}")
        if probe["sealed_sha256"] not in (None, probe["file_sha256"]):
            lines.append(f"    sealed  {probe['sealed_sha256']}")
        lines += [f"    {_compacted(each)}" for each in probe["file_compacted"]]
        for each in (other for other in probes["shown"] if other["file"] == file):
            lines.append(
                _short_line(
                    f"    line {each['raw_line']:>6}  {each['started_at']:%H:%M:%S}  {each['status']:<10} "
                    f"request {each['request_id']}  response {_short(str(each['response_id'] or '-'), 42)}"
                )
            )
            lines.append(f"                 line SHA-256 {each['line_sha256'] or 'the line is not there'}")
            lines += [f"                 {text}" for text in _expired(each["expired"] or {})]
    return lines


def _compacted(entry: Mapping[str, Any]) -> str:
    lost = [name for name in ("frames", "texts") if any(entry[name].values())]
    return (
        f"{entry['on']}: {' and '.join(lost)} expired under policy {entry['policy_sha256'][:12]}, "
        f"from then on SHA-256 {entry['sha256'][:12]}\N{HORIZONTAL ELLIPSIS}"
    )


def _expired(mark: Mapping[str, str]) -> list[str]:
    lines = [f"{name} expired on {plain(mark[name])}" for name in ("frames", "texts") if name in mark]
    return [*lines, f"SHA-256 of the full line {plain(mark.get('line_sha256', 'unknown'))}"] if lines else []


def _round(row: Mapping[str, Any]) -> list[str]:
    verdict = (
        "void: nothing is published of it" if row["void"] else "certified" if row["certified"] else "not certified"
    )
    reason = row["void_reason"] or row["uncertified_because"]
    lines = [_short_line(f"Round {row['round_id']}: {row['state']}, {verdict}" + (f" ({reason})" if reason else ""))]
    error = ", ".join(
        f"{name} {row[column]:.3g} ms"
        for name, column in (
            ("TTFT error p50", "client_ttft_error_p50_ms"),
            ("p99", "client_ttft_error_p99_ms"),
            ("event lag p50", "client_event_lag_p50_ms"),
            ("p99", "client_event_lag_p99_ms"),
        )
        if row[column] is not None
    )
    lines += _labelled("client error", error or "not measured")
    lines += _labelled("client", row["client"] or "not recorded")
    if row["suite_version"]:
        lines += _labelled("suite", row["suite_version"])
    lines += _labelled("file", f"{row['file']}: {row['file_state']}")
    return lines


def _versions(versions: Mapping[str, Any]) -> list[str]:
    lines = ["Versions"]
    for name, value in versions.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{key} {each}" for key, each in value.items())
        else:
            text = ", ".join(value) if isinstance(value, list) else str(value)
        lines += _labelled(name.replace("_", " "), text)
    return lines if len(lines) > 1 else ["Versions: none recorded with the day"]
