"""Names of joints in the schools of riggers that are known."""

import numpy as np
import pytest

from zoetrope.representations.body.joint_name import joint_name
from zoetrope.scenes.gltf.joint import RestBody, find_root
from zoetrope.scenes.gltf.landmark import find_landmarks

LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
MIXAMO = ("Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot")
VRM = ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
UNREAL = ("upperarm", "lowerarm", "hand", "thigh", "calf", "foot")
MAX = ("UpperArm", "Forearm", "Hand", "Thigh", "Calf", "Foot")
RIGIFY = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")


def _body(names, parents=None, vertices=None, holder=None):
    parents = [-1] + [0] * (len(names) - 1) if parents is None else parents
    return RestBody(
        names=dict(enumerate(names)),
        parents=dict(enumerate(parents)),
        places={joint: np.zeros(3) for joint in range(len(names))},
        vertices=np.zeros((1, 3)) if vertices is None else np.array(vertices, float),
        holder=np.zeros(1, int) if holder is None else np.array(holder),
    )


@pytest.mark.parametrize(
    ("name", "side", "word", "number"),
    [
        ("b_LeftLeg01_015", "left", "leg", 1),
        ("b_Head_05", "middle", "head", 5),
        ("mixamorig:RightForeArm", "right", "forearm", None),
        ("mixamorigLeftUpLeg", "left", "upleg", None),
        ("J_Bip_C_Hips", "middle", "hips", None),
        ("J_Bip_L_UpperArm", "left", "upperarm", None),
        ("Bip001 R Thigh", "right", "thigh", None),
        ("DEF-upper_arm.L.001", "left", "upperarm", 1),
        ("FrontLowerLeg.R", "right", "frontlowerleg", None),
        ("IKFrontLeg.L", "left", "ikfrontleg", None),
        ("leftUpperArm", "left", "upperarm", None),
        ("calf_l", "left", "calf", None),
        ("Ear4.L", "left", "ear", 4),
        ("left_front_paw", "left", "frontpaw", None),
    ],
)
def test_names_are_taken_apart(name, side, word, number):
    found = joint_name(name)
    assert (found.side, found.word, found.number) == (side, word, number)


@pytest.mark.parametrize(
    ("pattern", "sides", "words", "hips"),
    [
        ("mixamorig:{side}{word}", ("Left", "Right"), MIXAMO, "mixamorig:Hips"),
        ("{side}{word}", ("left", "right"), VRM, "hips"),
        ("J_Bip_{side}_{word}", ("L", "R"), VRM, "J_Bip_C_Hips"),
        ("{word}.{side}", ("L", "R"), VRM, "Hips"),
        ("{word}_{side}", ("l", "r"), UNREAL, "pelvis"),
        ("Bip001 {side} {word}", ("L", "R"), MAX, "Bip001 Pelvis"),
        ("DEF-{word}.{side}", ("L", "R"), RIGIFY, "hips"),
    ],
)
def test_people_are_recognised(pattern, sides, words, hips):
    limbs = [pattern.format(side=side, word=word) for side in sides for word in words]
    names = ["Armature", hips, "neck", "head", *limbs]
    body = _body(names)
    found = {mark.name: names[mark.index] for mark in find_landmarks(body) if mark.kind == "joint"}
    expected = {
        f"{side}_{limb}": pattern.format(side=written, word=word)
        for side, written in zip(("left", "right"), sides, strict=True)
        for limb, word in zip(LIMBS, words, strict=True)
    }
    assert found == {"neck": "neck", **expected}
    assert names[find_root(body)] == hips


def test_shapes_mark_what_joints_do_not():
    names = ["hips", "neck", "head", "tail1", "tail2", "left_ear", "left_hip", "left_knee", "left_shoulder"]
    parents = [-1, 0, 1, 2 - 2, 3, 2, 0, 6, 0]
    # Two on the head (the farther one aside), an ear that sticks out, two on the tail, one far in front on the hips.
    vertices = [[0, 0, 0.4], [0.2, 0, 0.45], [0, 0, 0.6], [0, 0, -0.5], [0, 0.1, -0.2], [0, 0, 0.9]]
    marks = find_landmarks(_body(names, parents, vertices, [2, 2, 5, 4, 3, 0]))
    found = {mark.name: (mark.kind, mark.index) for mark in marks}
    assert found["nose"] == ("vertex", 0)
    assert found["tail_tip"] == ("vertex", 3)
    assert found["tail_base"] == ("joint", 3)
    assert "head_top" not in found
    assert [mark.name for mark in marks][:4] == ["nose", "neck", "tail_base", "tail_tip"]


def test_a_root_without_a_name_is_where_the_tree_forks():
    names = ["bone_0", "bone_1", "bone_2", "bone_3"]
    body = _body(names, [-1, 0, 1, 1], np.zeros((4, 3)), [2, 2, 3, 3])
    assert find_root(body) == 1
    assert find_landmarks(body) == ()
