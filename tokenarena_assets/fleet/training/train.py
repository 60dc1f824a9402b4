"""Train one size from its recipe: `python -m tokenarena_assets.fleet.training.train 2m --out build/training`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from tokenarena_assets.fleet.training import data, recipe
from tokenarena_assets.fleet.training.model import Decoder
from tokenarena_assets.fleet.training.tokenizer import train_tokenizer

IGNORED = -100


def encode(tokenizer: Tokenizer, turns: list[data.Turn]) -> tuple[list[int], list[bool]]:
    """Token ids of a conversation and which of them are answers (the only ones that carry loss)."""
    ids: list[int] = []
    is_answer: list[bool] = []
    special = {name: tokenizer.token_to_id(name) for name in recipe.SPECIAL_TOKENS}
    for user, assistant in turns:
        question = [
            special[recipe.USER_TOKEN],
            *tokenizer.encode(user).ids,
            special[recipe.END_TOKEN],
            special[recipe.ASSISTANT_TOKEN],
        ]
        answer = [*tokenizer.encode(assistant).ids, special[recipe.END_TOKEN]]
        ids += question + answer
        is_answer += [False] * len(question) + [True] * len(answer)
    return ids, is_answer


def sequences(tokenizer: Tokenizer, seed: int, stage: recipe.Stage) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (inputs, targets) of a row's tokens each; whole conversations are packed, none is cut to fit."""
    length = stage.sequence_tokens + 1
    ids: list[int] = []
    targets: list[int] = []
    for turns in data.conversations(seed, stage.mix, stage.longest_chars):
        new_ids, is_answer = encode(tokenizer, turns)
        if len(new_ids) > length:
            continue
        if len(ids) + len(new_ids) > length:
            padding = length - len(ids)
            row = torch.tensor(ids + [0] * padding)
            goal = torch.tensor(targets + [IGNORED] * padding)
            yield row[:-1], goal[1:]
            ids, targets = [], []
        ids += new_ids
        targets += [token if answer else IGNORED for token, answer in zip(new_ids, is_answer, strict=True)]


def learning_rate_factor(step: int, stage: recipe.Stage) -> float:
    """Warm-up, plateau, then linear decay to zero, times the stage's own rate."""
    decay_steps = stage.decay_share * stage.steps
    return stage.rate * min(1.0, (step + 1) / stage.warmup_steps, (stage.steps - step) / decay_steps)


def train(shape: recipe.Recipe, tokenizer: Tokenizer, out: Path, first_stage: int = 0) -> Decoder:
    """Train on one thread (two stall each other on a shared machine) and save the weights after each stage.

    From `first_stage` on, where the stages before it have left their weights in `out`.
    """
    torch.manual_seed(recipe.TRAINING_SEED)
    torch.set_num_threads(1)
    model = Decoder(shape)
    if first_stage:
        model.load_state_dict(torch.load(checkpoint(out, shape, first_stage - 1)))
    print(f"{shape.name}: {sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    for number in range(first_stage, len(shape.stages)):
        run_stage(model, shape, number, tokenizer)
        torch.save(model.state_dict(), checkpoint(out, shape, number))
    return model


def checkpoint(out: Path, shape: recipe.Recipe, stage: int) -> Path:
    """Where the weights after a stage are kept; those of the last one are the model's."""
    last = stage == len(shape.stages) - 1
    return out / (f"{shape.name}.pt" if last else f"{shape.name}-stage-{stage}.pt")


def run_stage(model: Decoder, shape: recipe.Recipe, number: int, tokenizer: Tokenizer) -> None:
    """One stage, its optimizers fresh."""
    stage = shape.stages[number]
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith("blk")]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or not name.startswith("blk")]
    # Muon on the hidden matrices: about half the steps of AdamW alone at this size.
    optimizers = [
        torch.optim.Muon(matrices, lr=shape.muon_lr, weight_decay=shape.weight_decay, adjust_lr_fn="original"),
        torch.optim.AdamW(others, lr=shape.peak_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    stream = sequences(tokenizer, recipe.TRAINING_SEED + number, stage)
    started, running = time.monotonic(), 0.0
    for step in range(stage.steps):
        rows = [next(stream) for _ in range(stage.batch_sequences)]
        inputs, targets = torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows])
        answered = targets != IGNORED
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model.logits(model(inputs)[answered])
        loss = F.cross_entropy(logits.float(), targets[answered])
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        factor = learning_rate_factor(step, stage)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            for group, lr in zip(optimizer.param_groups, peak, strict=True):
                group["lr"] = lr * factor
            optimizer.step()
        running += loss.item()
        if (step + 1) % 50 == 0:
            minutes = (time.monotonic() - started) / 60
            print(f"stage {number} step {step + 1}/{stage.steps} loss {running / 50:.4f} {minutes:.1f} min", flush=True)
            running = 0.0


def main() -> None:
    """Train the tokenizer when it is missing, then the size that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=sorted(recipe.RECIPES))
    parser.add_argument("--out", type=Path, default=Path("build/training"))
    parser.add_argument("--first-stage", type=int, default=0, help="go on from the weights that the stage before left")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path)) if path.exists() else train_tokenizer(path)
    train(recipe.RECIPES[arguments.size], tokenizer, arguments.out, arguments.first_stage)


if __name__ == "__main__":
    main()
