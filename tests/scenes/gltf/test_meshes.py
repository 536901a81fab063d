"""Real files against truth that others made of them, and against trimesh."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree

from zoetrope.representations.rendering.topology import Topology
from zoetrope.scenes.gltf.subject import load_gltf
from zoetrope.scenes.mesh_file import read_ply

ASSETS = Path(__file__).parents[3].parent / "shared" / "assets"
TRUTHS = {"fox": "khronos_fox/Fox.glb", "horse": "quaternius_animals/Horse.glb"}

pytestmark = pytest.mark.skipif(not ASSETS.is_dir(), reason="no shared/assets beside the repository")


def _load(path, **options):
    return load_gltf(ASSETS / "meshes" / path, **{"resolution": 256, **options})


@pytest.fixture(scope="module", params=TRUTHS)
def moments(request):
    """A file that photos were taken of, and every third photo's frame and truth."""
    folder = ASSETS / "collections" / request.param
    frames = json.loads((folder / "truth" / "transforms.json").read_text())["frames"][::3]
    return folder, _load(TRUTHS[request.param]), frames


def _rigid(points, target):
    """Rotation and shift that bring points onto their partners (Kabsch)."""
    left, _, right = np.linalg.svd((points - points.mean(0)).T @ (target - target.mean(0)))
    turn = (left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right).T
    return turn, target.mean(0) - turn @ points.mean(0)


def _seen(frame, points):
    """Pixels of points in a nerfstudio frame."""
    camera = np.array(frame["transform_matrix"])
    x, y, z = ((points - camera[:3, 3]) @ camera[:3, :3]).T
    return np.stack([frame["cx"] - frame["fl_x"] * x / z, frame["cy"] + frame["fl_y"] * y / z], 1)


def test_rest_poses_and_moments_are_the_true_ones(moments):
    folder, subject, frames = moments
    body = subject.sitter()
    rest, _ = read_ply(folder / "truth" / "rest.ply")
    assert len(body.vertices) == len(rest)
    assert Topology.of(body.faces).closed
    distance, row = cKDTree(body.vertices.numpy()).query(rest.numpy())
    assert distance.max() < 5e-4
    moved = []
    for frame in frames:
        stem = Path(frame["file_path"]).stem
        truth = read_ply(folder / "truth" / f"{stem}.ply")[0].double().numpy()
        posed = subject.pose(frame["clip"], torch.tensor([frame["time"]], dtype=torch.float64))
        points = posed.vertices[0].double().numpy()[row]
        # Two ways to hold a body still differ by a shift and a heading. Times are rounded to 0.1 ms.
        turn, shift = _rigid(points, truth)
        assert turn[1, 1] > np.cos(np.radians(0.5))
        assert np.abs(points @ turn.T + shift - truth).max() < 1e-3
        moved.append(np.abs(points - rest.numpy()).max())
    assert np.median(moved) > 0.05


def test_keypoints_are_where_the_photos_have_them(moments):
    folder, subject, frames = moments
    truth = json.loads((folder / "keypoints.json").read_text())
    names = truth["categories"][0]["keypoints"]
    number = {image["file_name"]: image["id"] for image in truth["images"]}
    rows = {entry["image_id"]: np.reshape(entry["keypoints"], (-1, 3)) for entry in truth["annotations"]}
    ours = subject.sitter().keypoint_names
    # The fox has no joints in its ears.
    assert set(names) - set(ours) == ({"left_ear", "right_ear"} if folder.name == "fox" else set())
    _, row = cKDTree(subject.sitter().vertices.numpy()).query(read_ply(folder / "truth" / "rest.ply")[0].numpy())
    for frame in frames:
        mesh = read_ply(folder / "truth" / (Path(frame["file_path"]).stem + ".ply"))[0].double().numpy()
        posed = subject.pose(frame["clip"], torch.tensor([frame["time"]], dtype=torch.float64))
        turn, shift = _rigid(posed.vertices[0].double().numpy()[row], mesh)
        found = _seen(frame, posed.keypoints[0].double().numpy() @ turn.T + shift)
        wanted = rows[number[frame["file_path"]]]
        for name, place in zip(ours, found, strict=True):
            x, y, visible = wanted[names.index(name)]
            assert not visible or np.hypot(*(place - (x, y))) < 0.5, name


@pytest.mark.parametrize("path", ["kenney_elephant/elephant.glb", "quaternius_people/women_Witch.glb"])
def test_trimesh_sees_the_same_rest_pose(path):
    body = _load(path).sitter()
    scene = trimesh.load(ASSETS / "meshes" / path)
    theirs = np.array(scene.to_mesh().vertices)
    low, high = theirs.min(0), theirs.max(0)
    theirs = (theirs - (low + high) / 2) / (high - low).max()
    ours = body.vertices.double().numpy()
    assert cKDTree(ours).query(theirs)[0].max() < 1e-5
    assert cKDTree(theirs).query(ours)[0].max() < 1e-5
    assert len(body.faces) == len(scene.to_mesh().faces)


def test_the_atlas_has_the_colours_of_the_file():
    body = _load("khronos_fox/Fox.glb", resolution=512).sitter()
    mesh = trimesh.load(ASSETS / "meshes/khronos_fox/Fox.glb", process=False).to_mesh()
    middle = mesh.visual.uv[mesh.faces].mean(1)
    theirs = trimesh.visual.color.uv_to_color(middle, mesh.visual.material.baseColorTexture)[:, :3].astype(int)
    column, row = (body.uv[body.uv_faces].mean(1) * 512).long().unbind(1)
    ours = body.texture[row, column].numpy().astype(int)
    assert len(ours) == len(theirs)
    assert np.mean(np.abs(ours - theirs).max(1) <= 4) > 0.9
    assert np.ptp(theirs, axis=0).min() > 100


def test_rigid_parts_move_and_the_body_stays():
    subject = _load("kenney_elephant/elephant.glb")
    assert subject.clip_names[:3] == ("static", "idle", "walk")
    poses = subject.pose("walk", torch.linspace(0, 0.5, 5))
    still = poses.vertices.std(0).norm(dim=1) < 1e-6
    holder = torch.tensor([bone.node for bone in subject.rig.geometry.bones])[
        torch.from_numpy(subject.rig.geometry.weights).argmax(1)
    ]
    names = [subject.rig.nodes.names[node] for node in holder.tolist()]
    legs = torch.tensor([name.startswith("leg") for name in names])
    assert not still[legs].any()
    names = subject.sitter().keypoint_names
    assert {"left_front_shoulder", "right_back_hip"} <= set(names)
    # What the file calls its tail is the trunk.
    assert not {"tail_base", "tail_tip"} & set(names)


def test_materials_without_textures_keep_their_colours():
    """A cow of several plain materials: each texel of its atlas is one of them."""
    path = "quaternius_animals/Cow.glb"
    texture = _load(path).sitter().texture.reshape(-1, 3).numpy().astype(int)
    factors = [
        np.array(geometry.visual.material.baseColorFactor[:3]) / 255
        for geometry in trimesh.load(ASSETS / "meshes" / path).geometry.values()
    ]
    light = np.array(factors)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    # trimesh rounds linear factors to 8 bits, which is coarse in the dark.
    nearest = np.abs(texture[:, None] - encoded[None]).max(-1).min(1)
    assert nearest.max() < 12
    assert len(np.unique(texture, axis=0)) == len(np.unique(encoded.round(3), axis=0))
