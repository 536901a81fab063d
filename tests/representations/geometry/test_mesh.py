"""Meshes that know their skeleton: consistent rows, normals that point outward, spheres that are spheres."""

import math

import jaxtyping
import pytest
import torch

from zoetrope.representations.geometry.mesh import (
    SkinnedMesh,
    edges,
    face_normals,
    icosphere,
    subdivide,
    vertex_normals,
)


def ball(**changes: torch.Tensor) -> SkinnedMesh:
    vertices, faces = icosphere(1)
    count = len(vertices)
    given = {
        "vertices": vertices,
        "faces": faces,
        "weights": torch.ones(count, 1),
        "part": torch.zeros(count, dtype=torch.int64),
        "reference": vertices.clone(),
    }
    return SkinnedMesh(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": torch.ones(41, 1)}, "weights has 41 rows but there are 42 vertices"),
        ({"part": torch.zeros(3, dtype=torch.int64)}, "part has 3 rows"),
        ({"reference": torch.zeros(43, 3)}, "reference has 43 rows"),
        ({"uv": torch.zeros(42, 2)}, "uv and uv_faces come together"),
        (
            {"uv": torch.zeros(42, 2), "uv_faces": torch.zeros(7, 3, dtype=torch.int64)},
            "uv_faces has 7 rows but there are 80 faces",
        ),
    ],
)
def test_rows_that_do_not_match_are_refused(
    changes: dict[str, torch.Tensor], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The shape checker of the tests would speak before the mesh itself does; users run without it.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=message):
        ball(**changes)


def test_moving_keeps_everything_but_the_vertices() -> None:
    mesh = ball()
    moved = mesh.with_vertices(mesh.vertices + 1)
    assert torch.equal(moved.vertices, mesh.vertices + 1)
    assert all(getattr(moved, name) is getattr(mesh, name) for name in ("faces", "weights", "part", "reference"))
    assert mesh.to("cpu").uv is None


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_icospheres_are_closed_round_outward_and_symmetric(level: int) -> None:
    vertices, faces = icosphere(level)
    assert (len(vertices), len(faces)) == (10 * 4**level + 2, 20 * 4**level)
    torch.testing.assert_close(vertices.norm(dim=1), torch.ones(len(vertices)))
    assert vertices[:2].tolist() == [[0, 1, 0], [0, -1, 0]]
    assert len(vertices) - len(edges(faces)) + len(faces) == 2
    centres = vertices[faces].mean(1)
    assert bool(((face_normals(vertices, faces) * centres).sum(1) > 0).all())
    mirrored = vertices * torch.tensor([-1.0, 1.0, 1.0])
    gap, twin = torch.cdist(mirrored, vertices).min(1)
    # cdist itself is only good to about 1e-3 near zero in single precision, so measure again.
    assert float((mirrored - vertices[twin]).abs().max()) < 1e-5
    assert float(gap.max()) < 1e-2
    assert torch.equal(twin[twin], torch.arange(len(vertices)))


def test_negative_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="level is -1"):
        icosphere(-1)


def test_subdivision_keeps_the_surface() -> None:
    generator = torch.Generator().manual_seed(0)
    vertices, faces = icosphere(1)
    vertices = vertices + 0.2 * torch.rand(vertices.shape, generator=generator)
    finer, small = subdivide(vertices, faces)
    assert torch.equal(finer[: len(vertices)], vertices)
    assert len(small) == 4 * len(faces)
    # Face k's quarters are k, k + F, k + 2F and k + 3F; each lies in its plane and has a quarter of its area.
    quarters = face_normals(finer, small).reshape(4, -1, 3)
    torch.testing.assert_close(4 * quarters, face_normals(vertices, faces).expand(4, -1, -1), atol=1e-5, rtol=1e-4)


def test_normals_are_area_weighted_and_batched() -> None:
    vertices, faces = icosphere(2)
    stretched = torch.stack([vertices, vertices * torch.tensor([1.0, 3.0, 0.5])])
    normals = face_normals(stretched, faces)
    area = normals[0].norm(dim=1).sum() / 2
    assert float(area) == pytest.approx(4 * math.pi, rel=0.05)
    # The surface is closed: its area vectors cancel.
    assert float(normals.sum(1).abs().max()) < 1e-5
    units = vertex_normals(stretched, faces)
    torch.testing.assert_close(units.norm(dim=-1), torch.ones(2, len(vertices)))
    torch.testing.assert_close(units[0], vertices, atol=0.04, rtol=0)
    expected = torch.zeros(len(vertices), 3)
    for face, normal in zip(faces.tolist(), normals[1], strict=True):
        for corner in face:
            expected[corner] += normal
    torch.testing.assert_close(units[1], torch.nn.functional.normalize(expected, dim=1), atol=1e-5, rtol=0)


def test_a_vertex_without_faces_has_no_normal() -> None:
    vertices, faces = icosphere(0)
    lonely = torch.cat([vertices, torch.ones(1, 3)])
    assert vertex_normals(lonely, faces)[-1].tolist() == [0, 0, 0]


def test_edges_of_two_triangles() -> None:
    assert edges(torch.tensor([[2, 1, 0], [1, 2, 3]])).tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
