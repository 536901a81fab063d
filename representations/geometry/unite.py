"""Overlapping parts become one watertight skinned mesh whose every vertex remembers where it came from.

Smooth union of the parts' signed distances (`smooth_union`), marching cubes (`marching`), even triangles on the same
level set (`remesh`), correspondence (`correspondence`). All that lives on the pieces, such as skin weights, an
individual's offsets or colours, comes over through one linear map, `United.carry`, that passes smoothly from piece to
piece; so skinning cannot tear.

A boolean union of the pieces (manifold3d) keeps the creases and slivers of the cut and leaves apart what floats, so it
serves here only to verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import manifold3d
import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ..tensor_structure import TensorStructure
from .correspondence import Diffusion, Sources, SurfacePieces, find_sources, find_twins
from .marching import crossings, isosurface
from .mesh import SkinnedMesh
from .remesh import remesh
from .signed_distance import Grid
from .smooth_union import smooth_union

_Array = np.ndarray
# Values within this share of a grid spacing of zero are moved off it, so that marching cubes makes no needles.
_CLEARANCE = 0.05


class United(TensorStructure):
    """One closed mesh made of pieces with V_in vertices; up to K = 6 sources per vertex, the largest share first."""

    mesh: SkinnedMesh
    piece: Int[Tensor, " V"]
    """The piece with the largest share."""
    share: Float[Tensor, "V K"]
    """Shares of the pieces a vertex draws on; rows sum to one, unused columns are zero."""
    source_face: Int[Tensor, "V K"]
    """Face of the input mesh on which the nearest point of each of these pieces lies."""
    source_vertex: Int[Tensor, "V K 3"]
    """The corners of that face: vertices of the input mesh."""
    barycentric: Float[Tensor, "V K 3"]
    """Barycentric coordinates of the nearest point."""
    remainder: Float[Tensor, "V 3"]
    """What separates a vertex from its carried position: the fillet, mostly."""
    mirror: Int[Tensor, " V"] | None
    """Index of each vertex's mirror image, whose position is exact to the bit; None unless made symmetric."""
    bridges: tuple[tuple[int, int], ...]
    """Pairs of pieces that did not touch and were tied together with a capsule (of a symmetric subject: left ones)."""
    thickened: tuple[int, ...]
    """Pieces that were grown because they are too thin for the grid (of a symmetric subject: left and middle ones)."""
    splints: int
    """Number of loose bits of pieces that were tied to the rest; 0 unless pieces are broken or far too thin."""
    dropped: float
    """Share of the volume left out in crumbs, each below 0.05 %."""
    euler: int
    """Vertices - edges + faces: 2 for a sphere, 2 less for each handle."""

    def carry(self, values: Float[Tensor, "*B V_in C"]) -> Float[Tensor, "*B V C"]:
        """Values on the input's vertices, brought to the united mesh's; linear and differentiable."""
        coefficients = (self.share[..., None] * self.barycentric).to(values.dtype).reshape(len(self.share), -1, 1)
        corners = values.index_select(-2, self.source_vertex.reshape(-1))
        return (corners.reshape(*values.shape[:-2], *coefficients.shape[:2], -1) * coefficients).sum(-2)

    def follow(self, vertices: Float[Tensor, "*B V_in 3"]) -> Float[Tensor, "*B V 3"]:
        """The united vertices when the pieces' vertices move to `vertices`: carried, plus the constant remainder."""
        return self.carry(vertices) + self.remainder.to(vertices.dtype)


def unite(
    mesh: SkinnedMesh,
    piece: Int[Tensor, " V_in"],
    *,
    target_faces: int = 12000,
    blend: float = 0.8,
    reach: float = 0.5,
    resolution: int = 160,
    links: Sequence[tuple[int, int]] = (),
    symmetric: bool = False,
) -> United:
    """One watertight mesh of about `target_faces` faces from closed pieces; `piece` says to which each vertex belongs.

    `blend`: radius of the fillet where pieces meet at a right angle, in radii of the thinner one. `reach`: width of the
    passage of skin weights and the like from piece to piece, in radii. `resolution`: grid points along the longest
    side; a part's radius should be one and a half grid spacings or more, thinner parts are thickened. `links`: pairs
    (piece, parent) along which a piece that touches nothing is tied on; without them it is tied to the nearest.
    `symmetric`: the half with x >= 0 is meshed and mirrored.

    The result has one component, two faces at every edge, outward winding, and the input's topology-independent data:
    blended skin weights, the part of the main source, the reference of the nearest point within that part. It does not
    pass gradients; `United.follow` does. Raises ValueError for pieces without volume, for a `symmetric` input that is
    not (to a thousandth of its size) or does not reach the mirror plane.
    """
    faces, piece_of = mesh.faces.cpu().numpy(), piece.cpu().numpy()
    if (piece_of[faces] != piece_of[faces[:, :1]]).any():
        raise ValueError("a face joins two pieces; the corners of every face must belong to one piece")
    pieces = SurfacePieces(
        vertices=mesh.vertices.detach().cpu().double().numpy(),
        faces=faces,
        face_index=[np.flatnonzero(piece_of[faces[:, 0]] == k) for k in range(int(piece_of.max()) + 1)],
    )
    twins = find_twins(pieces) if symmetric else None
    joined = smooth_union(
        pieces.vertices,
        [faces[index] for index in pieces.face_index],
        blend=blend,
        resolution=resolution,
        links=links,
        half=symmetric,
    )
    single, triangles, mirror = mesh_grid(joined.grid, target_faces, half=symmetric)
    sources, diffusion = find_sources(single.astype(np.float64), triangles, pieces, reach, mirror=mirror, twins=twins)
    return United(
        **_carried(mesh, torch.from_numpy(single), torch.from_numpy(triangles), piece, sources, diffusion),
        mirror=None if mirror is None else torch.from_numpy(mirror).to(mesh.faces.device),
        bridges=joined.bridges,
        thickened=joined.thickened,
        splints=joined.splints,
        dropped=joined.dropped,
        euler=len(single) - len(triangles) // 2,
    )


def mesh_grid(grid: Grid, target_faces: int, *, half: bool = False) -> tuple[_Array, _Array, _Array | None]:
    """The level set of distances as one closed mesh of even triangles, about `target_faces` of them.

    `half`: the grid holds x >= 0 only, with points on the plane x = 0, and the mesh is mirrored. Returns vertices
    (V, 3) float32, faces (F, 3) and, for a half, the index of each vertex's mirror image (V,). Raises RuntimeError
    where the level set is not one body.
    """
    vertices, triangles = remesh(*_extract(grid), grid, target_faces // 2 if half else target_faces, half=half)
    mirror = None
    if half:
        vertices, triangles, mirror = _mirrored(vertices, triangles)
    single = vertices.astype(np.float32)
    _verify(single, triangles)
    return single, triangles, mirror


def _extract(grid: Grid) -> tuple[_Array, _Array]:
    least = _CLEARANCE * grid.spacing
    cleared = np.where(np.abs(grid.values) < least, np.where(grid.values < 0, -least, least), grid.values)
    values = torch.from_numpy(cleared)
    surface = isosurface(values)
    vertices = crossings(values, surface.edges, torch.from_numpy(grid.low), grid.spacing)
    return vertices.numpy(), surface.faces.numpy()


def _mirrored(vertices: _Array, triangles: _Array) -> tuple[_Array, _Array, _Array]:
    """The half x >= 0 and its image, welded in the plane; with the index of each vertex's image."""
    middle, count = vertices[:, 0] == 0, len(vertices)
    image = np.where(middle, np.arange(count), count - 1 + np.cumsum(~middle))
    flipped = vertices[~middle] * np.array([-1.0, 1.0, 1.0])
    mirror = np.concatenate([image, np.flatnonzero(~middle)])
    return np.concatenate([vertices, flipped]), np.concatenate([triangles, image[triangles][:, ::-1]]), mirror


def _verify(vertices: _Array, triangles: _Array) -> None:
    """Raises RuntimeError unless the mesh is one closed, outward wound component without degenerate faces."""
    status = manifold3d.Manifold(manifold3d.Mesh(vertices, triangles.astype(np.uint32))).status()
    if status != manifold3d.Error.NoError:
        raise RuntimeError(f"the united mesh is not manifold: {status}")
    start, end = triangles.reshape(-1), triangles[:, [1, 2, 0]].reshape(-1)
    graph = sparse.coo_matrix((np.ones(start.size), (start, end)), (len(vertices),) * 2)
    bodies = connected_components(graph)[0]
    if bodies != 1:
        raise RuntimeError(f"the united mesh has {bodies} components instead of one")
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    normal = np.cross(b - a, c - a)
    if (a * normal).sum() <= 0:
        raise RuntimeError("the united mesh is inside out")
    longest = np.maximum.reduce([((p - q) ** 2).sum(axis=1) for p, q in ((a, b), (b, c), (c, a))])
    flat = int((np.linalg.norm(normal, axis=1) < 0.02 * longest).sum())
    if flat:
        raise RuntimeError(f"{flat} faces of the united mesh are degenerate")


def _carried(
    mesh: SkinnedMesh,
    vertices: Float[Tensor, "V 3"],
    triangles: Int[Tensor, "F 3"],
    piece: Int[Tensor, " V_in"],
    sources: Sources,
    diffusion: Diffusion,
) -> dict[str, Any]:
    """The fields of `United` that follow from the sources."""
    device = mesh.faces.device
    face = torch.from_numpy(sources.face).to(device)
    share = torch.from_numpy(sources.share).to(mesh.vertices)
    barycentric = torch.from_numpy(sources.barycentric).to(mesh.vertices)
    corner = mesh.faces[face]
    vertices = vertices.to(mesh.vertices)
    coefficients = share[..., None] * barycentric
    # The nearest corner of the main source decides the part; references blend only among corners of that part.
    chosen = corner[:, 0].gather(1, barycentric[:, 0].argmax(1, keepdim=True))
    within = coefficients * (mesh.part[corner] == mesh.part[chosen][..., None])
    within = within / within.sum((1, 2), keepdim=True)
    reference = (mesh.reference.detach()[corner] * within[..., None]).sum((1, 2))

    def carry(values: Tensor) -> Tensor:
        return (values.detach()[corner] * coefficients[..., None]).sum((1, 2))

    # Pieces that meet may disagree about a joint's weights; one more step evens that out.
    smooth = diffusion.step(carry(mesh.weights).cpu().double().numpy())
    weights = torch.from_numpy(smooth).to(mesh.weights).clamp_min(0)
    weights = weights / weights.sum(1, keepdim=True)
    return {
        "mesh": SkinnedMesh(vertices, triangles.to(device), weights, mesh.part[chosen[:, 0]], reference),
        "piece": piece[chosen[:, 0]],
        "share": share,
        "source_face": face,
        "source_vertex": corner,
        "barycentric": barycentric,
        "remainder": vertices - carry(mesh.vertices),
    }
