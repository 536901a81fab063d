"""The motion library: every motion that the package can make for a skeleton, by name.

>>> from zoetrope.representations.body.template import template
>>> motions(template("bird").skeleton)[:4]
('walk', 'run', 'waddle', 'hop')
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..body.skeleton import BodyPlan, Skeleton
from .clip import Clip
from .flap import flap, glide
from .gait import GAITS
from .graze import graze
from .haunch import lie, rear, sit
from .locomotion import Gait, go
from .standing import idle, look_around

_STANDING: dict[str, Callable[[Skeleton], Clip]] = {"idle": idle, "look_around": look_around}
_OTHERS: dict[BodyPlan, dict[str, Callable[[Skeleton], Clip]]] = {
    "quadruped": {"graze": graze, "sit": sit, "lie": lie, "rear": rear},
    "biped": {},
    "bird": {"graze": graze, "flap": flap, "glide": glide},
}


def motions(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the motions that this skeleton can do: its plan has them, its joints are there, its legs are fit."""
    return tuple(clip.name for clip in clips(skeleton))


def clips(skeleton: Skeleton, names: Sequence[str] | None = None) -> tuple[Clip, ...]:
    """Clips of those of the named motions, of all without `names`, that this skeleton can do.

    Raises ValueError where a name is none of its plan's.
    """
    able = []
    for name in _makers(skeleton) if names is None else names:
        maker = _maker(skeleton, name)
        try:
            able.append(maker(skeleton))
        except ValueError:
            continue
    return tuple(able)


def motion(name: str, skeleton: Skeleton) -> Clip:
    """A looping clip of a motion, fitted to the skeleton's proportions.

    'interpolate', which moves through given poses, is `sway.sway`. Raises ValueError where the name is not one for this
    body plan, naming those that are, where joints are missing, naming them, or where legs cannot do it.
    """
    return _maker(skeleton, name)(skeleton)


def _maker(skeleton: Skeleton, name: str) -> Callable[[Skeleton], Clip]:
    makers = _makers(skeleton)
    if name not in makers:
        raise ValueError(f"a {skeleton.plan} has no motion {name!r}; choose from {', '.join(makers)}")
    return makers[name]


def _makers(skeleton: Skeleton) -> dict[str, Callable[[Skeleton], Clip]]:
    gaits = {gait.name: partial(_gait, gait=gait) for (plan, _), gait in GAITS.items() if plan == skeleton.plan}
    return {**gaits, **_STANDING, **_OTHERS[skeleton.plan]}


def _gait(skeleton: Skeleton, gait: Gait) -> Clip:
    return go(skeleton, gait, shorten=True)
