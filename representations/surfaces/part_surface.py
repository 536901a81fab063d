"""Part surfaces: one deformed sphere per bone, left and right one by construction.

A point u of the unit icosphere (poles on the bone axis) becomes, in the bone's frame and before posing,

    p(u) = joint + R [ radius_x(s) rho(u) , length s + reach u_y , radius_z(s) rho(u) ]^T + R r sum_k c_k Y_k(u)

with s = (1 + u_y) / 2, radii linear from joint to tip, a superelliptic profile rho, the bone's mean radius r, and
spherical harmonics Y_k whose cut-off degree rises during a fit. In the sense of LASSIE (Yao et al. 2022) and Hi-LASSIE
(2023) these are neural part surfaces; the band-limited network is a single linear layer on the harmonics, which makes
the band limit exact. Only left and middle bones have parameters: right parts are mirror images, middle parts
keep only the harmonics that are symmetric.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..atlas import Atlas
from ..body.chart import bone_frame, part_index, reference_point
from ..body.skeleton import Skeleton
from ..body.template import Template
from ..geometry.harmonic import band_degrees, band_window, lateral_parity, spherical_harmonics
from ..geometry.mesh import SkinnedMesh, icosphere
from ..geometry.unite import unite
from .part_atlas import part_atlas
from .template_surface import TemplateSurface
from .united_surface import UnitedSurface

_PROFILE_POWER = 2.6
_REACH = 0.6
_BLEND = 0.3
_UNIFYING_LEVEL = 3
"""Icosphere level of parts that are made one mesh."""
_UNIFIED_FACES = 10_000


class PartSurfaces(TemplateSurface):
    """The shape of one kind of animal and of each photo's individual, on a template skeleton of J joints.

    Parameters live on the U left and middle bones; `photo_count` individuals add their own coefficients in the bands
    above `shared_degree`.
    """

    _unique: Tensor
    _owner: Tensor
    _mirror: Tensor
    _mask: Tensor
    _degrees: Tensor
    _shift_mask: Tensor
    _ancestors: Tensor
    _sphere: Tensor
    _ring: Tensor
    _harmonics: Tensor
    _faces: Tensor
    _weights: Tensor
    _part: Tensor
    _reference: Tensor
    piece: Tensor
    """Bone that each vertex of `shared()` belongs to."""
    mirror: Tensor
    """Index of each vertex's mirror image."""

    def __init__(self, template: Template, photo_count: int, *, level: int = 2, degree: int = 6) -> None:
        super().__init__()
        skeleton = template.skeleton
        self.template = template
        self.degree = degree
        self.cutoff = 0.0
        """Highest degree of the harmonics that takes part; a fit raises it."""
        names = skeleton.names
        unique = [j for j in range(len(names)) if j <= skeleton.mirror[j]]
        place = {j: k for k, j in enumerate(unique)}
        owner = [place[min(j, skeleton.mirror[j])] for j in range(len(names))]
        self.register_buffer("_unique", torch.tensor(unique))
        self.register_buffer("_owner", torch.tensor(owner))
        sides = [1.0 if j in place else -1.0 for j in range(len(names))]
        self.register_buffer("_mirror", torch.tensor([[side, 1.0, 1.0] for side in sides]))
        middle = torch.tensor([skeleton.mirror[j] == j for j in unique])
        parity = lateral_parity(degree)
        even, odd = (parity > 0).float(), (parity < 0).float()
        symmetric = torch.stack([odd, even, even], dim=1)
        mask = torch.where(middle[:, None, None], symmetric, torch.ones_like(symmetric))
        mask[:, 0] = 0  # a constant shift of a part is the joints' business
        self.register_buffer("_mask", mask)
        self.register_buffer("_degrees", band_degrees(degree))
        shift_mask = torch.ones(len(unique), 3)
        shift_mask[middle, 0] = 0
        shift_mask[torch.tensor([self._follows(skeleton, j) for j in unique])] = 0
        self.register_buffer("_shift_mask", shift_mask)
        self.register_buffer("_ancestors", _ancestor_matrix(skeleton))

        bones, coefficients = len(unique), (degree + 1) ** 2
        self.log_length = nn.Parameter(torch.zeros(bones))
        self.log_radius = nn.Parameter(torch.zeros(bones, 4))
        self.shift = nn.Parameter(torch.zeros(bones, 3))
        """Moves the places where limbs, tail and ears are attached, in units of the rest frame."""
        self.coefficients = nn.Parameter(torch.zeros(bones, coefficients, 3))
        self.instance_coefficients = nn.Parameter(torch.zeros(photo_count, bones, coefficients, 3))
        self.set_level(level)

    @staticmethod
    def _follows(skeleton: Skeleton, joint: int) -> bool:
        parent = skeleton.parents[joint]
        return parent < 0 or skeleton.main_child[parent] == joint

    def set_level(self, level: int) -> None:
        """Changes the icosphere level of all parts (42, 162, 642, 2562 vertices for 1, 2, 3, 4); parameters stay."""
        self.level = level
        for name, tensor in self._at_level(level).items():
            # What follows from the level and the template is not worth a place in a checkpoint.
            self.register_buffer(name, tensor.to(self.log_length.device), persistent=False)

    def _at_level(self, level: int) -> dict[str, Tensor]:
        """Buffers of that level, worked out on the CPU."""
        template = self.template.to("cpu")
        skeleton = template.skeleton
        sphere, faces = icosphere(level)
        count, joint_count = sphere.shape[0], len(skeleton)
        y = sphere[:, 1].clamp(-1, 1)
        ring = torch.nn.functional.normalize(sphere[:, [0, 2]], dim=1)
        profile = (1 - y.abs() ** _PROFILE_POWER).clamp_min(0) ** (1 / _PROFILE_POWER)
        side = self._mirror[:, 0].tolist()
        flipped = faces[:, [0, 2, 1]]
        lengths = torch.linalg.vector_norm(skeleton.tips - skeleton.joints, dim=1)
        mean_radius = template.radius.mean(1)
        along = (0.5 + 0.5 * y)[None] + (_REACH * mean_radius / lengths)[:, None] * y[None]
        across = torch.cdist(sphere * sphere.new_tensor([-1.0, 1.0, 1.0]), sphere).argmin(1)
        straight = torch.arange(count)
        chart_part = torch.tensor([part_index(name) for name in skeleton.parts]).repeat_interleave(count)
        s = (0.5 + 0.5 * y).repeat(joint_count)
        theta = torch.atan2(sphere[:, 0], sphere[:, 2]).repeat(joint_count)
        return {
            "_sphere": sphere,
            "_ring": ring * profile[:, None],
            "_harmonics": spherical_harmonics(sphere, self.degree),
            "_faces": torch.cat([(faces if side[j] > 0 else flipped) + j * count for j in range(joint_count)]),
            "piece": torch.arange(joint_count).repeat_interleave(count),
            "_weights": _blend_weights(skeleton, along),
            "mirror": torch.cat([(straight if m != j else across) + m * count for j, m in enumerate(skeleton.mirror)]),
            "_part": chart_part,
            "_reference": reference_point(chart_part, s, theta),
        }

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PartSurfaces:
        """What `to` comes down to: the template goes along."""
        super()._apply(fn, recurse)
        self.template = self.template.map(fn)
        return self

    def skeleton(self) -> Skeleton:
        """The skeleton with the present bone lengths and attachments (differentiable joints and tips)."""
        rest = self.template.skeleton
        scale = self.log_length.index_select(0, self._owner).exp()[:, None]
        bone = (rest.tips - rest.joints) * scale
        shift = (self.shift * self._shift_mask).index_select(0, self._owner) * self._mirror
        parents = torch.tensor([max(p, 0) for p in rest.parents], device=bone.device)
        offset = (rest.joints - rest.joints[parents]) * scale.index_select(0, parents) + shift
        offset = torch.cat([rest.joints[:1], offset[1:]])
        joints = self._ancestors @ offset
        return rest.with_rest(joints, joints + bone)

    def shared(self) -> SkinnedMesh:
        """The shape that all photos share, parts overlapping, as one skinned mesh."""
        skeleton = self.skeleton()
        bone = (skeleton.tips - skeleton.joints).index_select(0, self._unique)
        length = torch.linalg.vector_norm(bone, dim=1)
        radii = self.template.radius.index_select(0, self._unique) * self.log_radius.exp()
        mean_radius = radii.mean(1)
        s = (0.5 + 0.5 * self._sphere[:, 1])[None, :, None]
        across = torch.lerp(radii[:, None, :2], radii[:, None, 2:], s) * self._ring
        axial = length[:, None] * s[..., 0] + (_REACH * mean_radius)[:, None] * self._sphere[:, 1]
        local = torch.stack([across[..., 0], axial, across[..., 1]], dim=-1)
        local = local + mean_radius[:, None, None] * self._deformation(self.coefficients)
        world = local @ bone_frame(bone).transpose(1, 2)
        vertices = world.index_select(0, self._owner) * self._mirror[:, None] + skeleton.joints[:, None]
        return SkinnedMesh(vertices.reshape(-1, 3), self._faces, self._weights, self._part, self._reference)

    def atlas(self) -> Atlas:
        """Texture coordinates of `shared()` at the present level: two tiles for each part, left half and right half."""
        sphere, faces = icosphere(self.level)
        atlas = part_atlas(sphere, faces, len(self.template.skeleton))
        # Right parts are drawn inside out: their corners come in the other order.
        return replace(atlas, uv_faces=_same_corners(atlas, self._faces)).to(self._faces.device)

    def instance(self, photos: Int[Tensor, " B"]) -> Float[Tensor, "B V 3"]:
        """Offsets of the photos' own shapes from `shared()`, in the rest frame."""
        skeleton = self.skeleton()
        bone = (skeleton.tips - skeleton.joints).index_select(0, self._unique)
        radius = (self.template.radius.index_select(0, self._unique) * self.log_radius.exp()).mean(1)
        coefficients = self.instance_coefficients.index_select(0, photos)
        local = radius[:, None, None] * self._deformation(coefficients)
        world = (local @ bone_frame(bone).transpose(1, 2)).index_select(1, self._owner)
        return (world * self._mirror[:, None]).reshape(len(photos), -1, 3)

    def set_cutoff(self, cutoff: float) -> None:
        """Changes the highest degree of the harmonics that takes part."""
        self.cutoff = cutoff

    def begun(self, template: Template) -> PartSurfaces:
        """Untouched parts of the same level and degrees on another template."""
        fresh = PartSurfaces(template, self.instance_coefficients.shape[0], level=self.level, degree=self.degree)
        fresh.cutoff = self.cutoff
        return fresh.to(self.log_length.device)

    def unified(self) -> UnitedSurface:
        """The parts as they stand, as one watertight mesh of about `_UNIFIED_FACES` faces."""
        self.set_level(_UNIFYING_LEVEL)
        links = [(joint, parent) for joint, parent in enumerate(self.template.skeleton.parents) if parent >= 0]
        with torch.no_grad():
            whole = unite(self.shared(), self.piece, target_faces=_UNIFIED_FACES, links=links, symmetric=True)
            assert whole.mirror is not None
            photo_count = self.instance_coefficients.shape[0]
            return UnitedSurface.begin(whole.mesh, self.skeleton(), whole.mirror, photo_count)

    def regularizers(self) -> dict[str, Tensor]:
        """Named scalar penalties: sizes of the deformation, lengths, radii, attachments; roughness; radius steps."""
        energy = (self.coefficients * self._mask).square()
        roughness = (self._degrees * (self._degrees + 1)).float().square()
        skeleton = self.template.skeleton
        follow = [(j, c) for j, c in enumerate(skeleton.main_child) if c >= 0]
        log_radius = self.log_radius.index_select(0, self._owner)
        bones, children = (torch.tensor(column, device=log_radius.device) for column in zip(*follow, strict=True))
        ends = log_radius.index_select(0, bones)[:, 2:] - log_radius.index_select(0, children)[:, :2]
        return {
            "deformation": energy.sum((1, 2)).mean(),
            "laplacian": (energy * roughness[:, None]).sum((1, 2)).mean(),
            "bone_length": self.log_length.square().mean(),
            "radius": self.log_radius.square().mean(),
            "radius_step": ends.square().mean(),
            "attachment": (self.shift * self._shift_mask).square().sum(1).mean(),
        }

    def individuality(self) -> Float[Tensor, " N"]:
        """Size of each photo's own deformation, mean over the bones."""
        return (self.instance_coefficients * self._mask).square().sum((2, 3)).mean(1)

    def parameter_groups(self) -> dict[str, list[tuple[nn.Parameter, str]]]:
        """Parameters by the kind of variable that a stage may free, each with the name of its learning rate."""
        return {
            "deformation": [(self.coefficients, "deformation")],
            "instance": [(self.instance_coefficients, "instance")],
            "length": [(self.log_length, "length")],
            "radius": [(self.log_radius, "radius")],
            "attachment": [(self.shift, "attachment")],
        }

    def _deformation(self, coefficients: Float[Tensor, "*N U K 3"]) -> Float[Tensor, "*N U n 3"]:
        window = band_window(self._degrees, self.cutoff)[:, None]
        return self._harmonics @ (coefficients * self._mask * window)


def _same_corners(atlas: Atlas, faces: Int[Tensor, "F 3"]) -> Int[Tensor, "F 3"]:
    """The atlas's faces with their corners in the order of `faces`."""
    order = (atlas.vertex_of_uv[atlas.uv_faces][:, None] == faces.cpu()[:, :, None]).int().argmax(2)
    return atlas.uv_faces.gather(1, order)


def _ancestor_matrix(skeleton: Skeleton) -> Float[Tensor, "J J"]:
    """Row j has ones at j and all its ancestors: summing offsets along the chain gives joint positions."""
    matrix = torch.eye(len(skeleton))
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            matrix[joint] += matrix[parent]
    return matrix


def _blend_weights(skeleton: Skeleton, along: Float[Tensor, "J n"]) -> Float[Tensor, "V J"]:
    """Skin weights from the position along the bone: half and half at a joint, a smooth step `_BLEND` wide each way."""
    joint_count, count = along.shape
    weights = torch.zeros(joint_count, count, joint_count)

    def step(x: Tensor) -> Tensor:
        x = (0.5 + 0.5 * x / _BLEND).clamp(0, 1)
        return x * x * (3 - 2 * x)

    for joint in range(joint_count):
        parent, child = skeleton.parents[joint], skeleton.main_child[joint]
        own = torch.ones(count)
        if parent >= 0:
            weights[joint, :, parent] = step(-along[joint])
            own = own - weights[joint, :, parent]
        if child >= 0:
            weights[joint, :, child] = step(along[joint] - 1)
            own = own - weights[joint, :, child]
        weights[joint, :, joint] = own
    if bool((weights < 0).any()):
        raise ValueError("a bone is too short for its radius: the blend zones at its two ends overlap")
    return weights.reshape(-1, joint_count)
