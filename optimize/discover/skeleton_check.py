"""Whether a discovered skeleton can be believed; every rule names what it found and its bound.

Hi-LASSIE takes whatever the thinning of one silhouette gives. Here a skeleton that breaks a rule is not used, and the
line that says why is kept.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool
from scipy import ndimage

from ...representations.body.template import Template, template
from .skeleton_lift import ground_slope_deg
from .sketch import CHAINS, Sketch

_LENGTH = (0.1, 5.0)
"""Bone lengths against the template's; both skeletons have longest side 1."""
_DOCK = 0.3
_PAIR = 1.8
"""Twins' legs may differ in length by this factor where both were seen."""
_INSIDE = 0.9
_TOLERANCE = 0.012
"""Bones may run this far outside the silhouette, in its longest sides: about the width of its ragged edge."""
_SLOPE_DEG = 20.0
_FLOOR = 0.08
"""Feet end at most this far above the lowest point, in longest sides of the body."""


def fault_in(body: Template, sketch: Sketch, mask: Bool[np.ndarray, "S S"]) -> str:
    """One line on the first rule that is broken, "" where none is."""
    for rule in (_joints_fault(body), _sides_fault(sketch), _ground_fault(body, sketch), _inside_fault(sketch, mask)):
        if rule:
            return rule
    return ""


def share_inside(sketch: Sketch, mask: Bool[np.ndarray, "S S"]) -> float:
    """Share of evenly spaced points along the bones that lie in the silhouette; limbs without a joint in sight do not
    count."""
    box = np.argwhere(mask)
    side = float((np.ptp(box, axis=0) + 1).max())
    away = np.asarray(ndimage.distance_transform_edt(~mask))
    inside, total = 0, 0
    unseen = {name for chain, seen in sketch.seen.items() if not seen.any() for name in sketch.joints(chain)}
    for name, (start, tip) in sketch.bones().items():
        if name in unseen:
            continue
        count = max(2, round(float(np.linalg.norm(tip - start))))
        points = start + np.linspace(0, 1, count)[:, None] * (tip - start)
        column, row = np.clip(np.floor(points).astype(int), 0, np.array(mask.shape)[::-1] - 1).T
        inside += int((away[row, column] <= _TOLERANCE * side).sum())
        total += count
    return inside / total


def _joints_fault(body: Template) -> str:
    skeleton, usual = body.skeleton, template("quadruped").skeleton
    if not (torch.isfinite(skeleton.joints).all() and torch.isfinite(skeleton.tips).all()):
        return "a joint has no finite place"
    missing = [name for name in usual.names if name not in skeleton.names]
    if missing:
        return f"the joints {', '.join(missing)} are missing"
    mirror = list(skeleton.mirror)
    flip = skeleton.joints.new_tensor([-1.0, 1.0, 1.0])
    if not torch.allclose(skeleton.joints[mirror] * flip, skeleton.joints, atol=1e-5):
        return "left and right are no mirror images"
    for name in ("spine", "chest", "neck", "head", "muzzle", "tail_2", "tail_3"):
        j = skeleton.index(name)
        gap = float((skeleton.joints[j] - skeleton.tips[skeleton.parents[j]]).norm())
        if gap > 1e-4:
            return f"{name} lies {gap:.3f} from the bone it hangs on; chains must be connected"
    dock = float((skeleton.joints[skeleton.index("tail_1")] - skeleton.joints[0]).norm())
    if dock > _DOCK:
        return f"the tail begins {dock:.2f} from the hips, of a body of size 1; up to {_DOCK} is believed"
    for j, name in enumerate(usual.names):
        here = float((skeleton.tips - skeleton.joints)[skeleton.index(name)].norm())
        there = float((usual.tips[j] - usual.joints[j]).norm())
        if not _LENGTH[0] <= here / there <= _LENGTH[1]:
            return f"{name} is {here / there:.2f} times the template's length; {_LENGTH[0]} to {_LENGTH[1]} is believed"
    for names in (CHAINS["trunk"], CHAINS["head"]):
        first, last = skeleton.index(names[0]), skeleton.index(names[-1])
        if float(skeleton.tips[last, 2] - skeleton.joints[first, 2]) <= 0:
            return f"the {names[0]} points backward"
    return ""


def _sides_fault(sketch: Sketch) -> str:
    for kind in ("front", "hind"):
        lengths = []
        for side in ("left", "right"):
            line, seen = sketch.chains[f"{side}_{kind}"], sketch.seen[f"{side}_{kind}"]
            if seen.all():
                lengths.append(float(np.linalg.norm(np.diff(line.points, axis=0), axis=1).sum()))
        if len(lengths) == 2 and max(lengths) > _PAIR * min(lengths):
            ratio = max(lengths) / min(lengths)
            return f"one of the {kind} legs is {ratio:.1f} times as long as the other; up to {_PAIR} is believed"
    return ""


def _ground_fault(body: Template, sketch: Sketch) -> str:
    slope = ground_slope_deg(sketch)
    if abs(slope) > _SLOPE_DEG:
        return f"the ground under the feet slopes by {slope:.0f} degrees; up to {_SLOPE_DEG:.0f} is believed"
    skeleton = body.skeleton
    floor = float(torch.minimum(skeleton.joints[:, 1], skeleton.tips[:, 1]).min())
    for kind in ("front", "hind"):
        paw = skeleton.index(CHAINS[f"left_{kind}"][-1])
        height = min(float(skeleton.tips[paw, 1]), float(skeleton.joints[paw, 1])) - floor
        if height > _FLOOR:
            return f"the {kind} feet end {height:.2f} above the ground; up to {_FLOOR} is believed"
    return ""


def _inside_fault(sketch: Sketch, mask: np.ndarray) -> str:
    inside = share_inside(sketch, mask)
    if inside < _INSIDE:
        return f"{100 * inside:.0f} % of the bones lie inside the silhouette; at least {100 * _INSIDE:.0f} % must"
    return ""
