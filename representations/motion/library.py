"""The motion library: every motion that the package can make for a skeleton, by name.

>>> from zoetrope.representations.template import template
>>> motions(template("bird").skeleton)[:4]
('walk', 'run', 'waddle', 'hop')
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..skeleton import Skeleton
from .clip import Clip
from .flap import flap, glide
from .gait import GAITS
from .locomotion import Gait, fitted, go

_AIRBORNE: dict[str, Callable[[Skeleton], Clip]] = {"flap": flap, "glide": glide}


def motions(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the motions that this skeleton can do: its plan has them, its joints are there, its legs are fit."""
    able = []
    for name in _makers(skeleton):
        try:
            motion(name, skeleton)
        except ValueError:
            continue
        able.append(name)
    return tuple(able)


def motion(name: str, skeleton: Skeleton) -> Clip:
    """A looping clip of a motion, fitted to the skeleton's proportions.

    'interpolate', which moves through given poses, is `sway.sway`. Raises ValueError where the name is not one for this
    body plan, naming those that are, where joints are missing, naming them, or where legs cannot do it.
    """
    makers = _makers(skeleton)
    if name not in makers:
        raise ValueError(f"a {skeleton.plan} has no motion {name!r}; choose from {', '.join(makers)}")
    return makers[name](skeleton)


def _makers(skeleton: Skeleton) -> dict[str, Callable[[Skeleton], Clip]]:
    gaits = {gait.name: partial(_gait, gait=gait) for (plan, _), gait in GAITS.items() if plan == skeleton.plan}
    return {**gaits, **(_AIRBORNE if skeleton.plan == "bird" else {})}


def _gait(skeleton: Skeleton, gait: Gait) -> Clip:
    return go(skeleton, fitted(skeleton, gait))
