"""Visibility: what is seen where, by every backend that can run here.

Triton's kernel draws on CUDA, or in Triton's interpreter: `test_triton_backend.py` runs this file in it.
"""

import importlib.util
import os

import pytest
import torch

from zoetrope.representations.rendering import Fragments, rasterize

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
TRITON = pytest.param(
    "triton",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("triton") is None or not (INTERPRETED or torch.cuda.is_available()),
        reason="needs Triton and a CUDA device, or TRITON_INTERPRET=1",
    ),
)
PYTORCH3D = pytest.param(
    "pytorch3d",
    marks=pytest.mark.skipif(importlib.util.find_spec("pytorch3d") is None, reason="needs PyTorch3D"),
)
BACKENDS = ["numba", "torch", TRITON, PYTORCH3D]


def draw(vertices, faces, size, backend, near=1e-3, cull="none") -> Fragments:
    """`rasterize` for tensors on the CPU, on CUDA if only that will do."""
    device = "cuda" if backend == "triton" and not INTERPRETED else "cpu"
    found = rasterize(vertices.to(device), faces.to(device), size, backend, near, cull)
    return Fragments(found.face.cpu(), found.depth.cpu())


@pytest.mark.parametrize("backend", BACKENDS)
def test_up_is_up_and_right_is_right(backend, quad):
    vertices, faces = quad(3, 1, 6, 3, (8, 10))
    seen = draw(vertices, faces, (8, 10), backend).face[0] >= 0
    expected = torch.zeros(8, 10, dtype=torch.bool)
    expected[1:3, 3:6] = True
    assert torch.equal(seen, expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("distance", "near"), [(2.5, 1e-3), (0.6, 0.05), (0.0, 0.2)], ids=["outside", "through the surface", "inside"]
)
@pytest.mark.parametrize("cull", ["none", "back"])
def test_every_pixel_sees_the_nearest_point_along_its_ray(backend, distance, near, cull, bumpy):
    vertices, faces = bumpy(1, 2, distance)
    height, width = 19, 23
    fragments = draw(vertices, faces, (height, width), backend, near, cull)
    rows, columns = torch.arange(height).double() + 0.5, torch.arange(width).double() + 0.5
    row, column = torch.meshgrid(rows, columns, indexing="ij")
    ray = torch.stack([2 * column / width - 1, 1 - 2 * row / height, torch.ones_like(row)], dim=-1)
    for picture in range(2):
        # Solve ray * depth = weighted corners for each pair of pixel and face.
        corners = vertices[picture][:, [0, 1, 3]][faces]
        weights = torch.linalg.solve(corners.transpose(1, 2)[:, None], ray.reshape(1, -1, 3, 1))[..., 0]
        total = weights.sum(-1)
        depth = torch.where((weights >= 0).all(-1) & (total > 0), 1 / total, torch.inf)
        depth = torch.where(depth >= near, depth, torch.inf)
        if cull == "back":
            depth = torch.where((torch.linalg.det(corners) > 0)[:, None], depth, torch.inf)
        nearest, face = depth.min(dim=0)
        expected = torch.where(nearest < torch.inf, face, -1).reshape(height, width)
        assert torch.equal(fragments.face[picture].long(), expected)
        torch.testing.assert_close(fragments.depth[picture].reshape(-1), nearest, rtol=1e-9, atol=0)


@pytest.mark.parametrize("distance", [2.5, 0.9, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cull", ["none", "back"])
@pytest.mark.parametrize("backend", ["numba", TRITON])
def test_backends_agree_bit_for_bit(backend, distance, dtype, cull, bumpy):
    # Triton's interpreter is slow: less of everything.
    level, batch, size = (1, 4, (17, 14)) if INTERPRETED else (3, 5, (65, 48))
    vertices, faces = bumpy(level, batch, distance, dtype=dtype)
    one, other = (draw(vertices, faces, size, name, 0.05, cull) for name in (backend, "torch"))
    # From within a closed body only backs are seen; at 0.9 some of the larger set of bodies are seen from outside.
    if distance != 0.9 or not INTERPRETED:
        assert (one.face >= 0).any() == (distance > 0.5 or cull == "none")
    assert torch.equal(one.face, other.face)
    assert torch.equal(one.depth, other.depth)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [1.0, 0.5, 0.25, 1 / 3])
def test_neighbours_leave_no_gap_and_share_no_pixel(backend, step):
    """A sheet of triangles whose vertices and edges fall on pixel centres, drawn one triangle at a time."""
    size, count = (8, 8), round(6 / step)
    ticks = torch.arange(count + 1, dtype=torch.float64) * step + 1.5
    rows, columns = torch.meshgrid(ticks, ticks, indexing="ij")
    x, y = columns.reshape(-1) / 4 - 1, 1 - rows.reshape(-1) / 4
    vertices = torch.stack([2 * x, 2 * y, torch.zeros_like(x), torch.full_like(x, 2)], dim=-1)[None]
    corner = torch.arange(count * (count + 1)).reshape(count, count + 1)[:, :-1].reshape(-1)
    below = corner + count + 1
    faces = torch.cat([torch.stack([corner, below, below + 1], 1), torch.stack([corner, below + 1, corner + 1], 1)])
    # Neither winding nor the first corner may matter: turn every other face round, begin each third with another one.
    faces[::2] = faces[::2].flip(1)
    for corner in (1, 2):
        faces[corner::3] = faces[corner::3].roll(corner, 1)
    alone = draw(vertices[0, faces], torch.tensor([[0, 1, 2]]), size, backend)
    expected = torch.zeros(8, 8, dtype=torch.int64)
    expected[1:7, 1:7] = 1
    assert torch.equal((alone.face >= 0).sum(0), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_equally_near_faces_the_lower_index_wins(backend, quad):
    vertices, faces = quad(1, 1, 7, 7, (8, 8))
    twice = torch.cat([faces, faces.flip(0)])
    assert torch.equal(draw(vertices, twice, (8, 8), backend).face, draw(vertices, faces, (8, 8), backend).face)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_floor_under_the_camera_is_cut_at_the_near_plane(backend):
    """y = -1 from far behind the camera to far in front: below the horizon, depth = 1 / (share of the way down)."""
    far = 1e4
    floor = torch.tensor([[-far, -1, 0, -far], [far, -1, 0, -far], [far, -1, 0, far], [-far, -1, 0, far]]).double()
    fragments = draw(floor[None], torch.tensor([[0, 1, 2], [0, 2, 3]]), (16, 8), backend, near=1.5)
    down = (torch.arange(16).double() + 0.5) / 8 - 1
    expected = torch.where((down > 1 / far) & (1 / down >= 1.5), 1 / down, torch.inf)[:, None].expand(16, 8)
    torch.testing.assert_close(fragments.depth[0], expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_degenerate_and_hidden_faces_draw_nothing(backend, quad):
    vertices, faces = quad(1, 1, 7, 7, (8, 8))
    vertices = torch.cat([vertices, vertices * torch.tensor([1.0, 1, 1, -1]), vertices * 1e300 + 1e305], dim=1)
    odd = torch.tensor([[0, 0, 0], [0, 1, 1], [0, 2, 2], [4, 5, 6], [8, 9, 10]])
    assert (draw(vertices[:, :8], odd[:4], (8, 8), backend).face == -1).all()
    seen = draw(vertices, torch.cat([odd, faces]), (8, 8), backend).face
    assert torch.equal(seen >= 0, draw(vertices, faces, (8, 8), backend).face >= 0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("batch", "vertices", "faces", "size"),
    [(0, 3, 1, (4, 4)), (2, 0, 0, (4, 4)), (2, 3, 0, (4, 5)), (2, 3, 1, (0, 4)), (2, 3, 1, (4, 0))],
)
def test_nothing_to_draw(backend, batch, vertices, faces, size):
    corners = torch.tensor([[-1.0, -1, 0, 1], [3, -1, 0, 1], [-1, 3, 0, 1]])[:vertices].expand(batch, -1, -1)
    fragments = draw(corners, torch.arange(3).expand(faces, 3), size, backend)
    assert fragments.face.shape == fragments.depth.shape == (batch, *size)
    assert (fragments.face == -1).all()
    assert torch.isinf(fragments.depth).all()


def test_pictures_in_a_large_batch_are_as_alone(bumpy):
    """Thousands of small pictures, cut among threads by picture; one large one, cut by bands of rows."""
    vertices, faces = bumpy(1, 7)
    many = vertices.repeat(300, 1, 1)
    together = rasterize(many, faces, (12, 9)).face
    assert together.shape == (2100, 12, 9)
    for picture in range(7):
        alone = rasterize(vertices[picture : picture + 1], faces, (12, 9)).face
        assert (alone >= 0).any()
        assert torch.equal(together[picture::7], alone.expand(300, -1, -1))


def test_the_number_of_threads_changes_nothing(bumpy):
    vertices, faces = bumpy(2, 3)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            results.append(rasterize(vertices, faces, (50, 31)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(results[0].face, other.face) for other in results[1:])
    assert all(torch.equal(results[0].depth, other.depth) for other in results[1:])


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_that_are_not_finite_are_named(backend, quad):
    vertices, faces = quad(1, 1, 7, 7, (8, 8))
    vertices = vertices.repeat(3, 1, 1)
    vertices[1, 2, 3] = torch.nan
    with pytest.raises(ValueError, match=r"vertices_clip\[1, 2\].*finite"):
        draw(vertices, faces, (8, 8), backend)


def test_what_cannot_be_drawn_is_refused(quad):
    vertices, faces = quad(1, 1, 7, 7, (8, 8))
    with pytest.raises(ValueError, match="name vertices 0 to 4 but there are 4"):
        rasterize(vertices, torch.where(faces == 3, 4, faces), (8, 8))
    with pytest.raises(ValueError, match="near is 0"):
        rasterize(vertices, faces, (8, 8), near=0)
    with pytest.raises(ValueError, match="float32 or float64"):
        rasterize(vertices.half(), faces, (8, 8))
    with pytest.raises(ValueError, match="height, width"):
        rasterize(vertices, faces, (8, -1))
