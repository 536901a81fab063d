"""A skeleton as it would be drawn by hand: bones that taper towards their tips, joints as discs, far ones first.

Left, right and middle bones have colours of their own. Edges are antialiased by their exact distance: at a distance d
beyond an outline (in pixels) a pixel is covered by clamp(1/2 - d, 0, 1).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...representations.rendering.shading import linear_from_srgb
from .studio import Colour, PremultipliedImage

LEFT, MIDDLE, RIGHT = (0.25, 0.55, 1.0), (0.49, 1.0, 0.25), (1.0, 0.385, 0.25)
"""Colours of bones of the subject's left, of its middle and of its right, sRGB-encoded."""
JOINT: Colour = (1.0, 1.0, 1.0)
_OUTLINE = (0.010, 0.010, 0.014)
"""Linear."""

_THICKNESS = 0.0085
"""Radius of a bone at its joint, in parts of the picture."""
_LEAST_RADIUS = 1.0
"""In pixels."""
_TAPER = 0.35
"""Radius at the tip, in parts of that at the joint; that of links, too."""
_DISC = 1.1
"""Radius of a joint's disc, likewise."""


def bone_colours(skeleton: Skeleton) -> list[Colour]:
    """Colour of each joint's bone, by the side it lies on."""
    sides = zip(skeleton.mirror, skeleton.joints[:, 0].tolist(), strict=True)
    return [MIDDLE if twin == k else LEFT if x > 0 else RIGHT for k, (twin, x) in enumerate(sides)]


def draw_bones(skeleton: Skeleton, bones: Float[Tensor, "B J 2 3"], size: int) -> PremultipliedImage:
    """Square pictures of bones alone: start and tip of each, as (column, row) in pixels and depth; drawn on the CPU.

    A thin link joins what is attached beside a bone's end to the nearer end of its parent's bone.
    """
    colours = [linear_from_srgb(torch.tensor(colour)) for colour in bone_colours(skeleton)]
    radius = max(_LEAST_RADIUS, _THICKNESS * size)
    pictures = torch.stack([_drawn(skeleton, one, colours, radius, size) for one in bones.cpu()])
    return PremultipliedImage(pictures[..., :3], pictures[..., 3]).to(bones.device)


def _drawn(skeleton: Skeleton, bones: Tensor, colours: list[Tensor], radius: float, size: int) -> Tensor:
    picture, thin = torch.zeros(size, size, 4), _TAPER * radius
    starts, tips = bones.unbind(1)
    for k, parent in enumerate(skeleton.parents):
        if parent >= 0 and skeleton.main_child[parent] != k:
            ends = bones[parent]
            nearer = ends[(ends[:, :2] - starts[k, :2]).norm(dim=1).argmin()]
            _draw_bar(picture, nearer, starts[k], (thin, thin), colours[k])
    for k in bones[..., 2].mean(1).argsort(descending=True).tolist():
        _draw_bar(picture, starts[k], tips[k], (radius, thin), colours[k])
    white = linear_from_srgb(torch.tensor(JOINT))
    for k in starts[:, 2].argsort(descending=True).tolist():
        _draw_bar(picture, starts[k], starts[k], (_DISC * radius, _DISC * radius), white)
    return picture


def _draw_bar(picture: Tensor, start: Tensor, end: Tensor, radii: tuple[float, float], colour: Tensor) -> None:
    """Lays an outlined bar with round ends over `picture` (S, S, 4), light multiplied by coverage."""
    line = max(1.0, 0.3 * radii[0])
    a, b = start[:2], end[:2]
    reach = max(radii) + line + 1
    low = (torch.minimum(a, b) - reach).floor().clamp(0, len(picture)).int().tolist()
    high = (torch.maximum(a, b) + reach).ceil().clamp(0, len(picture)).int().tolist()
    if low[0] >= high[0] or low[1] >= high[1]:
        return
    rows, columns = torch.arange(low[1], high[1]) + 0.5, torch.arange(low[0], high[0]) + 0.5
    x, y = columns[None, :] - a[0], rows[:, None] - a[1]
    along = b - a
    share = ((x * along[0] + y * along[1]) / along.square().sum().clamp_min(1e-12)).clamp(0, 1)
    beyond = torch.hypot(x - share * along[0], y - share * along[1]) - radii[0] - share * (radii[1] - radii[0])
    inside, covered = (0.5 - beyond).clamp(0, 1)[..., None], (0.5 + line - beyond).clamp(0, 1)[..., None]
    drawn = torch.cat([inside * colour + (covered - inside) * torch.tensor(_OUTLINE), covered], dim=-1)
    region = picture[low[1] : high[1], low[0] : high[0]]
    region.mul_(1 - covered).add_(drawn)
