"""What the model says of its calibration's rows through the public calls: by an API alone, and pair by pair.

These rows made the coefficients, so this is the upper end of what to expect; benchmarks/energy_fit.py has the errors on
families left out.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from tokenarena_assets.energy import EnergyEndpoint, Workload, compare, energy_draws, energy_interval, facts
from tokenarena_assets.energy.fit import Calibration, load_calibration

PRIOR = {"H100 SXM 80GB": 0.4, "H200 SXM 141GB": 0.3, "B200 SXM 180GB": 0.3}


def endpoint(data: Calibration, i: int, *, disclosed: bool, cache: bool) -> tuple[EnergyEndpoint, Workload]:
    """A row as an endpoint, its chip, count and batch disclosed or not, its KV cache given or looked up."""
    s = data.serving
    output = data.output_tokens[i]
    workload = Workload(float(np.asarray(s.prefill_per_output)[i] * output), float(output))
    context = workload.input_tokens + workload.output_tokens / 2
    machine = {
        "accelerator": str(data.accelerator[i]),
        "n_accelerators": float(np.asarray(s.n)[i]),
        "batch": float(np.asarray(s.batch)[i]),
    }
    known = EnergyEndpoint(
        params_total_b=float(np.asarray(s.params_total)[i] / 1e9),
        params_active_b=float(np.asarray(s.params_active)[i] / 1e9),
        precision=str(data.precision[i]),
        kv_bytes_per_token=float(data.cache_bytes[i] / context) if cache else None,
        **(machine if disclosed else {"hardware_prior": PRIOR}),  # type: ignore[arg-type]
    )
    return known, workload


def api_only(data: Calibration, *, cache: bool) -> None:
    """Coverage, width and error with chip, count and batch hidden."""
    batch = np.asarray(data.serving.batch)
    rows = np.flatnonzero((batch >= 16) & (batch <= 512))
    found = []
    for i in rows:
        of = energy_interval(*endpoint(data, i, disclosed=False, cache=cache)).j_per_output_token_accelerator
        assert of is not None
        truth = data.measured_j[i]
        found.append((of.p5 <= truth <= of.p95, of.p95 / of.p5, abs(of.p50 / truth - 1), math.log(of.p50 / truth)))
    inside, width, error, ratio = np.array(found, float).T
    print(
        f"API alone, batch 16-512, KV cache {'given' if cache else 'by size'}: {len(rows)} rows, "
        f"inside {inside.mean():.1%}, "
        f"width {np.median(width):.1f}x, error {np.median(error):.0%}, ratio {np.exp(np.median(ratio)):.2f}"
    )


def pairs(data: Calibration) -> None:
    """Order of pairs of one model, hardware and batch disclosed."""
    tried = right = supported = supported_right = 0
    for model in np.unique(data.model):
        rows = np.flatnonzero(data.model == model)
        asked = [endpoint(data, i, disclosed=True, cache=True) for i in rows]
        drawn = energy_draws([e for e, _ in asked], [w for _, w in asked], 2000)
        per_token = drawn.energy_j / np.array([[w.output_tokens] for _, w in asked])
        for a, b in itertools.combinations(range(len(rows)), 2):
            said = compare(per_token[a], per_token[b])
            good = (said.p_a_less > 0.5) == (data.measured_j[rows[a]] < data.measured_j[rows[b]])
            tried, right = tried + 1, right + good
            supported, supported_right = supported + said.supported, supported_right + (said.supported and good)
    print(f"pairs of a model: {right / tried:.1%} of {tried} in the measured order; supported: "
          f"{supported_right / supported:.1%} of {supported}")  # fmt: skip


def main() -> None:
    """Print all three."""
    data = load_calibration(facts())
    api_only(data, cache=True)
    api_only(data, cache=False)
    pairs(data)


if __name__ == "__main__":
    main()
