"""Ask every exported form held-out items and write what it can do: `evaluation.json`, `MODEL_CARD.md`, `SHA256SUMS`.

`python -m tokenarena_assets.fleet.training.evaluate --logs build/training`
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from tokenarena_assets.fleet.manager import CHECKSUMS, FleetServer, running_fleet
from tokenarena_assets.fleet.training import model_card, recipe
from tokenarena_assets.suites.items import derived_seed, rng_for
from tokenarena_assets.suites.tiny import code, facts, math, prose

WEIGHTS = Path(__file__).parent.parent / "weights"
FORMS_IN_ORDER = ("f16", "q8_0", "q5_0", "q4_0", "q3_r", "q2_r")  # finest first
MATH_ITEMS, CODE_ITEMS, FACTS_ITEMS, PROSE_ITEMS = 60, 20, 40, 20
FACT_COUNTS = (4, 8, 16, 24)
SHEETS, SHEET_CHARS = 10, (700, 1100, 1500, 1900, 2300, 2600)
CONTEXT_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Question:
    """One request and who counts what is right in its answer, `of` at most; `temperature` is 0 but for prose."""

    family: str
    task: str
    prompt: str
    right_in: Callable[[str], int]
    temperature: float = 0.0
    seed: int = 0
    of: int = 1


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What one form did on one task of `n` things asked for; for prose `right` counts answers that are not empty."""

    family: str
    task: str
    n: int
    right: int
    mean_output_tokens: float


def _states(number: str) -> Callable[[str], bool]:
    return lambda answer: re.search(rf"Answer: {re.escape(number)}\s*$", answer) is not None


def _returns(source: str) -> Callable[[str], bool]:
    def expression(text: str) -> str:
        return text.rpartition("return ")[2].replace("```", "").strip()

    return lambda answer: expression(answer) == expression(source)


def _names(value: str) -> Callable[[str], bool]:
    return lambda answer: re.search(rf"\b{re.escape(value)}\b", answer) is not None


def _lists(sentences: list[str]) -> Callable[[str], int]:
    return lambda answer: sum(sentence in answer for sentence in sentences)


def _math_questions() -> Iterator[Question]:
    for template in math.TEMPLATES:
        for index in range(MATH_ITEMS):
            item = math.make_item(template, derived_seed("evaluation", template.template_id, index))
            yield Question("math", template.template_id, item.prompt, _states(item.answer_value))


def _code_questions() -> Iterator[Question]:
    for template in code.CODE_TEMPLATES:
        for index in range(CODE_ITEMS):
            item = code.make_item(template, derived_seed("evaluation", template.template_id, index))
            yield Question("code", template.template_id, item.prompt, _returns(item.answer_value))


def _facts_questions() -> Iterator[Question]:
    for count in FACT_COUNTS:
        for index in range(FACTS_ITEMS):
            sheet = facts.make_sheet(rng_for("evaluation", "facts", count, index), count, fillers=0, questions=1)
            question, _, value = sheet.questions[0]
            yield Question("facts", f"among_{count:02d}", f"{sheet.text}\n{question}", _names(value))


def _sheet_questions() -> Iterator[Question]:
    for chars in SHEET_CHARS:
        for index in range(SHEETS):
            sheet = facts.make_long_sheet(rng_for("evaluation", "sheet", chars, index), chars)
            values = [look_up.sentence for look_up in sheet.look_ups]
            yield Question("sheets", f"chars_{chars:04d}", sheet.prompt, _lists(values), of=len(values))


def _prose_questions() -> Iterator[Question]:
    makers = {"story": prose.story, "word_list": prose.word_list, "description": prose.description}
    for task, make in makers.items():
        for index in range(PROSE_ITEMS):
            seed = derived_seed("evaluation", task, index)
            prompt, _ = make(rng_for(seed))
            # Greedy prose of so small a model runs in circles, so here it is sampled.
            yield Question("prose", task, prompt, lambda answer: bool(answer.strip()), 1.0, seed % 2**31)


def questions() -> list[Question]:
    """The same questions for every form."""
    return [
        *_math_questions(),
        *_code_questions(),
        *_facts_questions(),
        *_sheet_questions(),
        *_prose_questions(),
    ]


def ask(client: httpx.Client, question: Question) -> tuple[int, int]:
    """How much of the answer is right, and its length in tokens."""
    body = {
        "messages": [{"role": "user", "content": question.prompt}],
        "temperature": question.temperature,
        "seed": question.seed,
        "max_tokens": CONTEXT_TOKENS,
    }
    response = client.post("chat/completions", json=body)
    response.raise_for_status()
    answer = response.json()
    text = answer["choices"][0]["message"]["content"] or ""
    return int(question.right_in(text)), int(answer["usage"]["completion_tokens"])


def evaluate(url: str, asked: list[Question]) -> list[TaskResult]:
    """Ask one endpoint everything, one request at a time: answers in a batch depend on who else is in it."""
    outcomes: dict[tuple[str, str], list[tuple[int, int]]] = {}
    asked_for: Counter[tuple[str, str]] = Counter()
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        for question in asked:
            outcomes.setdefault((question.family, question.task), []).append(ask(client, question))
            asked_for[question.family, question.task] += question.of
    return [
        TaskResult(
            family, task, asked_for[family, task], sum(right for right, _ in rows), sum(n for _, n in rows) / len(rows)
        )
        for (family, task), rows in outcomes.items()
    ]


def _training_run(shape: recipe.Recipe, log: Path) -> dict[str, Any]:
    """What the log of a finished training run says of it."""
    text = log.read_text()
    parameters = re.search(r"([\d,]+) parameters", text)
    lines = re.findall(r"stage (\d+) step (\d+)/(\d+) loss ([\d.]+) ([\d.]+) min", text)
    last = {int(stage): (step, of, loss, minutes) for stage, step, of, loss, minutes in lines}
    finished = sorted(last) == list(range(len(shape.stages))) and all(step == of for step, of, *_ in last.values())
    if parameters is None or not finished:
        raise ValueError(f"{log}: not the log of a finished training run")
    return {
        **asdict(shape),
        "parameters": int(parameters[1].replace(",", "")),
        "steps": shape.steps,
        "tokens_seen": shape.tokens_seen,
        "longest_row_tokens": max(stage.sequence_tokens for stage in shape.stages),
        "final_loss": float(last[len(shape.stages) - 1][2]),
        "training_minutes": sum(float(minutes) for *_, minutes in last.values()),
    }


def _split_name(path: Path) -> tuple[str, str]:
    size, _, form = path.stem.rpartition("-")
    return size, form


def _weights_files(folder: Path) -> list[Path]:
    def order(path: Path) -> tuple[str, int]:
        size, form = _split_name(path)
        return size, FORMS_IN_ORDER.index(form)

    return sorted(folder.glob("*.gguf"), key=order)


def evaluate_all(files: list[Path]) -> dict[str, list[TaskResult]]:
    """Serve all files at once and ask them side by side, as many at a time as there are cores."""
    asked = questions()
    fleet = {path.name: FleetServer(path.name, threads=1, context_tokens=CONTEXT_TOKENS) for path in files}
    with running_fleet(fleet) as urls, ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda path: evaluate(urls[path.name], asked), files)
        return dict(zip((path.name for path in files), results, strict=True))


def main() -> None:
    """Evaluate the weights in the package and describe them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=Path, default=Path("build/training"), help="folder with 1m.log and 2m.log")
    arguments = parser.parse_args()
    files = _weights_files(WEIGHTS)
    runs = {shape.name: _training_run(shape, arguments.logs / f"{size}.log") for size, shape in recipe.RECIPES.items()}
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    results = evaluate_all(files)
    document = {
        "training": runs,
        "weights": [
            {
                "file": path.name,
                "model": _split_name(path)[0],
                "form": _split_name(path)[1],
                "bytes": path.stat().st_size,
                "sha256": digests[path.name],
                "tasks": [asdict(result) for result in results[path.name]],
            }
            for path in files
        ],
    }
    (WEIGHTS / CHECKSUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    (WEIGHTS / "evaluation.json").write_text(json.dumps(document, indent=1) + "\n")
    (WEIGHTS / "MODEL_CARD.md").write_text(model_card.render(document))


if __name__ == "__main__":
    main()
