"""Clips: nodes placed by matrices are moved as viewers move them, and a clip that is of no use is left out alone."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from zoetrope.representations.body.template import template
from zoetrope.scenes.error import InputError
from zoetrope.scenes.gltf.file import GltfFile
from zoetrope.scenes.gltf.node import read_nodes
from zoetrope.scenes.gltf.subject import load_gltf
from zoetrope.scenes.motion.motion_file import load_motion

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "gltf"
TIMES = torch.tensor([0.0, 0.25, 0.5])


def _axes(joint):
    return Rotation.from_rotvec([0.3, len(joint) / 7, -0.5]).as_matrix()


def test_matrices_of_moving_joints_are_taken_apart(box_dog):
    wanted = load_gltf(box_dog("a"), resolution=64)
    every = ("Head", "Tail1", "FrontUpperLeg.L", "FrontUpperLeg.R", "BackLeg.L", "Spine")
    for name, joints, axes in (("b", ("Head",), None), ("c", every, _axes)):
        found = load_gltf(box_dog(name, matrices=joints, axes=axes), resolution=64)
        assert found.notes == ()
        torch.testing.assert_close(
            found.pose("Walk", TIMES).vertices, wanted.pose("Walk", TIMES).vertices, atol=1e-5, rtol=0
        )


def test_mirrors_and_scales_of_matrices_stay_while_they_turn(box_dog):
    """One property is moved; the others are the matrix's, also where it mirrors and scales."""

    def lamp(content, add):
        content["nodes"].append({"name": "Hat", "matrix": [0, 0, 3, 0, 0, 2, 0, 0, 1, 0, 0, 0, 5, 6, 7, 1]})

    file = GltfFile(box_dog("a", change=lamp))
    nodes = read_nodes(file)
    hat = len(nodes.names) - 1
    whole = nodes.taken_apart([hat])
    assert nodes.fixed[hat]
    assert not whole.fixed[hat]
    assert np.linalg.det(nodes.matrix[hat, :3, :3]) < 0
    np.testing.assert_allclose(whole.local()[0, hat], nodes.matrix[hat], atol=1e-12)
    np.testing.assert_allclose(np.abs(whole.scale[0, hat]), [3, 2, 1])
    assert whole.scale[0, hat, 0] < 0  # as three.js has it


def test_a_shear_that_a_clip_loses_is_noted(box_dog):
    def sheared(content, add):
        content["nodes"][3]["matrix"][4] = 0.5

    subject = load_gltf(box_dog("a", matrices=("Head",), change=sheared), resolution=64)
    assert any("a matrix that shears, which clip 'Walk' cannot keep" in note for note in subject.notes)


def _lamp(content, add):
    content["nodes"].append({"name": "Lamp", "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 2, 0, 1]})
    content["scenes"][0]["nodes"].append(len(content["nodes"]) - 1)
    sampler = {"input": add([0.0, 1.0], "SCALAR"), "output": add([[0.0, 2, 0], [1, 2, 0]], "VEC3")}
    channel = {"sampler": 0, "target": {"node": len(content["nodes"]) - 1, "path": "translation"}}
    content["animations"].insert(0, {"name": "Swing", "channels": [channel], "samplers": [sampler]})


def _broken(content, add):
    walk = content["animations"][0]
    content["animations"].insert(0, {**walk, "name": "Broken", "samplers": [{"input": 999, "output": 0}] * 5})
    content["animations"].append(
        {"name": "Typed", "channels": [{"sampler": "x", "target": {"node": 0, "path": "scale"}}]}
    )
    content["animations"].append({"name": "Empty\nline", "channels": [{"target": None}]})


def test_a_clip_that_moves_nothing_of_the_body_is_left_out_alone(box_dog):
    plain, other = load_gltf(box_dog("a"), resolution=64), load_gltf(box_dog("b", change=_lamp), resolution=64)
    assert other.clip_names == ("Walk",)
    assert other.notes == ("clip 'Swing' is left out: it moves nothing of the body",)
    wanted, found = (subject.poses(6, torch.Generator().manual_seed(5)) for subject in (plain, other))
    assert found.names == wanted.names == ("walk",) * 6
    torch.testing.assert_close(found.vertices, wanted.vertices, atol=0, rtol=0)


def test_broken_clips_are_left_out_alone(box_dog):
    plain, other = load_gltf(box_dog("a"), resolution=64), load_gltf(box_dog("b", change=_broken), resolution=64)
    assert other.clip_names == ("Walk",)
    assert [note.split(" is left out")[0] for note in other.notes] == [
        "clip 'Broken'",
        "clip 'Typed'",
        "clip 'Empty\\nline'",
    ]
    assert "index 999 into accessors is out of range" in other.notes[0]
    wanted, found = (subject.pose("Walk", TIMES).vertices for subject in (plain, other))
    torch.testing.assert_close(found, wanted, atol=0, rtol=0)


def test_of_broken_clips_alone_the_rest_pose_is_left(box_dog):
    def change(content, add):
        content["animations"][0]["samplers"][0]["interpolation"] = "MAGIC"

    path = box_dog("a", change=change)
    subject = load_gltf(path, resolution=64)
    assert subject.clip_names == ()
    assert subject.poses(2, torch.Generator()).names == ("rest", "rest")
    with pytest.raises(InputError, match=r"no clip 'Walk'; it has none; clip 'Walk' is left out: .*'MAGIC'"):
        load_motion(f"{path}#Walk", template("quadruped").skeleton)


def test_a_clip_is_found_in_any_unicode_form_and_capitals(box_dog):
    skeleton = template("quadruped").skeleton
    stored = unicodedata.normalize("NFD", "Armature|Trot élégant")
    path = box_dog("a", change=lambda content, add: content["animations"][0].update(name=stored))
    for wanted in ("Armature|Trot élégant", "TROT ÉLÉGANT", unicodedata.normalize("NFD", "trot élégant")):
        assert load_motion(f"{path}#{wanted}", skeleton).duration == pytest.approx(1)
    with pytest.raises(InputError, match="no clip 'Trot elegant'"):
        load_motion(f"{path}#Trot elegant", skeleton)


@pytest.mark.skipif(not CASES.is_dir(), reason="no shared/cases beside the repository")
@pytest.mark.parametrize("name", ["matrix_joint", "matrix_lamp"])
def test_the_cases_with_matrices_move_as_the_reference(name):
    wanted, found = (load_gltf(CASES / f"{stem}.glb", resolution=64) for stem in ("reference_dog", name))
    assert found.clip_names == ("Walk",)
    poses = [subject.poses(5, torch.Generator().manual_seed(5)) for subject in (wanted, found)]
    torch.testing.assert_close(poses[1].vertices, poses[0].vertices, atol=1e-6, rtol=0)
