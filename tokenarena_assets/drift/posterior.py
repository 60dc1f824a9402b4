"""The probability that the level of a daily series changed, and when: one change at most, its scatter unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# 8 confirmed swaps of models at 93 endpoints in 23 days (arXiv 2602.11083): how often an endpoint changes on a day.
CHANGES_PER_DAY = 8 / (93 * 23)
SHOWN_BY = 0.1  # ten figures scatter: together they raise no more false alarms than one at the full rate
LEAST_DAYS = 3  # on both sides of a change: fewer are chance or a detour
CREDIBLE = 0.95
SCATTERS = 48  # nodes of the integral over the unknown scatter
# How much of a day's noise is still there on the next day, and how likely that is: mostly little.
MEMORY = tuple((rho, 1 - rho) for rho in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))


@dataclass(frozen=True, slots=True)
class Posterior:
    """What a series says of one change in it.

    `positions` are indices of the first day after a change, `mass` the probability of each; they sum to `probability`.
    """

    probability: float
    positions: npt.NDArray[np.int64]
    mass: Floats

    @property
    def most_likely(self) -> int:
        """The likeliest first day after the change."""
        return int(self.positions[int(np.argmax(self.mass))])

    def credible_range(self, share: float = CREDIBLE) -> tuple[int, int]:
        """The first and the last of the likeliest positions that together have `share` of the probability."""
        order = np.argsort(-self.mass, kind="stable")
        needed = int(np.searchsorted(np.cumsum(self.mass[order]), share * self.mass.sum())) + 1
        chosen = self.positions[order[:needed]]
        return int(chosen.min()), int(chosen.max())


def log_bayes_factors(
    values: Floats, weights: Floats, *, usual: float, scatter: float, least_days: int = LEAST_DAYS
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Per position the logarithm of how much likelier `values` are with a change there than without one.

    Day i is `level + step * [i >= position] + noise / sqrt(weight)`, the noise autoregressive: a day resembles the one
    before by `rho`, so that a slow wave is no row of independent witnesses. The level is flat, the step normal with
    standard deviation `usual`, log sigma flat from `scatter` on, rho of :data:`MEMORY`. Level and step are integrated
    out in closed form, sigma and rho by quadrature: the Bayes factor of a step in a regression, averaged over what the
    series says of its own noise.
    """
    n = len(values)
    positions = np.arange(least_days, n - least_days + 1)
    if len(positions) == 0:
        return positions, np.empty(0)
    root = np.sqrt(weights)
    steps = root * (np.arange(n)[None, :] >= positions[:, None])
    mean = float(np.average(values, weights=weights))
    most = max(10 * scatter, 3 * float(np.sqrt(np.average((values - mean) ** 2, weights=weights))))
    sigma2 = np.geomspace(scatter, most, SCATTERS) ** 2
    unchanged, changed = [], []
    for rho, prior in MEMORY:
        level, noisy, step = (_whitened(each, rho) for each in (root, root * (values - mean), steps))
        size, seen = float(level @ level), float(level @ noisy)
        # What of the step the level does not explain, and what of the values neither does.
        own = (step * step).sum(axis=1) - (step @ level) ** 2 / size
        height = (step @ noisy - (step @ level) * seen / size) / own
        squares = float(noisy @ noisy) - seen**2 / size
        plain = np.log(prior) + 0.5 * (np.log(1 - rho**2) - np.log(size) - (n - 1) * np.log(sigma2) - squares / sigma2)
        noise = sigma2[:, None] / own[None, :]
        wide = noise + usual**2
        unchanged.append(plain)
        changed.append(plain[:, None] + 0.5 * (np.log(noise / wide) + height**2 * (1 / noise - 1 / wide)))
    return positions, _log_sum(np.concatenate(changed)) - _log_sum(np.concatenate(unchanged))


def _whitened(rows: Floats, rho: float) -> Floats:
    """`rows` (along the last axis) as autoregressive noise of `rho` makes them independent, of variance 1."""
    found = rows.copy()
    found[..., 1:] -= rho * rows[..., :-1]
    found[..., 0] *= np.sqrt(1 - rho**2)
    return found


def change_posterior(
    values: Floats,
    days: npt.NDArray[np.int64],
    weights: Floats,
    *,
    usual: float,
    scatter: float,
    rate: float = CHANGES_PER_DAY * SHOWN_BY,
) -> Posterior:
    """The posterior of one change in `values` of `days` (ordinals, in order), of :func:`log_bayes_factors`.

    The prior is `rate` a day: where days are missing before a position, the change may lie on any of them. A series too
    short for a change has probability 0 and no positions.
    """
    positions, factors = log_bayes_factors(values, weights, usual=usual, scatter=scatter)
    if len(positions) == 0:
        return Posterior(0.0, positions, factors)
    prior = rate * (days[positions] - days[positions - 1]).astype(np.float64)
    prior /= max(1.0, float(prior.sum()) / 0.5)  # however long the series: at even odds at most
    joint = np.log(prior) + factors
    top = max(0.0, float(joint.max()))
    none, each = (1 - float(prior.sum())) * np.exp(-top), np.exp(joint - top)
    mass = each / (none + float(each.sum()))
    return Posterior(float(mass.sum()), positions, mass)


def _log_sum(terms: Floats) -> Floats:
    """log(sum(exp(terms))) over the first axis."""
    top = terms.max(axis=0)
    found: Floats = top + np.log(np.exp(terms - top).sum(axis=0))
    return found
