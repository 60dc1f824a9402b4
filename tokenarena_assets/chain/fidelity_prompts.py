"""Which prompts of the sampled channel tell anything: where one model's own answers are partly alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean

from tokenarena_assets.chain.fidelity_pool import Drawn
from tokenarena_assets.fidelity import PromptSamples, within_kernel

KERNEL_RANGE = (0.15, 0.9)  # of the reference's own answers
MIN_ANSWERS = 10  # to know that of a prompt
MIN_PROMPTS = 10
MAX_DROPPED = 0.2
LEAST_OFTEN = 0.25  # of how often the prompt was asked that was asked most


@dataclass(frozen=True, slots=True)
class PromptFit:
    """How alike answers of one endpoint to a prompt are, and whether it is compared; `fit` None: not known yet."""

    prompt_id: str
    n: int
    within_kernel: float | None
    fit: bool | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """The prompts that two endpoints are compared by, or `why_not`."""

    prompts: tuple[PromptSamples, ...]
    n_dropped: int
    why_not: str | None

    @property
    def n_samples(self) -> int:
        """Answers of the endpoint in them."""
        return sum(len(prompt.x_blocks) for prompt in self.prompts)


def prompt_fits(sides: Sequence[Mapping[str, Drawn]]) -> dict[str, PromptFit]:
    """The fitness of each prompt by the reference's answers; where there is no reference, by every endpoint's (mean).

    Args:
        sides: By prompt the answers of the reference alone, or of each endpoint of the family.
    """
    found = {}
    for prompt_id in sorted(set().union(*sides)):
        own = [side[prompt_id] for side in sides if prompt_id in side]
        n = sum(each.n for each in own)
        kernels = [k for each in own if (k := within_kernel(each.sequences)) is not None]
        within = fmean(kernels) if kernels and n >= MIN_ANSWERS else None
        found[prompt_id] = _fit(prompt_id, n, within)
    return found


def _fit(prompt_id: str, n: int, within: float | None) -> PromptFit:
    least, most = KERNEL_RANGE
    if within is None:
        return PromptFit(prompt_id, n, None, None, f"{n} answers of the reference, {MIN_ANSWERS} needed")
    if within < least:
        reason = f"its answers are all different: within-kernel {within:.3f}, under {least}"
    elif within > most:
        reason = f"its answers are all alike: within-kernel {within:.3f}, over {most}"
    else:
        return PromptFit(prompt_id, n, within, True, None)
    return PromptFit(prompt_id, n, within, False, reason)


def comparable(own: Mapping[str, Drawn], reference: Mapping[str, Drawn], fits: Mapping[str, PromptFit]) -> Compared:
    """The fit prompts that both were asked; where under half of a side's answers came, both sides drop the prompt.

    A prompt that the endpoint was asked less than a quarter as often as another waits: on the first day of a week's
    prompts, and on the last that they are in the pool. All prompts weigh the same, and the chance in those few answers
    would be most of what is seen.
    """
    shared = [name for name, found in fits.items() if found.fit and name in own and name in reference]
    most = max((own[name].asked for name in shared), default=0)
    asked = [name for name in shared if own[name].asked >= LEAST_OFTEN * most]
    kept = [name for name in asked if own[name].enough and reference[name].enough]
    prompts = tuple(
        PromptSamples(name, own[name].sequences, reference[name].sequences, own[name].blocks, reference[name].blocks)
        for name in kept
    )
    return Compared(prompts, len(asked) - len(kept), why_no_score(len(asked), len(kept), MIN_PROMPTS))


def why_no_score(asked: int, kept: int, needed: int) -> str | None:
    """Why `kept` of `asked` prompts are too few to judge by."""
    if asked - kept > MAX_DROPPED * asked:
        return f"{asked - kept} of {asked} prompts dropped: under half of their answers came"
    if kept < needed:
        return f"{kept} prompts to compare, {needed} needed"
    return None


def prompt_rows(
    day: date, family: str, fits: Mapping[str, PromptFit], sets: Mapping[str, str]
) -> list[dict[str, object]]:
    """Rows of `fidelity_prompts`; `sets` gives each prompt's set."""
    return [
        {
            "day": day,
            "model_family": family,
            "channel": "sampled",
            "prompt_id": each.prompt_id,
            "prompt_set": sets.get(each.prompt_id),
            "n_reference": each.n,
            "within_kernel": each.within_kernel,
            "fit": each.fit,
            "reason": each.reason,
        }
        for each in fits.values()
    ]
