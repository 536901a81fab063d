import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.scenes.error import InputError
from zoetrope.scenes.mesh_file import read_mesh, read_ply, write_obj, write_ply
from zoetrope.scenes.photos.resample import to_bytes


def _shuffled_sphere():
    """A sphere with an order of its own, a vertex without faces and a twin of vertex 0, which readers like to merge."""
    vertices, faces = icosphere(2)
    order = torch.randperm(len(vertices), generator=torch.Generator().manual_seed(3))
    inverse = torch.argsort(order)
    vertices = torch.cat([vertices[order], torch.tensor([[5.0, 6.0, 7.0]]), vertices[order][:1]])
    return vertices, inverse[faces]


def test_ply_round_trip_is_exact(tmp_path):
    vertices, faces = _shuffled_sphere()
    path = tmp_path / "rest.ply"
    write_ply(path, vertices, faces)
    read_vertices, read_faces = read_ply(path)
    assert read_vertices.dtype == torch.float32
    assert read_faces.dtype == torch.int64
    assert torch.equal(read_vertices, vertices)
    assert torch.equal(read_faces, faces)


def test_ply_keeps_colours(tmp_path):
    vertices, faces = icosphere(1)
    colours = torch.rand(len(vertices), 3, generator=torch.Generator().manual_seed(0))
    write_ply(tmp_path / "c.ply", vertices, faces, colours)
    loaded = trimesh.load(tmp_path / "c.ply", process=False)
    np.testing.assert_array_equal(loaded.visual.vertex_colors[:, :3], to_bytes(colours))


def test_obj_keeps_vertex_lines_and_turns_v_round(tmp_path):
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [1 / 3, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    # A seam: vertex 0 has two texture coordinates.
    uv = torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.1, 0.0], [0.25, 0.75]])
    uv_faces = torch.tensor([[0, 1, 2], [4, 2, 3]])
    texture = torch.zeros(4, 8, 3)
    texture[0, :, 0] = 1
    path = tmp_path / "the fox.obj"
    write_obj(path, vertices, faces, uv, uv_faces, texture)
    lines = path.read_text().splitlines()
    read_vertices = np.array([line.split()[1:] for line in lines if line.startswith("v ")], dtype=np.float32)
    np.testing.assert_array_equal(read_vertices, vertices.numpy())
    assert [line for line in lines if line.startswith("f ")] == ["f 1/1 2/2 3/3", "f 1/5 3/3 4/4"]

    loaded = trimesh.load(path, process=False)
    assert loaded.visual.material.image.size == (8, 4)
    corner = np.asarray(loaded.triangles)
    np.testing.assert_allclose(corner, vertices[faces].numpy(), atol=1e-6)
    # trimesh counts v from the bottom.
    expected = uv[uv_faces].numpy() * [1, -1] + [0, 1]
    np.testing.assert_allclose(loaded.visual.uv[loaded.faces], expected, atol=1e-6)
    assert Image.open(tmp_path / "the fox.png").getpixel((3, 0)) == (255, 0, 0)


def test_obj_without_texture_reads_back(tmp_path):
    vertices, faces = icosphere(1)
    write_obj(tmp_path / "a.obj", vertices, faces)
    read_vertices, read_faces = read_mesh(tmp_path / "a.obj")
    assert torch.equal(read_vertices, vertices)
    assert torch.equal(read_faces, faces)


def test_scene_files_become_one_placed_mesh(tmp_path):
    box = trimesh.creation.box()
    scene = trimesh.Scene()
    for x in (0.0, 3.0):
        scene.add_geometry(box, transform=trimesh.transformations.translation_matrix([x, 0, 0]))
    scene.export(tmp_path / "two.glb")
    vertices, faces = read_mesh(tmp_path / "two.glb")
    assert len(faces) == 2 * len(box.faces)
    assert vertices[:, 0].max() == pytest.approx(3.5)


def test_wrong_input_is_named(tmp_path):
    vertices, faces = icosphere(0)
    with pytest.raises(ValueError, match=r"allowed are 0\.\.11"):
        write_ply(tmp_path / "a.ply", vertices, faces + 1)
    with pytest.raises(ValueError, match="1 of 12 vertices are not finite"):
        write_ply(tmp_path / "a.ply", vertices.index_fill(0, torch.tensor([3]), float("nan")), faces)
    with pytest.raises(ValueError, match="unwrap the mesh first"):
        write_obj(tmp_path / "a.obj", vertices, faces, texture=torch.zeros(2, 2, 3))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        read_mesh(tmp_path / "none.ply")
    (tmp_path / "notes.xyzzy").write_text("hello")
    (tmp_path / "half.ply").write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9")
    for broken in ("notes.xyzzy", "half.ply"):
        with pytest.raises(InputError, match=f"{broken} cannot be read as a mesh"):
            read_mesh(tmp_path / broken)
    with pytest.raises(ValueError, match=r"not a \.ply"):
        read_ply(tmp_path / "notes.xyzzy")
