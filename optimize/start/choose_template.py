"""Which body plan a collection shows, from each photo's own guess.

Photos of one animal agree on its plan, so their probabilities multiply; but a network errs alike on photos that are
alike, so that N photos count as fewer than N. Each is tempered by an exponent before:

    p(plan)  ~  prod_n p_n(plan)^t,   t = min(1, E / N),   E = 4 independent photos at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import BodyPlan

PLANS: tuple[BodyPlan, ...] = ("quadruped", "biped", "bird")
"""Order of the columns unless told otherwise."""
_INDEPENDENT = 4
_LEAST = 1e-3
"""No single photo rules a plan out."""
_SURE = 0.8


class Choice(NamedTuple):
    """A body plan and how sure it is."""

    plan: BodyPlan
    probability: float
    line: str
    """Says which and how sure, for the log."""


def choose_template(plan_probabilities: Float[Tensor, "N P"], plans: Sequence[BodyPlan] = PLANS) -> Choice:
    """The plan that all photos together speak for; rows are probabilities in the order of `plans`.

    Raises ValueError for another number of columns, no rows, or rows that are no probabilities.

    >>> choose_template(torch.tensor([[0.9, 0.05, 0.05], [0.6, 0.1, 0.3]])).plan
    'quadruped'
    """
    count, columns = plan_probabilities.shape
    if columns != len(plans) or count == 0:
        raise ValueError(
            f"{count} photos with {columns} plans; give at least 1 photo with {len(plans)}: {', '.join(plans)}"
        )
    total = plan_probabilities.sum(1)
    if not bool((plan_probabilities >= 0).all()) or not torch.allclose(total, torch.ones_like(total), atol=1e-3):
        raise ValueError(f"rows sum to {float(total.min()):.3f} to {float(total.max()):.3f}; give probabilities")
    logs = plan_probabilities.double().clamp_min(_LEAST).log().sum(0) * min(1.0, _INDEPENDENT / count)
    pooled = logs.softmax(0)
    best = int(pooled.argmax())
    probability = float(pooled[best])
    agree = int((plan_probabilities.argmax(1) == best).sum())
    line = f"body plan {plans[best]} ({100 * probability:.0f} %, the first guess of {agree} of {count} photos)"
    if probability < _SURE:
        line += "; not sure, give --template to decide"
    return Choice(plans[best], probability, line)
