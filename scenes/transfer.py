"""What one subject gives another: its coat, its pose, its shape.

Every subject's surface knows its place on the reference body (`representations.chart`), and every skeleton of a plan
has the same joints. So a texel takes the colour of that place on the other subject, a vertex its position, and a joint
its rotation; across species as well, as far as they have the same parts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix, diags, eye
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree
from torch import Tensor

from ..representations.atlas import dilate, texel_positions
from ..representations.body.skeleton import Skeleton
from ..representations.geometry.mesh import SkinnedMesh, edges
from ..representations.tensor_structure import TensorStructure
from .error import InputError
from .subject import Subject

_NEIGHBOURS = 4
_SAMPLES = 60_000
"""Points of a surface among which places are looked for, about."""
_STIFFNESS = 10.0
"""How strongly the shift of a vertex is held to the mean of its neighbours', beside its own weight of 1."""


class Places(TensorStructure):
    """Where P points of one surface are on another: barycentrics on some of its faces, with weights that sum to 1."""

    face: Int[Tensor, "P K"]
    bary: Float[Tensor, "P K 3"]
    weight: Float[Tensor, "P K"]
    distance: Float[Tensor, " P"]
    """On the reference body, to the nearest of them."""

    def of(self, values: Float[Tensor, "V C"], faces: Int[Tensor, "F 3"]) -> Float[Tensor, "P C"]:
        """Values at the corners of the other surface's faces, at the points."""
        corners = values[faces[self.face]]
        return ((corners * self.bary[..., None]).sum(2) * self.weight[..., None]).sum(1)


def find_places(points: Float[Tensor, "P 3"], mesh: SkinnedMesh) -> Places:
    """The places of `mesh` that are nearest, on the reference body, to points of it."""
    face, bary = _scattered(mesh)
    samples = (mesh.reference.cpu()[mesh.faces.cpu()[face]] * bary[..., None]).sum(1)
    distance, index = KDTree(samples.double().numpy()).query(points.double().cpu().numpy(), k=_NEIGHBOURS)
    found = torch.from_numpy(np.ascontiguousarray(index))
    near = torch.from_numpy(1 / (distance + 1e-4)).float()
    weight = near / near.sum(1, keepdim=True)
    return Places(face[found], bary[found], weight, torch.from_numpy(distance[:, 0]).float())


def with_texture_of(subject: Subject, other: Subject) -> Subject:
    """The subject in the other's coat, on its own atlas. Raises InputError where either has no texture."""
    mesh, worn = subject.mesh, other.mesh
    if subject.texture is None or mesh.uv is None or mesh.uv_faces is None:
        raise InputError("the subject to be dressed has no texture to be replaced; fit it again")
    if other.texture is None or worn.uv is None or worn.uv_faces is None:
        raise InputError("the subject that gives its texture has none; fit it again")
    face_map, bary_map = texel_positions(mesh.uv, mesh.uv_faces, subject.texture.shape[0])
    inside = face_map >= 0
    points = (mesh.reference[mesh.faces[face_map[inside]]] * bary_map[inside][..., None]).sum(1)
    places = find_places(points, worn)
    # Each of the nearest places has a colour of its own: corners of texture coordinates differ along seams.
    uv = (worn.uv[worn.uv_faces[places.face]] * places.bary[..., None]).sum(2)
    texture = other.texture.float() / 255
    grid = (2 * uv - 1)[None]
    colors = torch.nn.functional.grid_sample(
        texture.permute(2, 0, 1)[None], grid, padding_mode="border", align_corners=False
    )[0].permute(1, 2, 0)
    painted = torch.zeros(*subject.texture.shape)
    painted[inside] = (colors * places.weight[..., None]).sum(1)
    return replace(subject, texture=(dilate(painted, inside).clamp(0, 1) * 255).round().to(torch.uint8))


def pose_for(rotations: Float[Tensor, "J 4"], skeleton: Skeleton, other: Skeleton) -> Float[Tensor, "K 4"]:
    """The pose of one skeleton on another, joint by joint by name; joints that only the other has stay at rest.

    Raises InputError where the skeletons share no joint but the root.
    """
    pose = torch.zeros(len(other), 4)
    pose[:, 0] = 1
    shared = [name for name in other.names if name in skeleton.names]
    if len(shared) < 2:
        raise InputError(
            f"a {skeleton.plan} and a {other.plan} have no joints in common; their poses do not carry over"
        )
    for name in shared:
        pose[other.index(name)] = rotations[skeleton.index(name)]
    return pose


def with_shape_of(subject: Subject, other: Subject, share: float) -> Subject:
    """The subject between its own shape (`share` 0) and the other's (1), mesh, joints and tips; its coat stays.

    Vertices go towards their places on the other, smoothly over the surface. Clips are left out, as they are made for
    proportions. Raises InputError where the skeletons have other joints.
    """
    mesh, skeleton = subject.mesh, subject.skeleton
    if set(skeleton.names) != set(other.skeleton.names):
        raise InputError("the two subjects have other joints; shapes are mixed between subjects of one kind of body")
    target = find_places(mesh.reference, other.mesh).of(other.mesh.vertices, other.mesh.faces)
    shift = _smooth(target - mesh.vertices, mesh)
    order = torch.tensor([other.skeleton.index(name) for name in skeleton.names])
    joints = torch.lerp(skeleton.joints, other.skeleton.joints[order], share)
    tips = torch.lerp(skeleton.tips, other.skeleton.tips[order], share)
    moved = mesh.with_vertices(mesh.vertices + share * shift)
    return replace(subject, mesh=moved, skeleton=skeleton.with_rest(joints, tips), clips=())


def _scattered(mesh: SkinnedMesh) -> tuple[Int[Tensor, " S"], Float[Tensor, "S 3"]]:
    """Points all over a mesh, face by face in a fixed pattern: as many on each face as its area asks for."""
    corners = mesh.vertices[mesh.faces].cpu()
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1)
    count = (area / area.sum() * _SAMPLES).ceil().long().clamp(1, 64)
    face = torch.repeat_interleave(torch.arange(len(area)), count)
    number = torch.arange(len(face)) - (count.cumsum(0) - count)[face]
    # Roberts' low-discrepancy sequence, folded into the triangle.
    u = torch.frac(0.5 + number * 0.7548776662466927)
    v = torch.frac(0.5 + number * 0.5698402909980532)
    folded = u + v > 1
    u, v = torch.where(folded, 1 - u, u), torch.where(folded, 1 - v, v)
    return face, torch.stack([1 - u - v, u, v], dim=1).float()


def _smooth(shift: Float[Tensor, "V 3"], mesh: SkinnedMesh) -> Float[Tensor, "V 3"]:
    """argmin_x |x - shift|^2 + stiffness |L x|^2, L x being how far a vertex is off the mean of its neighbours."""
    ends, count = edges(mesh.faces).cpu().numpy(), len(mesh.vertices)
    ones = np.ones(len(ends))
    graph = csr_matrix((ones, (ends[:, 0], ends[:, 1])), shape=(count, count))
    graph = graph + graph.T
    off = eye(count) - diags(1 / np.maximum(np.asarray(graph.sum(1))[:, 0], 1)) @ graph
    solver = splu((eye(count) + _STIFFNESS * off.T @ off).tocsc())
    return torch.from_numpy(solver.solve(shift.double().cpu().numpy())).to(shift)
