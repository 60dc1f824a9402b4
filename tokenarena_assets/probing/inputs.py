"""What a person brings: files of items (public sets for the weekly anchor, one's own), and the private seed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tokenarena_assets.errors import TokenArenaError
from tokenarena_assets.suites.items import Item
from tokenarena_assets.suites.own_items import load_own_items
from tokenarena_assets.suites.public_sets import anchor_items

ANCHORS_VARIABLE = "TOKENARENA_ANCHORS"
ITEMS_VARIABLE = "TOKENARENA_ITEMS"
PRIVATE_SEED_VARIABLE = "TOKENARENA_PRIVATE_SEED"
PUBLIC_SETS = ("gsm8k", "humaneval", "mbpp")
Anchors = tuple[tuple[str, str], ...]  # name of a public set -> path of its file, in the order of their names


@dataclass(frozen=True, slots=True)
class Inputs:
    """Items by suite, and the SHA-256 of each file that they come from; the seed of the rotating fidelity prompts.

    Whoever knows the private seed knows the prompts beforehand: it goes into no file, only what :attr:`seed_mark` says.
    """

    items: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    private_seed: str = field(default="", repr=False)

    @property
    def seed_mark(self) -> str | None:
        """What tells the private seed from another: the first 16 hex digits of its SHA-256; None: there is none."""
        return hashlib.sha256(self.private_seed.encode()).hexdigest()[:16] if self.private_seed else None


def parse_anchors(given: Iterable[str], name: str) -> Anchors:
    """Public sets as a person names them: `gsm8k=PATH`, each once; relative paths are of the current folder.

    Raises:
        TokenArenaError: one is of another form, or no public set.
    """
    found: dict[str, str] = {}
    for text in given:
        public_set, _, path = text.strip().partition("=")
        if public_set not in PUBLIC_SETS or not path or public_set in found:
            raise TokenArenaError(
                f"{name}: {text!r} is no public set and its file, or the second one of that name",
                mend=f"write it as gsm8k=PATH; sets are: {', '.join(PUBLIC_SETS)}",
            )
        found[public_set] = str(Path(path).expanduser().absolute())
    return tuple(sorted(found.items()))


def anchors_in_force() -> Anchors:
    """TOKENARENA_ANCHORS, as in `gsm8k=/p/test.jsonl,humaneval=/p/HumanEval.jsonl`; none where it is not set."""
    given = os.environ.get(ANCHORS_VARIABLE, "")
    return parse_anchors((text for text in given.split(",") if text.strip()), ANCHORS_VARIABLE)


def items_file_in_force() -> str | None:
    """TOKENARENA_ITEMS, a JSONL file of one's own items; None where it is not set."""
    return absolute_file(os.environ.get(ITEMS_VARIABLE, ""))


def absolute_file(text: str) -> str | None:
    """A path as a person wrote it, made absolute; None: none was given."""
    return str(Path(text.strip()).expanduser().absolute()) if text.strip() else None


def load_inputs(anchors: Anchors, items_file: str | None) -> Inputs:
    """Read the files, and the private seed from TOKENARENA_PRIVATE_SEED.

    Raises:
        TokenArenaError: naming file, line and field of what cannot be read.
    """
    inputs = Inputs(private_seed=os.environ.get(PRIVATE_SEED_VARIABLE, "").strip())
    if anchors:
        for public_set, path in anchors:
            inputs.sha256[public_set] = _sha256(Path(path), f"--anchor {public_set}")
        inputs.items["anchor"] = anchor_items({public_set: Path(path) for public_set, path in anchors})
    if items_file:
        inputs.sha256["own"] = _sha256(Path(items_file), "--items")
        inputs.items["own"] = load_own_items(Path(items_file))
    return inputs


def _sha256(path: Path, name: str) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise TokenArenaError(f"{name}: {path} cannot be read: {error.strerror}", mend="check the path") from None
