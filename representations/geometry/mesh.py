"""Triangle meshes that know their skeleton: rest vertices with skin weights, body part and reference coordinates.

Every surface kind ends as a `SkinnedMesh`; rendering, posing, scores and exports read nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..tensor_structure import TensorStructure


class SkinnedMesh(TensorStructure):
    """A rest-pose triangle mesh bound to a skeleton of J joints.

    Rest frame: +Y up, subject's front +Z, subject's left +X, unitless. Faces wind counter-clockwise seen from outside.
    """

    vertices: Float[Tensor, "V 3"]
    """Rest positions."""
    faces: Int[Tensor, "F 3"]
    """Vertex indices, int64."""
    weights: Float[Tensor, "V J"]
    """Skin weights, non-negative, rows sum to one."""
    part: Int[Tensor, " V"]
    """Body part of each vertex: an index into `chart.PARTS`, the same list for every species."""
    reference: Float[Tensor, "V 3"]
    """Coordinates on the reference body that all species share (see `chart`)."""
    uv: Float[Tensor, "T 2"] | None = None
    """Texture coordinates in [0, 1], origin at the picture's top left (glTF); T may differ from V because of seams."""
    uv_faces: Int[Tensor, "F 3"] | None = None
    """Indices into `uv` for each corner of `faces`."""

    def __post_init__(self) -> None:
        vertex_count, face_count = self.vertices.shape[0], self.faces.shape[0]
        for name, rows, expected in (
            ("weights", self.weights.shape[0], vertex_count),
            ("part", self.part.shape[0], vertex_count),
            ("reference", self.reference.shape[0], vertex_count),
        ):
            if rows != expected:
                raise ValueError(f"SkinnedMesh.{name} has {rows} rows but there are {expected} vertices")
        if (self.uv is None) != (self.uv_faces is None):
            raise ValueError("SkinnedMesh.uv and uv_faces come together: give both or neither")
        if self.uv_faces is not None and self.uv_faces.shape[0] != face_count:
            raise ValueError(f"SkinnedMesh.uv_faces has {self.uv_faces.shape[0]} rows but there are {face_count} faces")

    def with_vertices(self, vertices: Float[Tensor, "V 3"]) -> SkinnedMesh:
        """The same mesh with other rest positions."""
        return replace(self, vertices=vertices)


def face_normals(vertices: Float[Tensor, "*B V 3"], faces: Int[Tensor, "F 3"]) -> Float[Tensor, "*B F 3"]:
    """Area-weighted face normals: cross products, twice the face's area long, pointing outward."""
    a, b, c = (vertices.index_select(-2, faces[:, corner]) for corner in range(3))
    return torch.linalg.cross(b - a, c - a)


def vertex_normals(vertices: Float[Tensor, "*B V 3"], faces: Int[Tensor, "F 3"]) -> Float[Tensor, "*B V 3"]:
    """Unit vertex normals, each the area-weighted mean of its faces (zero where a vertex has no face)."""
    normals = face_normals(vertices, faces)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total = total.index_add(-2, faces[:, corner], normals)
    return torch.nn.functional.normalize(total, dim=-1, eps=1e-12)


def edges(faces: Int[Tensor, "F 3"]) -> Int[Tensor, "E 2"]:
    """Unique undirected edges, smaller index first, sorted."""
    pairs = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return torch.unique(pairs.sort(dim=1).values, dim=0)


def icosphere(level: int) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Unit icosphere: `level` 0 is the icosahedron with two vertices on the Y axis; each level splits faces in four.

    Returns vertices (10 * 4**level + 2, 3) and faces (20 * 4**level, 3), outward winding.

    >>> tuple(icosphere(2)[0].shape)
    (162, 3)
    """
    if level < 0:
        raise ValueError(f"icosphere level is {level}; it must be 0 or more")
    ring = torch.arange(5, dtype=torch.float64) * (2 * torch.pi / 5)
    height, radius = 1 / 5**0.5, 2 / 5**0.5
    upper = torch.stack([radius * torch.sin(ring), torch.full_like(ring, height), radius * torch.cos(ring)], dim=1)
    lower = torch.stack(
        [
            radius * torch.sin(ring + torch.pi / 5),
            torch.full_like(ring, -height),
            radius * torch.cos(ring + torch.pi / 5),
        ],
        dim=1,
    )
    poles = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]], dtype=torch.float64)
    vertices = torch.cat([poles, upper, lower])
    faces = []
    for k in range(5):
        n = (k + 1) % 5
        faces += [[0, 2 + k, 2 + n], [2 + k, 7 + k, 2 + n], [2 + n, 7 + k, 7 + n], [1, 7 + n, 7 + k]]
    triangles = torch.tensor(faces, dtype=torch.int64)
    for _ in range(level):
        vertices, triangles = subdivide(vertices, triangles)
        vertices = torch.nn.functional.normalize(vertices, dim=1)
    return vertices.float(), triangles


def subdivide(
    vertices: Float[Tensor, "V D"], faces: Int[Tensor, "F 3"]
) -> tuple[Float[Tensor, "W D"], Int[Tensor, "G 3"]]:
    """Each face split in four at the edge midpoints, in space or on a texture; old vertices keep their indices.

    The four take the place of their face in four blocks of F, so that two kinds of faces split alike stay together.
    """
    pairs = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(dim=1).values
    unique, inverse = torch.unique(pairs, dim=0, return_inverse=True)
    middle = vertices[unique].mean(dim=1)
    ab, bc, ca = (inverse + vertices.shape[0]).reshape(3, -1)
    a, b, c = faces.unbind(dim=1)
    split = [
        torch.stack([a, ab, ca], 1),
        torch.stack([b, bc, ab], 1),
        torch.stack([c, ca, bc], 1),
        torch.stack([ab, bc, ca], 1),
    ]
    return torch.cat([vertices, middle]), torch.cat(split)
