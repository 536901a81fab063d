"""Blueprints: bones and lofts of one body, and what they amount to: a skeleton and overlapping skinned pieces.

Only the left half and the middle are drawn; right pieces are mirror images, vertex by vertex. Blueprints of the same
species have the same pieces with the same vertex counts, so an individual's pieces tell where every point of another's
body goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.body.chart import bone_frame, part_index, reference_point
from ...representations.body.skeleton import BodyPlan, Skeleton
from ...representations.body.template import mirror_name, template
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.tensor_structure import TensorStructure
from .loft import Loft, Swept, sweep

Point = tuple[float, float, float]
_FREE_LIMITS = ((-25.0, 25.0), (-20.0, 20.0), (-20.0, 20.0))
"""Degrees, for joints that the template of the plan does not have."""


@dataclass(frozen=True)
class Bone:
    """A joint and the bone on it, of the middle or the left."""

    name: str
    parent: str | None
    part: str
    start: Point
    tip: Point


@dataclass(frozen=True)
class Blueprint:
    """A body in its rest pose: +Y up, front +Z, left +X, any unit, feet at y = 0."""

    plan: BodyPlan
    bones: tuple[Bone, ...]
    """Parents before children."""
    lofts: tuple[Loft, ...]
    landmarks: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Keypoint name -> (joint, True for its bone's tip)."""
    marks: dict[str, tuple[Point, float]] = field(default_factory=dict)
    """Places and radii that a coat paints by, such as "left_eye" and "nose"."""


class BlueprintPieces(TensorStructure):
    """The lofts' surfaces as one mesh of P closed pieces, with the skeleton that moves them."""

    mesh: SkinnedMesh
    skeleton: Skeleton
    piece: Int[Tensor, " V"]
    """Piece of each vertex."""
    names: tuple[str, ...]
    """P names."""
    course: Float[Tensor, " V"]
    """See `loft.Loft.course`."""


def assemble(blueprint: Blueprint) -> BlueprintPieces:
    """Skeleton and pieces of a blueprint. Raises KeyError where a loft names a joint or part that is not there."""
    skeleton = _skeleton(blueprint)
    names, vertices, faces, weights, parts, s, theta, course, piece = ([] for _ in range(9))
    count = 0
    for loft, swept, mirrored, points in _sides(blueprint):
        names.append(mirror_name(loft.name) if mirrored else loft.name)
        triangles = torch.from_numpy(swept.faces[:, ::-1].copy() if mirrored else swept.faces)
        vertices.append(points)
        faces.append(triangles + count)
        weights.append(_weights(loft, swept, skeleton, mirrored))
        part, share, angle = _addresses(loft, swept, skeleton, mirrored)
        parts.append(part)
        s.append(share)
        theta.append(angle)
        course.append(torch.from_numpy(swept.course))
        piece.append(torch.full((len(points),), len(names) - 1))
        count += len(points)
    part = torch.cat(parts)
    mesh = SkinnedMesh(
        torch.cat(vertices).float(),
        torch.cat(faces),
        torch.cat(weights).float(),
        part,
        reference_point(part, torch.cat(s).float(), torch.cat(theta).float()),
    )
    return BlueprintPieces(mesh, skeleton, torch.cat(piece), tuple(names), torch.cat(course).float())


def place(blueprint: Blueprint) -> tuple[Float[Tensor, "V 3"], Skeleton]:
    """The vertices that `assemble` gives, and the skeleton: all that sets individuals of a species apart."""
    return torch.cat([points for *_, points in _sides(blueprint)]).float(), _skeleton(blueprint)


def _sides(blueprint: Blueprint) -> Iterator[tuple[Loft, Swept, bool, Float[Tensor, "V 3"]]]:
    """Every piece in order: its loft, the loft's surface, whether it is the mirror image of that, and its vertices."""
    for loft in blueprint.lofts:
        swept = sweep(loft)
        for mirrored in (False, True) if loft.name.startswith("left") else (False,):
            yield loft, swept, mirrored, torch.from_numpy(swept.vertices * (-1.0 if mirrored else 1.0, 1.0, 1.0))


def _skeleton(blueprint: Blueprint) -> Skeleton:
    bones = [
        bone for left in blueprint.bones for bone in ((left, _twin(left)) if left.name.startswith("left") else (left,))
    ]
    names = tuple(bone.name for bone in bones)
    known = template(blueprint.plan).skeleton
    limits = [
        known.limits_deg[known.index(name)] if name in known.names else torch.tensor(_FREE_LIMITS) for name in names
    ]
    return Skeleton(
        names=names,
        parents=tuple(-1 if bone.parent is None else names.index(bone.parent) for bone in bones),
        joints=torch.tensor([bone.start for bone in bones], dtype=torch.float32),
        tips=torch.tensor([bone.tip for bone in bones], dtype=torch.float32),
        mirror=tuple(names.index(mirror_name(name)) for name in names),
        limits_deg=torch.stack(limits),
        parts=tuple(bone.part for bone in bones),
        plan=blueprint.plan,
        landmarks={name: (names.index(joint), tip) for name, (joint, tip) in blueprint.landmarks.items()},
    )


def _twin(bone: Bone) -> Bone:
    def flip(point: Point) -> Point:
        return (-point[0], point[1], point[2])

    parent = None if bone.parent is None else mirror_name(bone.parent)
    return Bone(mirror_name(bone.name), parent, mirror_name(bone.part), flip(bone.start), flip(bone.tip))


def _weights(loft: Loft, swept: Swept, skeleton: Skeleton, mirrored: bool) -> Tensor:
    """Each segment's bone, handing over to the next smoothly."""
    weights = torch.zeros(len(swept.u), len(skeleton), dtype=torch.float64)
    u = torch.from_numpy(swept.u)
    following = torch.zeros_like(u)
    for k in range(len(loft.joints) - 1, -1, -1):
        t = ((u - k + loft.blend) / (2 * loft.blend)).clamp(0, 1)
        reached = t * t * (3 - 2 * t) if k else torch.ones_like(u)
        joint = mirror_name(loft.joints[k]) if mirrored else loft.joints[k]
        weights[:, skeleton.index(joint)] += reached - following
        following = reached
    return weights


def _addresses(loft: Loft, swept: Swept, skeleton: Skeleton, mirrored: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Part, s and theta of every vertex, of the mirror image those of the original on the other side's part."""
    u, theta = torch.from_numpy(swept.u), torch.from_numpy(swept.theta)
    if loft.host is not None:
        s, theta = _beside_bone(torch.from_numpy(swept.vertices).float(), skeleton, loft.joints[0])
        part = mirror_name(loft.host) if mirrored else loft.host
        # On a bone in the middle the other side has the other angle.
        if mirrored and not loft.host.startswith("left"):
            theta = -theta
        return torch.full((len(u),), part_index(part)), s, theta
    segment = u.floor().clamp(0, len(loft.parts) - 1).long()
    part, s = torch.zeros(len(u), dtype=torch.int64), torch.zeros_like(u)
    for name in dict.fromkeys(loft.parts):
        mine = [k for k, other in enumerate(loft.parts) if other == name]
        low = float(u.min()) if mine[0] == 0 else mine[0]
        high = float(u.max()) if mine[-1] == len(loft.parts) - 1 else mine[-1] + 1
        chosen = (segment >= mine[0]) & (segment <= mine[-1])
        part[chosen] = part_index(mirror_name(name) if mirrored else name)
        s[chosen] = ((u[chosen] - low) / (high - low)).clamp(0, 1)
    return part, s, theta


def _beside_bone(points: Float[Tensor, "V 3"], skeleton: Skeleton, joint: str) -> tuple[Tensor, Tensor]:
    k = skeleton.index(joint)
    start, bone = skeleton.joints[k], skeleton.tips[k] - skeleton.joints[k]
    frame = bone_frame(bone)
    local = (points - start) @ frame
    return (local[:, 1] / bone.norm()).double().clamp(0, 1), torch.atan2(local[:, 0], local[:, 2]).double()
