"""Bones turned by known angles, and joints as a run's files hold them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from zoetrope.eval.joints import Joints, read_joints_glb, read_joints_json
from zoetrope.eval.pose_error import pose_error
from zoetrope.eval.prediction import predicted_joints
from zoetrope.representations.mesh import SkinnedMesh, icosphere
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.representations.skeleton import Skeleton
from zoetrope.representations.template import template
from zoetrope.scenes.error import InputError
from zoetrope.scenes.gltf_export import write_glb

RIG = Joints(
    ("hips", "spine", "neck", "left_hip", "left_knee", "right_hip"),
    (-1, 0, 1, 0, 3, 0),
    np.array([[0, 0, 0], [0, 0.1, 1], [0, 0.5, 1.5], [0.2, -0.5, 0], [0.2, -1, 0.1], [-0.2, -0.5, 0]], np.float64),
)


def turned(joints, rotation):
    return replace(joints, positions=joints.positions @ rotation.T)


def test_the_same_pose_at_another_size_and_place_is_right():
    error = pose_error(replace(RIG, positions=3 * RIG.positions + 5), RIG, np.eye(3))
    assert error is not None
    assert error.pose_deg < 1e-6
    assert set(error.bones) == {"spine", "neck", "left_hip", "left_knee", "right_hip"}


def test_one_bone_bent_by_thirty_degrees():
    bent = RIG.positions.copy()
    bend = Rotation.from_euler("x", 30, degrees=True)
    bent[4] = bent[3] + bend.apply(bent[4] - bent[3])
    error = pose_error(replace(RIG, positions=bent), RIG, np.eye(3))
    assert error is not None
    assert error.bones["left_knee"] == pytest.approx(30)
    assert error.bones["spine"] == 0
    assert error.pose_deg == pytest.approx(30 / 5)
    assert 0 < error.articulation_deg <= error.pose_deg + 1e-9


def test_a_turned_body_is_well_articulated():
    turn = Rotation.from_euler("y", 25, degrees=True).as_matrix()
    error = pose_error(turned(RIG, turn), RIG, np.eye(3))
    assert error is not None
    assert error.pose_deg > 5
    assert error.articulation_deg < 1e-5
    right = pose_error(turned(RIG, turn), RIG, turn.T)
    assert right is not None
    assert right.pose_deg < 1e-5


def test_other_spellings_other_orders_and_joints_in_between():
    """The prediction names things its own way, lists them backwards, and has no spine."""
    kept = [5, 4, 3, 2, 0]
    names = {"hips": "Hips", "neck": "neck", "left_hip": "leftHip", "left_knee": "leftKnee", "right_hip": "rightHip"}
    other = Joints(tuple(names[RIG.names[k]] for k in kept), (4, 2, 4, 4, -1), RIG.positions[kept])
    error = pose_error(other, RIG, np.eye(3))
    assert error is not None
    assert set(error.bones) == {"neck", "left_hip", "left_knee", "right_hip"}
    assert error.pose_deg < 1e-6


def test_a_mapping_serves_where_names_differ():
    strange = replace(RIG, names=tuple(f"bone{k}" for k in range(6)))
    assert pose_error(strange, RIG, np.eye(3)) is None
    names = {name: f"bone{k}" for k, name in enumerate(RIG.names)}
    error = pose_error(strange, RIG, np.eye(3), names)
    assert error is not None
    assert error.pose_deg < 1e-6
    swapped = names | {"left_hip": "bone5", "right_hip": "bone3"}
    wrong = pose_error(strange, RIG, np.eye(3), swapped)
    assert wrong is not None
    assert wrong.pose_deg > 10


def write_rig(path, skeleton: Skeleton, pose):
    ball, faces = icosphere(0)
    weights = torch.zeros(len(ball), len(skeleton))
    weights[:, 0] = 1
    mesh = SkinnedMesh(ball, faces, weights, torch.zeros(len(ball), dtype=torch.int64), ball.clone())
    write_glb(path, mesh, skeleton, pose=pose)


def test_joints_of_a_posed_glb_are_where_the_skeleton_puts_them(tmp_path):
    skeleton = template("quadruped").skeleton
    turns = torch.from_numpy(np.random.default_rng(0).normal(0, 0.3, (len(skeleton), 3))).float()
    turns[0] = 0
    pose = quaternion_from_vector(turns)
    path = tmp_path / "run" / "instances" / "a.glb"
    write_rig(path, skeleton, pose)
    found = read_joints_glb(path)
    assert found.names == skeleton.names
    assert found.parents == tuple(skeleton.parents)
    # Down the tree by hand: a joint's place is its parent's, plus the parent's turn of their offset at rest.
    rest = skeleton.joints.double().numpy()
    rotations, places = [], []
    for joint, parent in enumerate(skeleton.parents):
        own = Rotation.from_rotvec(turns[joint].double().numpy())
        if parent < 0:
            rotations.append(own)
            places.append(rest[joint])
        else:
            rotations.append(rotations[parent] * own)
            places.append(places[parent] + rotations[parent].apply(rest[joint] - rest[parent]))
    assert np.abs(found.positions - places).max() < 1e-5

    # In a given world, the run's cameras say where the subject stands.
    similarity = np.eye(4)
    similarity[:3, :3], similarity[:3, 3] = 2 * Rotation.from_rotvec([0, 1, 0]).as_matrix(), [1, 2, 3]
    (tmp_path / "run" / "transforms.json").write_text(json.dumps({"frames": []}))
    assert np.allclose(predicted_joints(tmp_path / "run", "a").positions, found.positions)
    (tmp_path / "run" / "transforms.json").write_text(
        json.dumps({"frames": [], "world_from_rest": similarity.tolist()})
    )
    moved = predicted_joints(tmp_path / "run", "a")
    assert np.allclose(moved.positions, found.positions @ similarity[:3, :3].T + [1, 2, 3])
    assert predicted_joints(tmp_path / "run", "b") is None


def test_a_true_rig_is_read_and_faults_are_named(tmp_path):
    path = tmp_path / "joints.json"
    content = {"names": ["a", "b"], "parents": [-1, 0], "photos": {"0": [[0, 0, 0], [0, 1, 0]]}}
    path.write_text(json.dumps(content))
    assert read_joints_json(path)["0"].positions.shape == (2, 3)
    for change, match in (
        ({"parents": [-1]}, "parent's index"),
        ({"parents": [-1, 5]}, "parent's index"),
        ({"photos": {"0": [[0, 0, 0]]}}, "give 2 finite"),
        ({"photos": {"0": [[0, 0, 0], [0, float("nan"), 0]]}}, "give 2 finite"),
        ({"names": None}, "does not hold"),
    ):
        path.write_text(json.dumps(content | change))
        with pytest.raises(InputError, match=match):
            read_joints_json(path)
    (tmp_path / "a.glb").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as glTF"):
        read_joints_glb(tmp_path / "a.glb")
    with pytest.raises(InputError, match="is a folder"):
        read_joints_glb(tmp_path)
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="deep"):
        read_joints_json(tmp_path / "a.json")


@pytest.mark.parametrize("children", [[[1], [0]], [[0], []], [[1], [2], [1]]])
def test_a_tree_that_bites_its_tail_is_refused(tmp_path, children):
    nodes = [{"children": row} if row else {} for row in children]
    content = {"asset": {"version": "2.0"}, "nodes": nodes, "skins": [{"joints": [0, 1]}]}
    (tmp_path / "a.gltf").write_text(json.dumps(content))
    with pytest.raises(InputError, match="is its own ancestor"):
        read_joints_glb(tmp_path / "a.gltf")
