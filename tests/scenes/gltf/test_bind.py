"""Skins whose inverse bind matrices are missing, or in units and frames of their own: one dog, at rest and moving."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from zoetrope.representations.body.template import template
from zoetrope.scenes.gltf.subject import load_gltf
from zoetrope.scenes.motion.motion_file import load_motion

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "gltf"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no shared/cases beside the repository")


def _placed(rotation=(0, 0, 0), scale=1.0, shift=(0, 0, 0)):
    found = np.eye(4)
    found[:3, :3] = scale * Rotation.from_rotvec(rotation).as_matrix()
    found[:3, 3] = shift
    return found


def _own_axes(joint):
    return Rotation.from_rotvec([len(joint) / 5, ord(joint[0]) / 40, ord(joint[-1]) / 60]).as_matrix()


Z_UP = _placed(rotation=(-np.pi / 2, 0, 0))
CENTIMETRES = _placed(scale=0.01)
WAYS = {
    "none": {"inverse_binds": "none"},
    "ones": {"inverse_binds": "ones"},
    "none with own axes": {"inverse_binds": "none", "axes": _own_axes},
    "none in centimetres": {"inverse_binds": "none", "armature": CENTIMETRES},
    "none below a Z-up armature": {"inverse_binds": "none", "armature": Z_UP},
    "own axes": {"axes": _own_axes},
    "mesh node elsewhere": {"mesh_node": {"translation": [5, 6, 7], "scale": [3, 3, 3]}},
    "mesh in an armature of centimetres": {"armature": CENTIMETRES, "mesh_frame": CENTIMETRES},
    "mesh in a Z-up armature": {"armature": Z_UP, "mesh_frame": Z_UP},
    "mesh in a frame of its own": {"mesh_frame": _placed((0.4, 0.2, -1), 30, (1, 2, 3)), "axes": _own_axes},
    "skeleton elsewhere": {"change": lambda content, add: content["skins"][0].update(skeleton=3)},
    "joints by matrices": {"matrices": ("Spine", "FrontLowerLeg.L"), "axes": _own_axes},
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_dog_comes_out_of_every_way_to_bind_it(box_dog, way):
    reference = load_gltf(box_dog("a"), resolution=64)
    other = load_gltf(box_dog("b", **WAYS[way]), resolution=64)
    rest, found = reference.sitter(), other.sitter()
    size = rest.vertices.amax(0) - rest.vertices.amin(0)
    assert size.argmax() == 2  # a dog lies along Z
    torch.testing.assert_close(found.vertices, rest.vertices, atol=2e-5, rtol=0)
    assert found.keypoint_names == rest.keypoint_names
    assert "left_front_elbow" in found.keypoint_names
    assert other.notes == ()
    times = torch.tensor([0.0, 0.3, 0.5])
    posed, wanted = other.pose("Walk", times), reference.pose("Walk", times)
    assert float((wanted.vertices[2] - rest.vertices).abs().max()) > 0.05
    torch.testing.assert_close(posed.vertices, wanted.vertices, atol=2e-5, rtol=0)
    # Of a box's corners, any may be the outermost.
    joints = [k for k, name in enumerate(rest.keypoint_names) if name not in ("nose", "tail_tip")]
    torch.testing.assert_close(posed.keypoints[:, joints], wanted.keypoints[:, joints], atol=2e-5, rtol=0)


@pytest.mark.parametrize("way", ["none", "none with own axes", "none in centimetres", "mesh in a Z-up armature"])
def test_clips_carry_over_to_our_skeleton_alike(box_dog, way):
    skeleton = template("quadruped").skeleton
    wanted, found = (load_motion(f"{path}#Walk", skeleton) for path in (box_dog("a"), box_dog("b", **WAYS[way])))
    assert float(wanted.rotations[..., 1:].abs().max()) > 0.1
    torch.testing.assert_close(found.rotations, wanted.rotations, atol=1e-4, rtol=0)


def test_a_pose_at_the_start_is_not_taken_for_the_bind_pose(box_dog):
    """The file opens with its head turned aside; the bind pose is the one of the inverse bind matrices all the same."""

    def opened(content, add):
        content["nodes"][3]["rotation"] = [0, 0.6, 0, 0.8]

    plain = load_gltf(box_dog("a"), resolution=64).sitter()
    found = load_gltf(box_dog("b", change=opened), resolution=64).sitter()
    torch.testing.assert_close(found.vertices, plain.vertices, atol=1e-5, rtol=0)


def test_a_skin_without_matrices_goes_with_the_rest_of_another(box_dog):
    """Two skins on one skeleton: the head's has no matrices, the body's has; the file opens with the head turned."""

    def split(content, add):
        head = content["meshes"][0]["primitives"].pop(3)
        content["meshes"].append({"primitives": [head]})
        bound = dict(content["skins"][0])
        content["skins"].append({"joints": bound["joints"]})
        content["nodes"].append({"name": "Face", "mesh": 1, "skin": 1})
        content["scenes"][0]["nodes"].append(len(content["nodes"]) - 1)
        content["nodes"][3]["rotation"] = [0, 0.6, 0, 0.8]
        # In the frame of its joint.
        corners = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)])
        head["attributes"]["POSITION"] = add(corners * [0.06, 0.05, 0.09] + [0, 0.02, 0.08], "VEC3")

    plain = load_gltf(box_dog("a"), resolution=64).sitter()
    found = load_gltf(box_dog("b", change=split), resolution=64).sitter()
    away = torch.cdist(plain.vertices, found.vertices, compute_mode="donot_use_mm_for_euclid_dist").amin(1)
    assert float(away.max()) < 1e-5


@needs_cases
def test_the_case_without_matrices_is_a_dog():
    wanted, found = (load_gltf(CASES / f"{name}.glb", resolution=64) for name in ("reference_dog", "no_inverse_bind"))
    torch.testing.assert_close(found.sitter().vertices, wanted.sitter().vertices, atol=1e-5, rtol=0)
    skeleton = template("quadruped").skeleton
    clips = [load_motion(f"{CASES / name}.glb#Walk", skeleton) for name in ("reference_dog", "no_inverse_bind")]
    torch.testing.assert_close(clips[1].rotations, clips[0].rotations, atol=1e-6, rtol=0)
