"""From a sketch in one photo to a skeleton at rest in three dimensions, symmetric, standing on level ground.

The photo is taken for a view from the side, so that a picture's column is the subject's z and its row is -y; a known
azimuth a stretches z by 1 / |sin a|. Twins share one shape, as in Hi-LASSIE (Yao et al., CVPR 2023), but where averaged
joints would shorten a pair in mid-stride, here

    length = mean of the twins' lengths,   direction = their mean direction

of every bone that was seen. Depth comes from thickness: the template's ratio of lateral to vertical radius, and legs as
far apart as the trunk they carry. A ground that slopes through the feet is sheared level, as a view from above and not
quite from the side has it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64

from ...representations.body.template import Template, mirror_name, template
from .sketch import CHAINS, Extra, Found, Sketch

_LEAST_SINE = 0.5
"""Views farther from the side than 60 degrees are not stretched any more."""
_RADIUS = (0.35, 2.5)
"""Bounds of a radius against the template's, scaled to the trunk: a region may be half hidden, or two in one."""


def lift(sketch: Sketch, azimuth_deg: float | None = None) -> Template:
    """The skeleton at rest with its radii, in the package's axes, its box centred and of longest side 1."""
    base = template("quadruped")
    stretch = 1.0 if azimuth_deg is None else 1 / max(abs(math.sin(math.radians(azimuth_deg))), _LEAST_SINE)
    flat = {
        name: Found(line.points * [sketch.facing * stretch, -1.0], line.radius) for name, line in sketch.chains.items()
    }
    flat = _symmetric(flat, sketch)
    flat = _levelled(flat)
    rest, radius = _placed(flat, base, sketch)
    return _normalised(base, rest, radius, sketch.extras)


def ground_slope_deg(sketch: Sketch) -> float:
    """Angle of the line through the front and hind feet of the sketch against the picture's horizontal."""
    front, hind = (
        np.mean([sketch.chains[f"{side}_{kind}"].points[-2:].mean(0) for side in ("left", "right")], axis=0)
        for kind in ("front", "hind")
    )
    way = (front - hind) * [sketch.facing, -1.0]
    return math.degrees(math.atan2(way[1], way[0]))


def _symmetric(flat: dict[str, Found], sketch: Sketch) -> dict[str, Found]:
    """Both twins of every pair in their common shape."""
    shared = dict(flat)
    for name in flat:
        twin = mirror_name(name)
        if not name.startswith("left_") or twin not in flat:
            continue
        pair = [flat[name], flat[twin]]
        seen = np.stack([sketch.seen[name], sketch.seen[twin]])
        seen |= ~seen.any(0)  # of what nobody saw both copies count
        weight = seen / seen.sum(0)
        points = [np.einsum("s,sc->c", weight[:, 0], np.stack([line.points[0] for line in pair]))]
        bones = np.stack([np.diff(line.points, axis=0) for line in pair])
        lengths = np.linalg.norm(bones, axis=2)
        both = seen[:, 1:] & seen[:, :-1]
        both |= ~both.any(0)
        share = both / both.sum(0)
        for k in range(bones.shape[1]):
            way = np.einsum("s,sc->c", share[:, k], bones[:, k] / np.maximum(lengths[:, k, None], 1e-9))
            way /= max(float(np.linalg.norm(way)), 1e-9)
            points.append(points[-1] + way * float(share[:, k] @ lengths[:, k]))
        radius = np.nanmean(np.stack([line.radius for line in pair]), axis=0)
        shared[name] = shared[twin] = Found(np.stack(points), radius)
    return shared


def _levelled(flat: dict[str, Found]) -> dict[str, Found]:
    """Sheared until front and hind feet are at one height.

    From above and not quite from the side the ground rises across the picture, and so does all that stands on it; legs
    stay upright.
    """
    front, hind = (flat[f"left_{kind}"].points[-2:].mean(0) for kind in ("front", "hind"))
    slope = (front[1] - hind[1]) / max(front[0] - hind[0], 1e-9)
    return {
        name: Found(line.points - np.stack([0 * line.points[:, 0], slope * line.points[:, 0]], axis=1), line.radius)
        for name, line in flat.items()
    }


def _placed(
    flat: dict[str, Found], base: Template, sketch: Sketch
) -> tuple[dict[str, Float64[np.ndarray, "2 3"]], dict[str, Float64[np.ndarray, " 4"]]]:
    """Start and tip in (x, y, z), and radii, of each bone; in pixels."""
    skeleton, usual = base.skeleton, base.radius.double().numpy()
    trunk = flat["trunk"].points
    usual_length = float((skeleton.joints[skeleton.index("neck")] - skeleton.joints[0]).norm())
    scale = float(np.linalg.norm(trunk[-1] - trunk[0])) / usual_length
    extras = {extra.name: extra for extra in sketch.extras}
    rest: dict[str, np.ndarray] = {}
    radius: dict[str, np.ndarray] = {}
    for chain, line in flat.items():
        for k, name in enumerate(sketch.joints(chain)):
            model = extras[name].parent if name in extras else name
            like = skeleton.index(model)
            start, tip = usual[like, :2] * scale, usual[like, 2:] * scale
            radii = []
            for mean, seen in ((start, line.radius[k]), (tip, line.radius[k + 1])):
                ratio = seen / mean[1] if np.isfinite(seen) else 1.0
                radii.append(mean * float(np.clip(ratio, *_RADIUS)))
            radius[name] = np.concatenate(radii)
            x = [float(skeleton.joints[like, 0]) * scale, float(skeleton.tips[like, 0]) * scale]
            if name in extras and name.startswith(("left", "right")):
                x = (
                    [0.5 * radius[name][0] + 0.5 * float(start[0])] * 2
                    if name.startswith("left")
                    else [-0.5 * radius[name][0] - 0.5 * float(start[0])] * 2
                )
            rest[name] = np.stack([[side, y, z] for side, (z, y) in zip(x, line.points[k : k + 2], strict=True)])
    _spread(rest, radius, base)
    return rest, radius


def _spread(rest: dict[str, np.ndarray], radius: dict[str, np.ndarray], base: Template) -> None:
    """Moves limbs sideways with the trunk's width, in place, never so near that twins meet in the middle."""
    skeleton, usual = base.skeleton, base.radius.double().numpy()
    for kind, onto in (("front", "chest"), ("hind", "hips"), ("ear", "head")):
        names = CHAINS[f"left_{kind}"]
        wide = radius[onto][0] / float(usual[skeleton.index(onto), 0])
        for name in names:
            j = skeleton.index(name)
            for end, place, thick in ((0, skeleton.joints, 0), (1, skeleton.tips, 2)):
                x = max(float(place[j, 0]) * wide, 1.05 * float(radius[name][thick]))
                rest[name][end, 0], rest[mirror_name(name)][end, 0] = x, -x
        for one, two in itertools.pairwise(names):
            x = max(float(rest[one][1, 0]), float(rest[two][0, 0]))
            for name, end in ((one, 1), (two, 0)):
                rest[name][end, 0], rest[mirror_name(name)][end, 0] = x, -x


def _normalised(
    base: Template, rest: dict[str, np.ndarray], radius: dict[str, np.ndarray], extras: tuple[Extra, ...]
) -> Template:
    skeleton = base.skeleton
    names = (*skeleton.names, *(extra.name for extra in extras))
    ends = torch.tensor(np.stack([rest[name] for name in names]), dtype=torch.float32)
    radii = torch.tensor(np.stack([radius[name] for name in names]), dtype=torch.float32)
    around = torch.cat(
        [ends[:, 0] - radii[:, :1], ends[:, 0] + radii[:, :1], ends[:, 1] - radii[:, 2:3], ends[:, 1] + radii[:, 2:3]]
    )
    low, high = around.amin(0), around.amax(0)
    scale = 1 / float((high - low).max())
    # The plane of symmetry stays at x = 0.
    centre = (low + high) / 2 * low.new_tensor([0.0, 1.0, 1.0])
    ends = (ends - centre) * scale
    free = skeleton.limits_deg[skeleton.index("tail_3")]
    return Template(
        replace(
            skeleton,
            names=names,
            parents=(*skeleton.parents, *(names.index(extra.parent) for extra in extras)),
            joints=ends[:, 0],
            tips=ends[:, 1],
            mirror=tuple(names.index(mirror_name(name)) for name in names),
            limits_deg=torch.cat([skeleton.limits_deg, free.expand(len(extras), 3, 2)]),
            parts=(*skeleton.parts, *(extra.part for extra in extras)),
        ),
        radii * scale,
        "discovered",
    )
