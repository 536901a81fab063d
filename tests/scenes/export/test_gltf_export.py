"""The written file is judged by others: the Khronos validator, trimesh, and a small evaluation of nodes and skin."""

from dataclasses import replace

import numpy as np
import pygltflib
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree

from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.skinning import skin
from zoetrope.representations.motion.clip import Clip
from zoetrope.representations.motion.gait import walk
from zoetrope.representations.motion.sway import sway
from zoetrope.scenes.export.gltf_export import limit_influences, write_glb
from zoetrope.scenes.preview.animation import posed_vertices

TYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class _File:
    """A GLB read by the letter of the specification."""

    def __init__(self, path):
        self.gltf = pygltflib.GLTF2().load(str(path))
        self.attributes = self.gltf.meshes[0].primitives[0].attributes

    def read(self, accessor):
        entry = self.gltf.accessors[accessor]
        view = self.gltf.bufferViews[entry.bufferView]
        count = entry.count * WIDTH[entry.type]
        values = np.frombuffer(self.gltf.binary_blob(), TYPES[entry.componentType], count, view.byteOffset)
        return values.reshape(entry.count, -1)

    def posed(self, rotations=None, places=None):
        """Vertices after nodes and skin; `rotations` and `places` by node index replace the nodes' own."""
        skin_entry = self.gltf.skins[0]
        inverse = self.read(skin_entry.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
        world = {}

        def visit(index, above):
            node = self.gltf.nodes[index]
            local = np.eye(4)
            x, y, z, w = (rotations or {}).get(index, node.rotation or [0, 0, 0, 1])
            local[:3, :3] = [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
            local[:3, 3] = (places or {}).get(index, node.translation or [0, 0, 0])
            world[index] = above @ local
            for child in node.children or []:
                visit(child, world[index])

        for root in self.gltf.scenes[self.gltf.scene].nodes:
            visit(root, np.eye(4))
        maps = np.stack([world[j] for j in skin_entry.joints]) @ inverse
        points, joints, weights = (
            self.read(accessor)
            for accessor in (self.attributes.POSITION, self.attributes.JOINTS_0, self.attributes.WEIGHTS_0)
        )
        blended = np.einsum("vk,vkmn->vmn", weights.astype(np.float64), maps[joints])
        return np.einsum("vmn,vn->vm", blended[:, :3, :3], points) + blended[:, :3, 3]


@pytest.fixture(scope="module")
def texture():
    """Red grows with u, green with v from the top."""
    ramp = (torch.arange(64) + 0.5) / 64
    return torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), torch.full((64, 64), 0.25)], dim=-1)


@pytest.fixture(scope="module")
def written(subject, texture, tmp_path_factory):
    mesh, skeleton = subject
    clip = walk(skeleton)
    clips = [clip, sway(clip.rotations[[3, 13, 20]])]
    path = tmp_path_factory.mktemp("glb") / "subject.glb"
    write_glb(path, mesh, skeleton, texture=texture, clips=clips)
    return path, clips


def _mesh_rows(file, mesh):
    distance, row = cKDTree(mesh.vertices.numpy()).query(file.read(file.attributes.POSITION))
    assert distance.max() == 0
    return row


def test_the_validator_finds_nothing(subject, texture, written, validate_gltf, tmp_path):
    mesh, skeleton = subject
    path, clips = written
    write_glb(tmp_path / "posed.glb", mesh, skeleton, texture=texture, pose=clips[0].rotations[5], clips=clips)
    write_glb(tmp_path / "plain.glb", mesh, skeleton)
    write_glb(tmp_path / "name.glb", mesh, skeleton, name='the "fox" ü/1', clips=clips[:1])
    for file in (path, tmp_path / "posed.glb", tmp_path / "plain.glb", tmp_path / "name.glb"):
        issues = validate_gltf(file)["issues"]
        found = [issues[f"num{kind}"] for kind in ("Errors", "Warnings", "Infos", "Hints")]
        assert found == [0, 0, 0, 0], issues["messages"]


def test_the_validator_would_find_something(written, validate_gltf, tmp_path):
    content = bytearray(written[0].read_bytes())
    content[content.index(b'"VEC3"') + 4 : content.index(b'"VEC3"') + 5] = b"2"
    (tmp_path / "broken.glb").write_bytes(content)
    assert validate_gltf(tmp_path / "broken.glb")["issues"]["numErrors"] > 0


def test_trimesh_sees_the_same_body_upright_and_closed(subject, written):
    mesh, _ = subject
    scene = trimesh.load(written[0])
    loaded = scene.to_mesh()
    np.testing.assert_array_equal(loaded.bounds[0], mesh.vertices.amin(0).numpy())
    np.testing.assert_array_equal(loaded.bounds[1], mesh.vertices.amax(0).numpy())
    loaded.merge_vertices(merge_tex=True, merge_norm=True)
    assert loaded.is_watertight
    assert loaded.is_winding_consistent
    assert loaded.volume > 0
    assert len(loaded.faces) == len(mesh.faces)


def test_axes_are_the_formats_own(subject, written):
    _, skeleton = subject
    file = _File(written[0])
    nodes = {node.name: index for index, node in enumerate(file.gltf.nodes)}
    places = {}

    def visit(index, above):
        places[index] = above + np.array(file.gltf.nodes[index].translation or [0, 0, 0])
        for child in file.gltf.nodes[index].children or []:
            visit(child, places[index])

    visit(file.gltf.scenes[0].nodes[0], np.zeros(3))
    for name, joint in zip(skeleton.names, skeleton.joints, strict=True):
        np.testing.assert_allclose(places[nodes[name]], joint.numpy(), atol=1e-6)
    assert places[nodes["muzzle"]][2] > places[nodes["hips"]][2], "front is +Z"
    assert places[nodes["left_knee"]][0] > places[nodes["right_knee"]][0], "left is +X"
    assert places[nodes["left_hip"]][1] > places[nodes["left_back_paw"]][1], "up is +Y"


def test_the_texture_lands_where_uv_says(subject, written, texture):
    mesh, _ = subject
    loaded = trimesh.load(written[0], process=False).to_mesh()
    assert loaded.visual.material.baseColorTexture.size == (64, 64)
    stored = np.asarray(loaded.visual.material.baseColorTexture)
    np.testing.assert_array_equal(stored, (texture * 255).round().numpy().astype(np.uint8))
    # trimesh counts v from the bottom; a colour looked up at a vertex tells its u and v.
    colour = loaded.visual.to_color().vertex_colors[:, :2] / 255
    file = _File(written[0])
    uv = file.read(file.attributes.TEXCOORD_0)
    np.testing.assert_allclose(colour, uv, atol=1.5 / 64)
    corners = uv[file.read(file.gltf.meshes[0].primitives[0].indices)[:, 0]].reshape(-1, 3, 2)
    np.testing.assert_array_equal(corners, mesh.uv[mesh.uv_faces].numpy())


def test_bind_pose_is_the_rest_pose(subject, written):
    mesh, _ = subject
    file = _File(written[0])
    np.testing.assert_allclose(file.posed(), mesh.vertices.numpy()[_mesh_rows(file, mesh)], atol=1e-6)
    normals = file.read(file.attributes.NORMAL)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)


def test_a_posed_file_stands_as_we_pose_it(subject, texture, tmp_path):
    mesh, skeleton = subject
    generator = torch.Generator().manual_seed(1)
    pose = torch.nn.functional.normalize(torch.randn(len(skeleton), 4, generator=generator), dim=-1)
    write_glb(tmp_path / "posed.glb", mesh, skeleton, texture=texture, pose=pose)
    file = _File(tmp_path / "posed.glb")
    ours = skin(mesh.vertices, mesh.weights, forward_kinematics(skeleton, pose[None]))[0].numpy()
    np.testing.assert_allclose(file.posed(), ours[_mesh_rows(file, mesh)], atol=1e-5)
    assert np.abs(file.posed() - file.read(file.attributes.POSITION)).max() > 0.1


def test_clips_move_the_mesh_as_ours_do(subject, written):
    mesh, skeleton = subject
    path, clips = written
    file = _File(path)
    assert [animation.name for animation in file.gltf.animations] == ["walk", "interpolate"]
    rows = _mesh_rows(file, mesh)
    for animation, clip in zip(file.gltf.animations, clips, strict=True):
        # The root is moved as well, also by the clip that leaves it where it rests: a player comes from the other.
        assert len(animation.channels) == len(skeleton) + 1
        times = file.read(animation.samplers[0].input)[:, 0]
        np.testing.assert_array_equal(times, clip.times.numpy())
        found = [(c.target, file.read(animation.samplers[c.sampler].output)) for c in animation.channels]
        keys = {target.node: values for target, values in found if target.path == "rotation"}
        (places,) = (values for target, values in found if target.path == "translation")
        for values in keys.values():
            assert ((values[1:] * values[:-1]).sum(1) >= 0).all(), "signs must not flip between keys"
        for key in (0, len(times) // 3, len(times) - 2):
            turns = {node: values[key].astype(np.float64) for node, values in keys.items()}
            there = file.posed(turns, {0: places[key].astype(np.float64)})
            ours = posed_vertices(mesh, skeleton, clip, clip.times[key][None])[0]
            np.testing.assert_allclose(there, ours.numpy()[rows], atol=1e-5)
            assert np.abs(there - file.read(file.attributes.POSITION)).max() > 0.02


def test_weights_keep_the_strongest_and_sum_to_one_exactly(subject, tmp_path):
    mesh, skeleton = subject
    generator = torch.Generator().manual_seed(2)
    spread = torch.rand(mesh.weights.shape, generator=generator).softmax(dim=1)
    limited = limit_influences(spread)
    assert int((limited > 0).sum(1).max()) == 4
    fourth = spread.sort(dim=1, descending=True).values[:, 3:4]
    assert torch.equal(limited > 0, spread >= fourth)
    torch.testing.assert_close(limit_influences(limited), limited, atol=1e-6, rtol=0)

    write_glb(tmp_path / "spread.glb", replace(mesh, weights=spread), skeleton)
    file = _File(tmp_path / "spread.glb")
    joints, weights = file.read(file.attributes.JOINTS_0), file.read(file.attributes.WEIGHTS_0)
    assert (weights.sum(1, dtype=np.float32) == 1).all()
    assert (weights[:, ::-1].copy().sum(1, dtype=np.float32) == 1).all()
    dense = np.zeros((len(weights), len(skeleton)), dtype=np.float32)
    np.put_along_axis(dense, joints.astype(np.int64), weights, axis=1)
    np.testing.assert_array_equal(dense, limited.numpy()[_mesh_rows(file, mesh)])


def test_unused_joints_are_zero(subject, written):
    file = _File(written[0])
    joints, weights = file.read(file.attributes.JOINTS_0), file.read(file.attributes.WEIGHTS_0)
    assert (joints[weights == 0] == 0).all()
    assert (weights == 0).any()


def test_wrong_input_is_named_and_nothing_written(subject, texture, tmp_path):
    mesh, skeleton = subject
    path = tmp_path / "no.glb"
    clip = walk(skeleton)
    short = Clip("short", clip.times, clip.rotations[:, 1:])
    with pytest.raises(ValueError, match=r"clip 'short' has 26 joints but the skeleton 27"):
        write_glb(path, mesh, skeleton, clips=[short])
    with pytest.raises(ValueError, match="different names"):
        write_glb(path, mesh, skeleton, clips=[clip, clip])
    with pytest.raises(ValueError, match="unwrap the mesh first"):
        write_glb(path, replace(mesh, uv=None, uv_faces=None), skeleton, texture=texture)
    with pytest.raises(ValueError, match="not finite"):
        write_glb(path, mesh.with_vertices(mesh.vertices * torch.nan), skeleton)
    with pytest.raises(ValueError, match="have no skin weight"):
        write_glb(path, replace(mesh, weights=torch.zeros_like(mesh.weights)), skeleton)
    assert not path.exists()
