"""The reference body and its chart: the same coordinates for a giraffe's knee and a cat's.

A point of any subject's surface is addressed by (part, s, theta): `s` in [0, 1] along the part from its bone's joint
to its tip, `theta` the angle round it. The reference body gives that address one place in space. It is a code, not an
animal: limbs splayed, ears and tail long and apart, so that parts which are easily confused lie far from each other.
Where one part goes on in the next they share a ring, so that a flank is one surface; free ends close.

Package axes: +Y up, front +Z, left +X. Weights trained on a chart record `VERSION`; a mismatch is refused.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

VERSION = 2


class _Segment(NamedTuple):
    """A round bar of the reference body, for the left or the middle of the body."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radii: tuple[float, float]
    """At the start and at the end."""
    closed: tuple[bool, bool] = (False, False)
    """Which ends are free: there the bar closes like an ellipsoid."""


_CLOSING = 0.3
"""Share of a part over which a free end closes."""

_MIDDLE = {
    "trunk_rear": _Segment((0.0, 0.0, -0.5), (0.0, 0.0, -0.15), (0.2, 0.2), (True, False)),
    "trunk_middle": _Segment((0.0, 0.0, -0.15), (0.0, 0.0, 0.2), (0.2, 0.2)),
    "trunk_front": _Segment((0.0, 0.0, 0.2), (0.0, 0.05, 0.5), (0.2, 0.16)),
    "neck": _Segment((0.0, 0.05, 0.5), (0.0, 0.4, 0.85), (0.16, 0.13)),
    "head": _Segment((0.0, 0.4, 0.85), (0.0, 0.4, 1.15), (0.13, 0.11)),
    "muzzle": _Segment((0.0, 0.4, 1.15), (0.0, 0.35, 1.5), (0.11, 0.08), (False, True)),
    "tail_1": _Segment((0.0, 0.05, -0.55), (0.0, 0.1, -0.85), (0.07, 0.065)),
    "tail_2": _Segment((0.0, 0.1, -0.85), (0.0, 0.1, -1.15), (0.065, 0.055)),
    "tail_3": _Segment((0.0, 0.1, -1.15), (0.0, 0.1, -1.5), (0.055, 0.05), (False, True)),
    "proboscis": _Segment((0.0, 0.05, 1.4), (0.0, -0.65, 1.75), (0.08, 0.06), (False, True)),
}
_LEFT = {
    "ear": _Segment((0.16, 0.53, 0.95), (0.48, 0.9, 0.95), (0.08, 0.08), (False, True)),
    "eye": _Segment((0.16, 0.44, 1.04), (0.3, 0.46, 1.12), (0.04, 0.04), (False, True)),
    "horn": _Segment((0.12, 0.56, 1.1), (0.32, 1.1, 1.35), (0.05, 0.05), (False, True)),
    "front_girdle": _Segment((0.1, 0.15, 0.4), (0.22, -0.1, 0.45), (0.1, 0.1)),
    "front_upper": _Segment((0.22, -0.1, 0.45), (0.42, -0.38, 0.6), (0.1, 0.09)),
    "front_lower": _Segment((0.42, -0.38, 0.6), (0.52, -0.72, 0.65), (0.09, 0.075)),
    "front_cannon": _Segment((0.52, -0.72, 0.65), (0.55, -1.05, 0.65), (0.075, 0.07)),
    "front_foot": _Segment((0.55, -1.05, 0.65), (0.55, -1.1, 0.9), (0.07, 0.07), (False, True)),
    "hind_upper": _Segment((0.22, -0.1, -0.45), (0.42, -0.38, -0.5), (0.12, 0.1)),
    "hind_lower": _Segment((0.42, -0.38, -0.5), (0.52, -0.72, -0.65), (0.1, 0.075)),
    "hind_cannon": _Segment((0.52, -0.72, -0.65), (0.55, -1.05, -0.65), (0.075, 0.07)),
    "hind_foot": _Segment((0.55, -1.05, -0.65), (0.55, -1.1, -0.4), (0.07, 0.07), (False, True)),
}

PARTS: tuple[str, ...] = (
    *_MIDDLE,
    *(f"{side}_{name}" for name in _LEFT for side in ("left", "right")),
)
"""All parts. Wings and arms share the chart of front limbs, beaks that of the muzzle, antlers and tusks of horns."""


def _mirrored(segment: _Segment) -> _Segment:
    (ax, ay, az), (bx, by, bz) = segment.start, segment.end
    return segment._replace(start=(-ax, ay, az), end=(-bx, by, bz))


def _segment(part: str) -> _Segment:
    if part in _MIDDLE:
        return _MIDDLE[part]
    side, name = part.split("_", 1)
    return _LEFT[name] if side == "left" else _mirrored(_LEFT[name])


def part_index(name: str) -> int:
    """Index of a part in `PARTS`; raises KeyError with the parts there are.

    >>> PARTS[part_index("neck")]
    'neck'
    """
    if name not in PARTS:
        raise KeyError(f"no body part {name!r}; there are {', '.join(PARTS)}")
    return PARTS.index(name)


def bone_frame(direction: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """Orthonormal frames whose middle column is the bone's direction, right-handed, columns (x, y, z).

    x is the world's lateral axis made perpendicular to the bone (the upward one where the bone itself is lateral), so a
    bone in the sagittal plane gets x = +X exactly, and theta = 0 means its ventral or frontal side on all bodies alike.
    """
    y = torch.nn.functional.normalize(direction, dim=-1)
    lateral, upward = torch.zeros_like(y), torch.zeros_like(y)
    lateral[..., 0], upward[..., 1] = 1.0, 1.0
    guide = torch.where(y[..., :1].abs() > 0.9, upward, lateral)
    x = torch.nn.functional.normalize(guide - (guide * y).sum(-1, keepdim=True) * y, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def reference_point(
    part: Int[Tensor, " V"], s: Float[Tensor, " V"], theta: Float[Tensor, " V"]
) -> Float[Tensor, "V 3"]:
    """Place on the reference body of chart addresses; `s` is clamped to [0, 1], `theta` is in radians from the bone
    frame's +z towards its +x. A right part is the mirror image of the left one at the same (s, theta).
    """
    left = [_segment(name.replace("right_", "left_", 1)) for name in PARTS]
    starts = s.new_tensor([segment.start for segment in left])[part]
    ends = s.new_tensor([segment.end for segment in left])[part]
    radii = s.new_tensor([segment.radii for segment in left])[part]
    closed = torch.tensor([segment.closed for segment in left], device=s.device)[part]
    flip = s.new_tensor([-1.0 if name.startswith("right_") else 1.0 for name in PARTS])[part]
    frame = bone_frame(ends - starts)
    s = s.clamp(0, 1)
    ring = torch.lerp(radii[:, 0], radii[:, 1], s)
    for way, free in zip((s, 1 - s), closed.unbind(1), strict=True):
        t = 1 - (way / _CLOSING).clamp(max=1)
        ring = torch.where(free, ring * (1 - t * t).clamp_min(0).sqrt(), ring)
    around = torch.stack([ring * theta.sin(), torch.zeros_like(s), ring * theta.cos()], dim=-1)
    point = starts + s[:, None] * (ends - starts) + (frame @ around[..., None]).squeeze(-1)
    return torch.cat([point[:, :1] * flip[:, None], point[:, 1:]], dim=-1)


PART_KINDS: tuple[str, ...] = tuple(dict.fromkeys(name.removeprefix("left_").removeprefix("right_") for name in PARTS))
"""Parts without their side: what `Labels.part` counts."""
