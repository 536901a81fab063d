"""Names of a rig's joints, read together: prefixes are told from words of anatomy."""

import pytest

from zoetrope.representations.body.joint_name import JointName, joint_name
from zoetrope.representations.motion import rig_match
from zoetrope.representations.rig_name import is_known, rig_joint_names

PLAIN = ("Hips", "Spine1", "Neck", "Head", "LeftUpLeg", "LeftFoot", "RightForeArm", "RightHand")


@pytest.mark.parametrize(
    "form",
    ["Model:{}", "ns:Model:{}", "Armature|{}", "Character1_{}", "Rex_{}", "Rex {}", "mixamorig:{}", "mixamorig12:{}",
     "mixamorig{}", "LowPolyDog_{}", "Big_Foot_{}", "CC_Base_{}", "ValveBiped.Bip01_{}", "IK_{}", "Modèle_{}", "SK-{}"],
)  # fmt: skip
def test_a_prefix_of_all_joints_changes_nothing(form):
    assert rig_joint_names([form.format(name) for name in PLAIN]) == [joint_name(name) for name in PLAIN]


def test_prefixes_of_some_joints_and_several_ones_change_nothing():
    forms = ("{}", "Model:{}", "Character1_{}", "{}", "Rex_{}", "a|b:{}", "{}", "Player 2 {}")
    names = [form.format(name) for form, name in zip(forms, PLAIN, strict=True)]
    assert rig_joint_names(names) == [joint_name(name) for name in PLAIN]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Rex_Bip01 L Thigh", JointName("left", "thigh", None)),
        ("Rex_Bip001_R_Toe0", JointName("right", "toe", 0)),
        ("L_Rex_Thigh", JointName("left", "thigh", None)),
        ("R:Thigh", JointName("right", "thigh", None)),
        ("lthigh", JointName("left", "thigh", None)),
        ("CC_Base_NeckTwist01", JointName("middle", "necktwist", 1)),
    ],
)
def test_sides_and_numbers_stay(name, wanted):
    assert rig_joint_names([name]) == [wanted]


def test_names_in_one_piece_and_case_share_their_prefix():
    names = ["rexhips", "rexspine", "rexhead", "rexleftupleg", "rexlfoot"]
    wanted = [("middle", "hips"), ("middle", "spine"), ("middle", "head"), ("left", "upleg"), ("left", "foot")]
    assert [(one.side, one.word) for one in rig_joint_names(names)] == wanted


@pytest.mark.parametrize(
    "name", ["Front_Leg_Prop", "ik_foot_l", "Camera_Head", "Foot_Pole_Leg.L", "rear", "Thumb_Foot"]
)
def test_words_of_anatomy_and_of_controls_are_no_prefixes(name):
    others = ["Hips", "Spine", "Head2", "Arm.L"]
    assert rig_joint_names([name, *others])[0] == joint_name(name)


def test_a_name_that_another_joint_has_is_not_taken():
    weapon, hand = rig_joint_names(["Sword_Hand_R", "Hand_R"])
    assert weapon.word == "swordhand"
    assert hand == JointName("right", "hand", None)


def test_all_words_by_which_limbs_are_matched_are_known():
    tables = (*rig_match._FORE, *rig_match._HIND)
    words = {word.rstrip("0123456789") for table in tables for slot in table.values() for word in slot.split("|")}
    assert len(words) > 40
    assert [word for word in (*words, *rig_match._ROOTS) if not is_known(word)] == []
