"""Modeled energy of a whole catalog: 195 endpoints x 3 presets x 5,000 draws, intervals and drivers included."""

from __future__ import annotations

import hashlib
import resource
import time

import numpy as np

from tokenarena_assets.energy import EnergyEndpoint, Workload, energy_draws, energy_interval, facts

ENDPOINTS, DRAWS, SEED = 195, 5000, 7
PRESETS = (Workload(3000, 1000), Workload(20_000, 1000, 10_000), Workload(1000, 5000))
LIMIT_S, LIMIT_GB = 10.0, 1.0


def catalog() -> list[EnergyEndpoint]:
    """As many endpoints as the limit names, over all providers and models of the facts."""
    constants = facts()
    providers = [name for name in sorted(constants.providers) if name not in ("*", "embedded")]
    models = sorted(constants.models)
    return [
        EnergyEndpoint(provider=providers[i % len(providers)], model=models[i % len(models)], sku=f"sku{i}")
        for i in range(ENDPOINTS)
    ]


def main() -> None:
    """Time draws and intervals, and see that the digits are the same again."""
    endpoints = catalog()
    start = time.perf_counter()
    for preset in PRESETS:
        energy_draws(endpoints, preset, DRAWS, SEED)
    draws_s = time.perf_counter() - start
    start = time.perf_counter()
    digest = hashlib.sha256()
    for preset in PRESETS:
        for endpoint in endpoints:
            digest.update(repr(energy_interval(endpoint, preset, DRAWS, SEED)).encode())
    intervals_s = time.perf_counter() - start
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    alone = energy_draws(endpoints[-1:], PRESETS[0], DRAWS, SEED).energy_j[0]
    among = energy_draws(endpoints, PRESETS[0], DRAWS, SEED).energy_j[-1]
    print(
        f"{ENDPOINTS} endpoints x {len(PRESETS)} presets x {DRAWS} draws: draws {draws_s:.1f} s, intervals with drivers "
        f"{intervals_s:.1f} s; limit {LIMIT_S:.0f} s each; peak memory {peak_gb:.2f} GB, limit {LIMIT_GB:.0f} GB"
    )
    print(f"digits of this seed {digest.hexdigest()[:12]}; alone as among others: {np.array_equal(alone, among)}")
    for what, value, limit in (("draws", draws_s, LIMIT_S), ("intervals", intervals_s, LIMIT_S), ("GB", peak_gb, LIMIT_GB)):
        if value > limit:
            raise SystemExit(f"{what}: {value:.2f} is over the limit of {limit:g}")


if __name__ == "__main__":
    main()
