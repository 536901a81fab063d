"""Distances to meshes against brute force in numpy and against the generalised winding number."""

import numpy as np
import trimesh

from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.geometry.signed_distance import Grid, closest_points, mesh_distance, sample_grid


def _lumpy(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    sphere, faces = icosphere(2)
    points = sphere.double().numpy()
    generator = np.random.default_rng(seed)
    radius = 0.5 + 0.2 * np.sin(points @ generator.normal(size=(3, 3)) * 2).mean(axis=1, keepdims=True)
    return points * radius * np.array([1.0, 0.4, 0.7]), faces.numpy()


def _brute_distance(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    best = np.full(len(points), np.inf)
    for face in faces:
        near = trimesh.triangles.closest_point(np.repeat(vertices[face][None], len(points), 0), points)
        best = np.minimum(best, np.linalg.norm(near - points, axis=1))
    return best


def _winding(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Generalised winding number (Jacobson et al. 2013): the solid angles of all faces over 4 pi."""
    corner = vertices[faces][None] - points[:, None, None]
    size = np.linalg.norm(corner, axis=-1)
    a, b, c = (corner[:, :, k] for k in range(3))
    volume = (a * np.cross(b, c)).sum(-1)
    scale = (
        size.prod(-1) + (a * b).sum(-1) * size[..., 2] + (b * c).sum(-1) * size[..., 0] + (a * c).sum(-1) * size[..., 1]
    )
    return 2 * np.arctan2(volume, scale).sum(1) / (4 * np.pi)


def _on_grid(vertices: np.ndarray, faces: np.ndarray, band: float, spacing: float = 0.05):
    low = vertices.min(axis=0) - 0.2
    shape = tuple(int(n) for n in np.ceil((np.ptp(vertices, axis=0) + 0.4) / spacing)[::-1] + 1)
    distance, nearest = mesh_distance(vertices, faces, low, spacing, shape, band)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)[..., ::-1]
    return distance, nearest, low + spacing * index.reshape(-1, 3)


def test_distance_and_sign_agree_with_brute_force():
    vertices, faces = _lumpy()
    distance, nearest, points = _on_grid(vertices, faces, band=0.15)
    chosen = np.random.default_rng(1).choice(len(points), 200, replace=False)
    expected = np.minimum(_brute_distance(points[chosen], vertices, faces), 0.15)
    assert np.allclose(np.abs(distance.reshape(-1)[chosen]), expected, atol=1e-12)
    assert ((nearest.reshape(-1)[chosen] >= 0) == (expected < 0.15)).all()
    inside = np.abs(_winding(points[chosen], vertices, faces)) > 0.5
    assert 20 < inside.sum() < 180
    assert ((distance.reshape(-1)[chosen] < 0) == inside).all()


def test_overlapping_itself_or_inside_out_is_still_inside():
    vertices, faces = _lumpy()
    twice = np.concatenate([vertices, vertices + np.array([0.3, 0.0, 0.0])])
    both = np.concatenate([faces, faces + len(vertices)])
    distance, _, points = _on_grid(twice, both, band=0.1)
    chosen = np.random.default_rng(1).choice(len(points), 300, replace=False)
    inside = np.abs(_winding(points[chosen], twice, both)) > 0.5
    assert ((distance.reshape(-1)[chosen] < 0) == inside).all()
    turned, _, _ = _on_grid(twice, both[:, ::-1], band=0.1)
    assert np.allclose(turned, distance, atol=1e-12)


def test_rays_through_vertices_and_edges_count_once():
    box = trimesh.creation.box((0.4, 0.4, 0.4))
    low = np.full(3, -0.4)
    # Grid points fall exactly on corners, edges, diagonals and faces of the box.
    distance, _ = mesh_distance(np.asarray(box.vertices), np.asarray(box.faces), low, 0.1, (9, 9, 9), 0.3)
    place = np.abs(np.arange(9) - 4)
    reach = np.maximum(np.maximum(place[:, None, None], place[:, None]), place)
    assert (distance[reach < 2] < 0).all()
    assert (distance[reach > 2] > 0).all()
    assert np.allclose(distance[reach == 2], 0, atol=1e-9)


def test_closest_points_are_where_they_say():
    vertices, faces = _lumpy(3)
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (300, 3))
    face, barycentric, distance = closest_points(points, vertices, faces)
    place = (vertices[faces[face]] * barycentric[..., None]).sum(1)
    assert np.allclose(barycentric.sum(1), 1)
    assert (barycentric >= 0).all()
    assert np.allclose(np.linalg.norm(place - points, axis=1), distance)
    assert np.allclose(distance, _brute_distance(points, vertices, faces))
    near, _, bounded = closest_points(points, vertices, faces, 0.1)
    assert ((near >= 0) == (distance <= 0.1)).all()
    assert np.isinf(bounded[distance > 0.1]).all()


def test_sampling_reproduces_a_linear_field_and_its_gradient():
    z, y, x = np.meshgrid(np.arange(5.0), np.arange(6.0), np.arange(7.0), indexing="ij")
    low = np.array([1.0, -2.0, 0.5])
    grid = Grid(0.5 * (3 * x - y + 2 * z), low, 0.5)
    points = low + np.random.default_rng(0).uniform(0, 1, (50, 3)) * [3.0, 2.5, 2.0]
    value, gradient = sample_grid(grid, points)
    assert np.allclose(value, (points - low) @ [3.0, -1.0, 2.0])
    assert np.allclose(gradient, [3.0, -1.0, 2.0])
