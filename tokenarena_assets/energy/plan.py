"""An endpoint with its gaps filled: what is disclosed stays, the rest becomes a prior, and each prior is said aloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tokenarena_assets.energy.constants import CPU, Accelerator, Facts, ModelRow, Precision, ProviderRow
from tokenarena_assets.energy.records import EnergyEndpoint, Grade
from tokenarena_assets.energy.rows import Spread
from tokenarena_assets.errors import TokenArenaError


@dataclass(frozen=True)
class Size:
    """Parameters in billions, each a number or None: then drawn from the size class."""

    total_b: float | None
    active_b: float | None
    class_name: str


@dataclass(frozen=True)
class Plan:
    """What the draws of an endpoint need."""

    endpoint: EnergyEndpoint
    known: ModelRow | None
    size: Size
    chips: tuple[Accelerator, ...]
    chip_weights: tuple[float, ...]
    precisions: tuple[Precision, ...]
    precision_weights: tuple[float, ...]
    batch_median: float
    batch_sigma_ln: float
    expert_gpus: float | None
    pue: Spread | float
    idle: Spread
    grade: Grade
    assumptions: tuple[str, ...]

    @property
    def model_key(self) -> str:
        """Names the draws that endpoints of one model share."""
        e = self.endpoint
        return e.model or f"{e.params_total_b}/{e.params_active_b}/{e.size_class}"

    def of_model(self, name: str) -> float | None:
        """A number about the weights, of the endpoint or else of the table of models."""
        value = getattr(self.endpoint, name)
        if value is None and self.known is not None:
            value = getattr(self.known, name)
        return None if value is None else float(value)

    @property
    def serving_key(self) -> str:
        """Names the draws of a serving: those of another provider, SKU or machine are its own."""
        e = self.endpoint
        parts = (e.provider, e.sku, e.service_tier, e.accelerator, e.n_accelerators, e.batch, e.precision)
        return "|".join(map(str, parts))

    @property
    def system(self) -> str | None:
        """The rule outside of the roofline that holds for this endpoint, if one does."""
        if self.endpoint.accelerator == CPU or not self.chips:
            return CPU
        return None if self.chips[0].in_roofline else self.chips[0].name


def make_plan(endpoint: EnergyEndpoint, facts: Facts) -> Plan:
    """Fill the gaps of an endpoint from the facts.

    Raises:
        TokenArenaError: a name that the facts do not hold, or a model of which not even the size class is known.
    """
    said: list[str] = []
    provider = facts.provider(endpoint.provider)
    if endpoint.provider not in facts.providers:
        said.append(f"provider {endpoint.provider} is not in the facts: priors of any provider")
    hardware = endpoint.hardware_class or provider.hardware_class
    known = facts.models.get(endpoint.model)
    chips = _chips(endpoint, hardware, facts, said)
    outside = not chips or not next(iter(chips)).in_roofline
    size = Size(None, None, "") if not chips else _size(endpoint, known, facts, said)
    precisions = {} if not chips else _precisions(endpoint, known, facts, said)
    batch = (0.0, 0.0) if outside else _batch(endpoint, provider, facts, said)
    expert = endpoint.expert_parallel_gpus
    if expert is None and endpoint.hardware_class is None and endpoint.accelerator is None:
        expert = provider.expert_parallel_gpus
        said += [f"experts spread over {expert:.0f} accelerators ({provider.source})"] if expert else []
    return Plan(
        endpoint=endpoint,
        known=known,
        size=size,
        chips=tuple(chips),
        chip_weights=tuple(chips.values()),
        precisions=tuple(precisions),
        precision_weights=tuple(precisions.values()),
        batch_median=batch[0],
        batch_sigma_ln=batch[1],
        expert_gpus=expert,
        pue=_pue(endpoint, provider.operator, facts, said),
        idle=facts.idle[provider.idle_class],
        grade="D" if outside else _grade(endpoint),
        assumptions=(*said, f"idle reserve of a provider of kind {provider.idle_class}", "host factor of the facts"),
    )


def _grade(endpoint: EnergyEndpoint) -> Grade:
    if endpoint.accelerator is None:
        return "C"
    return "A" if endpoint.output_tok_s is not None else "B"


def _chips(endpoint: EnergyEndpoint, hardware: str, facts: Facts, said: list[str]) -> dict[Accelerator, float]:
    if endpoint.accelerator == CPU or (endpoint.accelerator is None and hardware == CPU):
        return {}
    if endpoint.accelerator is not None:
        return {facts.accelerator(endpoint.accelerator): 1.0}
    prior: Mapping[str, float]
    if endpoint.hardware_prior is not None:
        prior = endpoint.hardware_prior
        said.append("accelerator: mixture of hardware_prior")
    elif hardware in facts.hardware:
        prior = facts.hardware[hardware]
        said.append(f"accelerator: mixture of class {hardware}")
    else:
        known = ", ".join(sorted((*facts.hardware, CPU)))
        raise TokenArenaError(f"{hardware!r} is no hardware class of the facts", mend=f"use one of {known}")
    chips = {facts.accelerator(name): float(weight) for name, weight in prior.items() if weight > 0}
    if not chips or len({chip.in_roofline for chip in chips}) > 1:
        raise TokenArenaError(
            "hardware_prior: needs a weight above 0, and either all or none of its chips inside of the roofline",
            mend="list GPUs, TPUs and ASICs with their weights, or one system",
        )
    return chips


def _size(endpoint: EnergyEndpoint, known: ModelRow | None, facts: Facts, said: list[str]) -> Size:
    total, active, size_class = endpoint.params_total_b, endpoint.params_active_b, endpoint.size_class
    if total is None and known is not None:
        total, active = known.params_total_b, active or known.params_active_b
        size_class = size_class or known.size_class
        said += [f"parameters: {known.source}"] if known.basis == "judgement" else []
    if total is None:
        if size_class not in facts.size_classes:
            raise TokenArenaError(
                f"endpoint: neither params_total_b nor a size class of model {endpoint.model or '(none)'} is known",
                mend=f"give params_total_b, or size_class: one of {', '.join(sorted(facts.size_classes))}",
            )
        said.append(f"parameters not published: lognormal of size class {size_class}")
    elif active is None:
        said.append("active parameters not published: share of the total drawn")
    if total is not None and active is not None and active > total:
        active = total
    return Size(total, active, size_class or "large")


def _precisions(
    endpoint: EnergyEndpoint, known: ModelRow | None, facts: Facts, said: list[str]
) -> dict[Precision, float]:
    if endpoint.precision is not None:
        return {facts.precision(endpoint.precision): 1.0}
    is_open = endpoint.open_weights
    if is_open is None:
        is_open = known.open_weights if known is not None else endpoint.params_total_b is not None
    if not is_open:
        said.append("precision undisclosed: mixture of closed models")
        return {facts.precisions[name]: weight for name, weight in facts.closed_precisions.items()}
    released = endpoint.released_precision or (known.released_precision if known is not None else None)
    if released is None:
        said.append("released precision not known: bf16 assumed")
    said.append("precision undisclosed: released one or one or two steps lower")
    return open_precisions(facts.precision(released or "bf16"), facts)


def open_precisions(released: Precision, facts: Facts) -> dict[Precision, float]:
    """Mixture over the released precision and steps lower (16, 8, 4 bits); where there is none lower, the lowest."""
    ladder = [released]
    for name in ("fp8", "nvfp4"):
        if facts.precisions[name].bits < ladder[-1].bits:
            ladder.append(facts.precisions[name])
    found: dict[Precision, float] = {}
    for step, weight in enumerate(facts.open_precision_steps):
        at = ladder[min(step, len(ladder) - 1)]
        found[at] = found.get(at, 0.0) + weight
    return {precision: weight for precision, weight in found.items() if weight > 0}


def _batch(endpoint: EnergyEndpoint, provider: ProviderRow, facts: Facts, said: list[str]) -> tuple[float, float]:
    if endpoint.batch is not None:
        return endpoint.batch, 0.0
    median, sigma_ln = provider.batch_median, provider.batch_sigma_ln
    of_provider = (
        endpoint.hardware_class is None and endpoint.accelerator is None and endpoint.service_tier == "standard"
    )
    if of_provider and median is not None and sigma_ln is not None:
        said.append(f"batch: lognormal, median {median:g}, of the provider's own report")
        return median, sigma_ln
    tier = endpoint.service_tier
    middle, sigma = facts.priors[f"batch_{tier}_median"], facts.priors[f"batch_{tier}_sigma_ln"]
    said.append(f"batch: lognormal, median {middle:g}, of tier {tier}")
    return middle, sigma


def _pue(endpoint: EnergyEndpoint, operator: str, facts: Facts, said: list[str]) -> Spread | float:
    if endpoint.pue is not None:
        return endpoint.pue
    if endpoint.cloud_region is not None and endpoint.operator is None:
        region = facts.regions.get(endpoint.cloud_region)
        if region is not None and region.pue is not None:
            return region.pue
    name = endpoint.operator or operator
    if name not in facts.pue:
        raise TokenArenaError(
            f"{name!r} is no operator of the facts", mend=f"use one of {', '.join(sorted(facts.pue))}"
        )
    said.append(f"PUE: prior of {name}")
    return facts.pue[name]
