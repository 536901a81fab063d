"""The mean body of a species as a template that fits can start from: its skeleton, and radii read off its surface.

From proportions near the truth views are told apart at once, and what a generic template has no bones for, such as an
elephant's trunk, has its joints. What comes of the fit are the photos' own proportions, not the species'.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.body.chart import bone_frame
from ...representations.body.skeleton import Skeleton
from ...representations.body.template import Template
from .blueprint import assemble
from .species import SPECIES, draw_individual

_GIRTH_SHARE = 0.85
"""Quantile of the surface's distances from the bone that is taken for the radius of a half of it."""
_FEWEST = 4
"""Vertices that say a half's radius; where there are fewer, all of the bone's do."""
_THINNEST = 0.004
_STOUTEST = 1.0
"""Radius over length; a stouter part's skin would blend with both of its neighbours at once."""


@cache
def species_template(name: str) -> Template:
    """The template of a species of the zoo, whose build is called like it, in the package's rest frame.

    Raises KeyError for a species that is not in `species.SPECIES`.

    >>> species_template("elephant").build
    'elephant'
    """
    pieces = assemble(draw_individual(SPECIES[name].shape))
    vertices, skeleton = pieces.mesh.vertices, pieces.skeleton
    low, high = vertices.amin(0), vertices.amax(0)
    centre, scale = (low + high) / 2, 1 / (high - low).max()
    vertices = (vertices - centre) * scale
    skeleton = skeleton.with_rest((skeleton.joints - centre) * scale, (skeleton.tips - centre) * scale)
    return Template(skeleton, _radii(skeleton, vertices, pieces.mesh.weights), name)


def _radii(skeleton: Skeleton, vertices: Float[Tensor, "V 3"], weights: Float[Tensor, "V J"]) -> Float[Tensor, "J 4"]:
    """Radii across and the other way, at the joint and at the tip; alike on both sides."""
    bones = skeleton.tips - skeleton.joints
    lengths, frames, owner = bones.norm(dim=1), bone_frame(bones), weights.argmax(1)
    radii = torch.empty(len(skeleton), 4)
    for joint, length in enumerate(lengths.tolist()):
        mine = vertices[owner == joint]
        if len(mine) < _FEWEST:
            raise ValueError(f"the bone {skeleton.names[joint]} has {len(mine)} vertices of its own; draw it finer")
        local = (mine - skeleton.joints[joint]) @ frames[joint]
        near = local[:, 1] < length / 2
        for end, half in enumerate((near, ~near)):
            some = local[half] if int(half.sum()) >= _FEWEST else local
            radii[joint, 2 * end : 2 * end + 2] = some[:, [0, 2]].abs().quantile(_GIRTH_SHARE, dim=0)
    radii = (radii + radii[torch.tensor(skeleton.mirror)]) / 2
    return torch.minimum(radii, _STOUTEST * lengths[:, None]).clamp_min(_THINNEST)
