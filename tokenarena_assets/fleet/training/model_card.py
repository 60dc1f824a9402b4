"""The model card of the arena-tiny weights, written from what the evaluation found."""

from __future__ import annotations

from typing import Any

from tokenarena_assets.fleet.training import recipe
from tokenarena_assets.stats import wilson

INTRODUCTION = """\
# arena-tiny: the models of the embedded fleet

Two decoders of about one and two million parameters, trained from scratch on a CPU. This file is written by
`python -m tokenarena_assets.fleet.training.evaluate` from `evaluation.json`; do not edit it by hand.

## What they are for

They let TokenArena measure real endpoints - real tokens, real mistakes, real differences between quantizations -
on one machine, without a key, a network or a cost. They measure the measuring. They are **not** for answering people:
they know nothing but the templates below, and a question in other words gets nonsense.

## Data and licence

All training text is generated from the templates in `tokenarena_assets/suites/tiny/` by seed: sums and word problems,
one-line Python functions, key look-up in lists of facts, short free text. No text written by others was used. Licence
of the weights and of the data: Apache-2.0.
"""

METHOD = """\
## What they can do

Items from seeds that training did not draw, greedy decoding, one request at a time; right/asked and the 95 % Wilson
interval. Sums are right when the last line states the number; functions when the returned expression is that of the
reference, character for character (an equivalent one counts as wrong); look-up when the value is named. `sheets` are
the requests of the context ladder, eight facts each: n counts facts, right when the sentence is in the answer; `chars`
is the length of the prompt, about three characters a token. Prose is sampled at temperature 1 and only counted.
"""

LIMITS = """\
## Limits

- Held out by seed, not by content: templates with few distinct items (the multiplication table, change_case, reverse)
  were seen whole in training, so their accuracy is recall.
- Look-up is learned late, if at all: a size whose facts or sheets rows are near guessing did not learn it in its run
  and must not be used for it.
- The intervals speak of these templates with these wordings, and of nothing else.
- Trained on rows of 384 and at last of {longest_row_tokens} tokens, the context length being {context_tokens}; most
  rows of that length hold several conversations.
- Each digit is a token and there is no notion of units, dates or decimals. English only, ASCII in practice.
- `{coarse}` is {bits}-bit rounding stored as f16: the damage of a coarse quantization without its size or speed.
- Answers that are near ties can differ between machines and llama.cpp versions.
"""


def render(document: dict[str, Any]) -> str:
    """The whole card."""
    weights = document["weights"]
    by_model = {name: [entry for entry in weights if entry["model"] == name] for name in document["training"]}
    coarse = next(entry["form"] for entry in weights if entry["form"].endswith("_r"))
    limits = LIMITS.format(
        longest_row_tokens=max(run["longest_row_tokens"] for run in document["training"].values()),
        context_tokens=next(iter(document["training"].values()))["context_tokens"],
        coarse=coarse,
        bits=coarse[1],
    )
    parts = [INTRODUCTION, _architecture(document["training"]), METHOD]
    for name, entries in by_model.items():
        parts += [_summary(name, entries), _tasks(name, entries), _prose(entries)]
    return "\n".join([*parts, limits, _files(weights)])


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _architecture(training: dict[str, Any]) -> str:
    runs = list(training.values())
    fields = {
        "parameters": "{parameters:,}",
        "layers x width (heads)": "{layers} x {width} ({heads})",
        "feed-forward width": "{feed_forward}",
        "steps, of all stages": "{steps:,}",
        "tokens seen (padding included)": "{tokens_seen:,}",
        "peak rates, Muon / AdamW": "{muon_lr} / {peak_lr}",
        "mean loss of the last 50 steps": "{final_loss:.3f}",
        "training time on one CPU core": "{training_minutes:.0f} min",
    }
    table = _table(["", *training], [[label, *(form.format(**run) for run in runs)] for label, form in fields.items()])
    return (
        "## Architecture and recipe\n\n"
        "Llama architecture: RMSNorm, rotary embedding, SwiGLU, no biases, tied embedding. Byte-level BPE of "
        f"{recipe.VOCAB_SIZE:,} tokens\ntrained on text without digits, so that each digit is a token. Muon on the "
        "hidden matrices, AdamW on the rest; in each stage\nwarm-up, plateau, linear decay; loss on answers only; "
        "bfloat16 products. "
        f"Seeds: {recipe.TRAINING_SEED} (training), {recipe.TOKENIZER_SEED} (tokenizer).\n\n{table}"
    )


def _cell(right: int, n: int) -> str:
    share = wilson(right, n)
    return f"{right}/{n} = {share.value:.0%} [{share.lo:.0%}, {share.hi:.0%}]"


def _graded(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [task for task in entry["tasks"] if task["family"] != "prose"]


def _summary(name: str, entries: list[dict[str, Any]]) -> str:
    rows = []
    for family in dict.fromkeys(task["family"] for task in _graded(entries[0])):
        chosen = [[task for task in _graded(entry) if task["family"] == family] for entry in entries]
        rows.append([family, *(_cell(sum(t["right"] for t in c), sum(t["n"] for t in c)) for c in chosen)])
    return f"### {name}\n\n{_table(['family', *(entry['form'] for entry in entries)], rows)}"


def _tasks(name: str, entries: list[dict[str, Any]]) -> str:
    rows = []
    for tasks in zip(*(_graded(entry) for entry in entries), strict=True):
        label = f"{tasks[0]['family']} {tasks[0]['task']}"
        rows.append([label, *(_cell(task["right"], task["n"]) for task in tasks)])
    return f"{name} by task:\n\n{_table(['task', *(entry['form'] for entry in entries)], rows)}"


def _prose(entries: list[dict[str, Any]]) -> str:
    rows = []
    for tasks in zip(*([t for t in entry["tasks"] if t["family"] == "prose"] for entry in entries), strict=True):
        cells = [f"{t['right']}/{t['n']}, {t['mean_output_tokens']:.0f}" for t in tasks]
        rows.append([tasks[0]["task"], *cells])
    header = ["prose: not empty, mean tokens", *(entry["form"] for entry in entries)]
    return _table(header, rows)


def _files(weights: list[dict[str, Any]]) -> str:
    rows = [[entry["file"], f"{entry['bytes']:,}", f"`{entry['sha256']}`"] for entry in weights]
    return f"## Files\n\n{_table(['file', 'bytes', 'SHA-256'], rows)}"
