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


def seconds() -> tuple[float, float]:
    """Wall and processor time."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float]) -> tuple[float, float]:
    """Wall and processor seconds since then."""
    return time.perf_counter() - start[0], time.process_time() - start[1]


def main() -> None:
    """Time draws and intervals, and see that the digits are the same again."""
    endpoints = catalog()
    start = seconds()
    for preset in PRESETS:
        energy_draws(endpoints, preset, DRAWS, SEED)
    draws_s = since(start)
    start = seconds()
    digest = hashlib.sha256()
    for preset in PRESETS:
        for endpoint in endpoints:
            digest.update(repr(energy_interval(endpoint, preset, DRAWS, SEED)).encode())
    intervals_s = since(start)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    alone = energy_draws(endpoints[-1:], PRESETS[0], DRAWS, SEED).energy_j[0]
    among = energy_draws(endpoints, PRESETS[0], DRAWS, SEED).energy_j[-1]
    print(f"{ENDPOINTS} endpoints x {len(PRESETS)} presets x {DRAWS} draws; limits {LIMIT_S:g} s, {LIMIT_GB:g} GB")
    for what, took in (("draws", draws_s), ("intervals with drivers", intervals_s)):
        print(f"{what:<24} {took[0]:5.1f} s, processor {took[1]:5.1f} s")
    print(f"peak memory {peak_gb:.2f} GB")
    print(f"digits of this seed {digest.hexdigest()[:12]}; alone as among others: {np.array_equal(alone, among)}")
    # The processor's time: that of the wall is also that of whoever else uses the machine.
    over = [what for what, took in (("draws", draws_s), ("intervals", intervals_s)) if took[1] > LIMIT_S]
    if over or peak_gb > LIMIT_GB:
        raise SystemExit(f"over the limit: {', '.join(over) or 'memory'}")


if __name__ == "__main__":
    main()
