"""Edits of the corner table keep it consistent; remeshing gives even triangles on the level set."""

import numpy as np
import pytest
import torch
import trimesh

from zoetrope.representations.geometry import corner_table
from zoetrope.representations.geometry.marching import crossings, isosurface
from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.geometry.remesh import remesh
from zoetrope.representations.geometry.signed_distance import Grid, sample_grid


def _ellipsoid(half: bool, count: int = 41) -> tuple[np.ndarray, np.ndarray, Grid]:
    axis = np.linspace(-1, 1, count)
    spacing = axis[1] - axis[0]
    x = np.arange(0, 1 + spacing / 2, spacing) if half else axis
    points = np.stack(np.meshgrid(axis, axis, x, indexing="ij")[::-1], axis=-1)
    values = 0.4 * (np.linalg.norm(points / [0.8, 0.5, 0.4], axis=-1) - 1)
    low = np.array([x[0], -1.0, -1.0])
    surface = isosurface(torch.from_numpy(values))
    vertices = crossings(torch.from_numpy(values), surface.edges, torch.from_numpy(low), spacing)
    return vertices.numpy(), surface.faces.numpy(), Grid(values, low, spacing)


def _live(corner_vertex: np.ndarray) -> np.ndarray:
    faces = corner_vertex.reshape(-1, 3)
    return faces[faces[:, 0] >= 0]


def _assert_consistent(corner_vertex: np.ndarray, opposite: np.ndarray, vertex_corner: np.ndarray) -> None:
    for corner in np.flatnonzero(corner_vertex >= 0):
        across = opposite[corner]
        assert opposite[across] == corner
        here = corner_vertex[corner_table.following(corner)], corner_vertex[corner_table.preceding(corner)]
        there = corner_vertex[corner_table.preceding(across)], corner_vertex[corner_table.following(across)]
        assert here == there
    for vertex in np.unique(_live(corner_vertex)):
        assert corner_vertex[vertex_corner[vertex]] == vertex
        around = (_live(corner_vertex) == vertex).sum()
        assert corner_table.valence(opposite, vertex_corner, vertex) == around


def test_random_edits_keep_a_sphere_a_sphere():
    _, faces = icosphere(1)
    table = corner_table.build(faces.numpy(), 42, 400)
    corner_vertex, opposite, vertex_corner = table
    kind = np.zeros(400, np.int8)
    generator, vertex_count, face_count, done = np.random.default_rng(0), 42, 80, [0, 0, 0]
    for _ in range(300):
        corner = int(generator.choice(np.flatnonzero(corner_vertex >= 0)))
        action = int(generator.integers(3))
        if action == 0 and face_count + 2 <= 400:
            corner_table.split(*table, corner, vertex_count, face_count)
            vertex_count, face_count = vertex_count + 1, face_count + 2
        elif action == 1 and corner_table.can_collapse(*table, kind, corner):
            corner_table.collapse(*table, corner)
        elif action == 2 and corner_table.can_flip(*table, kind, corner):
            corner_table.flip(*table, corner)
        else:
            continue
        done[action] += 1
    assert min(done) > 20
    _assert_consistent(corner_vertex, opposite, vertex_corner)
    alive = _live(corner_vertex)
    assert len(np.unique(alive)) - len(alive) // 2 == 2


def test_link_condition_refuses_to_pinch_a_thin_tube():
    # A prism without lids is three squares round; with lids a triangle round the waist must not collapse.
    tube = trimesh.creation.cylinder(1.0, 4.0, sections=3).subdivide()
    faces = np.asarray(tube.faces, dtype=np.int64)
    table = corner_table.build(faces, len(tube.vertices), len(faces))
    kind = np.zeros(len(tube.vertices), np.int8)
    corner_vertex = table[0]
    for corner in range(3 * len(faces)):
        if corner_vertex[corner] >= 0 and corner_table.can_collapse(*table, kind, corner):
            corner_table.collapse(*table, corner)
    _assert_consistent(*table)
    alive = _live(corner_vertex)
    assert len(alive) >= 4
    assert len(np.unique(np.sort(alive, axis=1), axis=0)) == len(alive)


def test_open_mesh_is_refused():
    _, faces = icosphere(0)
    with pytest.raises(ValueError, match="half-edges have no single twin"):
        corner_table.build(faces.numpy()[1:], 12, 40)


@pytest.mark.parametrize("half", [False, True])
def test_even_triangles_on_the_surface(half: bool):
    vertices, faces, grid = _ellipsoid(half)
    points, triangles = remesh(vertices, faces, grid, 1000, half=half)
    assert 850 < len(triangles) < 1150
    assert np.abs(sample_grid(grid, points)[0]).max() < 0.05 * grid.spacing
    mesh = trimesh.Trimesh(points, triangles, process=False)
    assert np.degrees(mesh.face_angles.min()) > 20
    assert mesh.edges_unique_length.max() < 5 * mesh.edges_unique_length.min()
    # A flat chord lies inside a convex body: normals point away from the centre everywhere.
    assert ((mesh.face_normals * mesh.triangles_center).sum(1) > 0).all()
    if not half:
        assert mesh.is_watertight
        assert mesh.euler_number == 2
        return
    start, end = triangles.reshape(-1), triangles[:, [1, 2, 0]].reshape(-1)
    twins = set(zip(end.tolist(), start.tolist(), strict=True))
    border = {int(v) for edge in zip(start.tolist(), end.tolist(), strict=True) if edge not in twins for v in edge}
    assert len(border) > 10
    assert border == set(np.flatnonzero(points[:, 0] == 0).tolist())
    assert points[:, 0].min() == 0


def test_thin_places_get_shorter_edges():
    axis = np.linspace(-1, 1, 61)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")[::-1]
    ball = np.sqrt((x + 0.4) ** 2 + y**2 + z**2) - 0.4
    rod = np.sqrt(np.maximum(np.abs(x - 0.3) - 0.5, 0) ** 2 + y**2 + z**2) - 0.1
    values = torch.from_numpy(np.minimum(ball, rod))
    surface, low, spacing = isosurface(values), np.full(3, -1.0), axis[1] - axis[0]
    vertices = crossings(values, surface.edges, torch.from_numpy(low), spacing).numpy()
    points, triangles = remesh(vertices, surface.faces.numpy(), Grid(values.numpy(), low, spacing), 1500)
    mesh = trimesh.Trimesh(points, triangles, process=False)
    length, middle = mesh.edges_unique_length, points[mesh.edges_unique].mean(axis=1)[:, 0]
    assert mesh.is_watertight
    assert length[middle > 0.3].mean() < 0.75 * length[middle < -0.3].mean()
