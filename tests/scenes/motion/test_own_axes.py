"""Rigs whose joints have axes of their own, so that their pose at zero is a heap of bones: they move our skeletons as
their twins do, which have the same joints at the same places in every frame, but rest in a T-pose.

Walks are made here from formulas. A twin's joint j is turned by W_j A_j where the T-pose's is by W_j, and its bones are
A_p^-1 times theirs.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch

from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.template import template
from zoetrope.representations.motion.rest_pose import stand
from zoetrope.representations.motion.retarget import direction_error_deg, retarget
from zoetrope.representations.motion.rig_match import match
from zoetrope.representations.rotation import (
    conjugate,
    matrix_from_quaternion,
    multiply,
    quaternion_from_matrix,
    quaternion_from_vector,
    rotate,
    shortest,
    vector_from_quaternion,
)
from zoetrope.scenes.motion.bvh import Bvh, bvh_motion
from zoetrope.scenes.motion.motion_file import load_motion

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "bvh"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no shared/cases beside the repository")

HELD = ("hips", "chest", "head", "Hand", "Foot", "paw")
"""Joints of ours whose turns no bone's direction tells."""
FRAMES = 24


@dataclass
class Rig:
    """Joints in a standing pose: name -> its parent, its offset from that; and how they turn, degrees about X, Y, Z."""

    joints: dict[str, tuple[str, tuple[float, float, float]]]
    turns: dict[str, torch.Tensor] = field(default_factory=dict)

    def bvh(self) -> Bvh:
        names = tuple(self.joints)
        parents = tuple(names.index(parent) if parent else -1 for parent, _ in self.joints.values())
        offsets = torch.tensor([offset for _, offset in self.joints.values()], dtype=torch.float64)
        vectors = torch.zeros(FRAMES, len(names), 3, dtype=torch.float64)
        for name, turn in self.turns.items():
            vectors[:, names.index(name)] = torch.deg2rad(turn.double())
        rotations = quaternion_from_vector(vectors)
        return Bvh("walk", names, parents, offsets, rotations, offsets.expand(FRAMES, -1, -1).clone(), 1 / 30)


def _waves(*xyz):
    """Turns of a period: each of X, Y, Z as (middle, swing, phase) or a number."""
    phase = torch.linspace(0, 2 * math.pi, FRAMES)
    rows = [one if isinstance(one, tuple) else (one, 0.0, 0.0) for one in xyz]
    return torch.stack([m + s * torch.sin(phase + p) for m, s, p in rows], dim=-1)


def _person(*, spine=(0.0, 11.0, 0.0), hip=(0.0, -5.0, 0.0), ends=True):
    joints = {
        "Hips": ("", (0.0, 92.0, 0.0)),
        "Spine": ("Hips", spine),
        "Chest": ("Spine", (0.0, 20.0, 0.0)),
        "Neck": ("Chest", (0.0, 21.0, -1.0)),
        "Head": ("Neck", (0.0, 10.0, 1.5)),
    }
    if ends:
        joints["Head_end"] = ("Head", (0.0, 16.0, 0.0))
    for side, x in (("Left", 1.0), ("Right", -1.0)):
        joints |= {
            f"{side}Shoulder": ("Chest", (4.0 * x, 16.0, 0.0)),
            f"{side}Arm": (f"{side}Shoulder", (13.0 * x, 0.0, 0.0)),
            f"{side}ForeArm": (f"{side}Arm", (28.0 * x, 0.0, 0.0)),
            f"{side}Hand": (f"{side}ForeArm", (24.0 * x, 0.0, 0.0)),
            f"{side}UpLeg": ("Hips", (9.0 * x + hip[0], hip[1], hip[2])),
            f"{side}Leg": (f"{side}UpLeg", (0.0, -42.0, 0.0)),
            f"{side}Foot": (f"{side}Leg", (0.0, -40.0, 0.0)),
            f"{side}ToeBase": (f"{side}Foot", (0.0, -7.0, 14.0)),
        }
        if ends:
            joints |= {
                f"{side}Hand_end": (f"{side}Hand", (16.0 * x, 0.0, 0.0)),
                f"{side}ToeBase_end": (f"{side}ToeBase", (0.0, 0.0, 7.0)),
            }
    rig = Rig(joints)
    rig.turns["Chest"] = _waves((3, 2, 0), (0, 6, 0), 0)
    rig.turns["Head"] = _waves((4, 6, 1), (0, 20, 0), 0)
    for side, x in (("Left", 1.0), ("Right", -1.0)):
        start = 0.0 if side == "Left" else math.pi
        rig.turns |= {
            f"{side}UpLeg": _waves((-8, 26, start), 0, 0),
            f"{side}Leg": _waves((30, 25, start + 1.2), 0, 0),
            f"{side}Foot": _waves((-12, 14, start + 2.0), 0, 0),
            f"{side}Arm": _waves(0, 0, (-68 * x, 8, start)),
            f"{side}ForeArm": _waves(0, (-25 * x, -12 * x, start), 0),
            f"{side}Hand": _waves((0, 15, start), 0, (0, 12, 0)),
        }
    return rig


def _dog():
    joints = {
        "Hips": ("", (0.0, 52.0, -24.0)),
        "Spine": ("Hips", (0.0, 2.0, 24.0)),
        "Chest": ("Spine", (0.0, 1.0, 14.0)),
        "Neck": ("Chest", (0.0, 5.0, 10.0)),
        "Head": ("Neck", (0.0, 15.0, 12.0)),
        "Tail1": ("Hips", (0.0, 4.0, -10.0)),
        "Tail2": ("Tail1", (0.0, 2.0, -12.0)),
        "Tail2_end": ("Tail2", (0.0, -3.0, -12.0)),
    }
    rig = Rig(joints)
    rig.turns["Tail1"] = _waves(0, (0, 40, 0), 0)
    rig.turns["Head"] = _waves((0, 10, 1), (0, 15, 0), 0)
    for side, x in (("Left", 1.0), ("Right", -1.0)):
        start = 0.0 if side == "Left" else math.pi
        joints |= {
            f"{side}Ear": ("Head", (5.0 * x, 7.0, -1.0)),
            f"{side}Ear_end": (f"{side}Ear", (2.0 * x, 9.0, -2.0)),
            f"{side}UpperArm": ("Chest", (10.0 * x, -6.0, 4.0)),
            f"{side}ForeArm": (f"{side}UpperArm", (0.0, -19.0, -5.0)),
            f"{side}Hand": (f"{side}ForeArm", (0.0, -20.0, 2.0)),
            f"{side}Finger0": (f"{side}Hand", (0.0, -6.0, 5.0)),
            f"{side}Finger0_end": (f"{side}Finger0", (0.0, -1.0, 4.0)),
            f"{side}Thigh": ("Hips", (10.0 * x, -4.0, -2.0)),
            f"{side}Calf": (f"{side}Thigh", (0.0, -18.0, 7.0)),
            f"{side}Foot": (f"{side}Calf", (0.0, -19.0, -10.0)),
            f"{side}Toe0": (f"{side}Foot", (0.0, -6.0, 6.0)),
            f"{side}Toe0_end": (f"{side}Toe0", (0.0, -1.0, 5.0)),
        }
        for upper, lower, lag in (("UpperArm", "ForeArm", 1.6), ("Thigh", "Calf", 0.0)):
            rig.turns[f"{side}{upper}"] = _waves((0, 20, start + lag), 0, 0)
            rig.turns[f"{side}{lower}"] = _waves((0, 15, start + lag + 1), 0, 0)
    return rig


PLANS = {"biped": _person, "quadruped": _dog}


def _axes(bvh: Bvh, kind: str) -> torch.Tensor:
    """A of each joint: how its own axes are turned in the standing pose."""
    generator = torch.Generator().manual_seed(4)
    found: list[torch.Tensor] = []
    for node, parent in enumerate(bvh.parents):
        below = [child for child, above in enumerate(bvh.parents) if above == node]
        middle = [child for child in below if not bvh.names[child].startswith(("Left", "Right"))] or below
        if kind == "at random":
            found.append(torch.nn.functional.normalize(torch.randn(4, generator=generator, dtype=torch.float64), dim=0))
        elif not below:
            found.append(found[parent])
        else:
            sign = -1.0 if kind == "X mirrored" and bvh.names[node].startswith("Right") else 1.0
            own = torch.eye(3, dtype=torch.float64)["XYZ".index(kind[0])]
            found.append(shortest(sign * own, bvh.offsets[middle[0]]))
    return torch.stack(found)


def _twin(bvh: Bvh, axes: torch.Tensor) -> Bvh:
    def seen(node, turn):
        parent = bvh.parents[node]
        return turn if parent < 0 else multiply(conjugate(axes[parent]).expand_as(turn), turn)

    count, nodes = len(bvh.rotations), range(len(bvh.names))
    offsets = [
        bvh.offsets[node] if bvh.parents[node] < 0 else rotate(conjugate(axes[bvh.parents[node]]), bvh.offsets[node])
        for node in nodes
    ]
    rotations = [seen(node, multiply(bvh.rotations[:, node], axes[node].expand(count, 4))) for node in nodes]
    placed = torch.stack(offsets)
    return replace(
        bvh, offsets=placed, rotations=torch.stack(rotations, 1), translations=placed.expand(count, -1, -1).clone()
    )


def _turned(bvh: Bvh, turn: torch.Tensor) -> Bvh:
    """In a world turned by a quaternion."""
    rotations, translations = bvh.rotations.clone(), bvh.translations.clone()
    rotations[:, 0] = multiply(turn.expand(len(rotations), 4), rotations[:, 0])
    translations[:, 0] = rotate(turn.expand(len(rotations), 4), translations[:, 0])
    return replace(bvh, rotations=rotations, translations=translations)


def _world(clip, skeleton):
    turned = clip.rooted()[0].double()
    maps = forward_kinematics(skeleton, turned, skeleton.joints.double())
    return quaternion_from_matrix(maps[..., :3])


def _apart_deg(clip, wanted, skeleton):
    """Most by which each of our joints is turned otherwise in the world."""
    between = multiply(conjugate(_world(clip, skeleton)), _world(wanted, skeleton))
    return torch.rad2deg(vector_from_quaternion(between).norm(dim=-1)).amax(0)


def _assert_stands_alike(bvh: Bvh, twin: Bvh, plan: str, most_deg: float = 8.0):
    skeleton = template(plan).skeleton
    for ours, theirs in zip(bvh.world()[0].unbind(1), twin.world()[0].unbind(1), strict=True):
        # What is compared is the same motion, but for the world's axes.
        assert float((ours - ours[:1]).norm(dim=-1).amax() - (theirs - theirs[:1]).norm(dim=-1).amax()) < 1e-6
    motion = bvh_motion(twin)
    wanted, clip = retarget(bvh_motion(bvh), skeleton), retarget(motion, skeleton)
    assert wanted.notes == () or not any("rest pose" in note for note in wanted.notes)
    apart = _apart_deg(clip, wanted, skeleton)
    held = [joint for joint, name in enumerate(skeleton.names) if name.endswith(HELD)]
    assert len(held) >= 7
    assert float(apart[held].max()) < most_deg
    assert max(float(error.max()) for error in direction_error_deg(clip, skeleton, motion).values()) < 0.1
    torch.testing.assert_close(clip.root.shifts, wanted.root.shifts, atol=0.01, rtol=0)
    return clip


@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        ("biped", "X along bones"),
        ("biped", "Y along bones"),
        ("biped", "X mirrored"),
        ("biped", "at random"),
        ("quadruped", "X along bones"),
        ("quadruped", "at random"),
    ],
)
def test_a_heap_at_rest_stands_as_its_twin_in_a_t_pose(plan, kind):
    bvh = PLANS[plan]().bvh()
    clip = _assert_stands_alike(bvh, _twin(bvh, _axes(bvh, kind)), plan)
    assert any("no standing body" in note for note in clip.notes)


@pytest.mark.parametrize("plan", PLANS)
def test_up_and_ahead_are_told_by_how_a_heap_moves(plan):
    bvh = PLANS[plan]().bvh()
    z_up = quaternion_from_vector(torch.tensor([math.pi / 2, 0.0, 0.0]).double())
    aside = quaternion_from_vector(torch.tensor([0.0, 2.4, 0.0]).double())
    twin = _twin(bvh, _axes(bvh, "X along bones"))
    _assert_stands_alike(bvh, _turned(twin, multiply(z_up, aside)), plan)
    _assert_stands_alike(bvh, _turned(twin, aside), plan)


def test_real_bodies_have_no_ends_and_a_spine_behind_their_hips():
    """Bones of a pelvis that lean by 30 degrees, and neither hands, heads nor toes that have a length."""
    bvh = _person(spine=(0.0, 7.0, -2.6), hip=(0.0, 0.0, 1.9), ends=False).bvh()
    _assert_stands_alike(bvh, _twin(bvh, _axes(bvh, "at random")), "biped", most_deg=12.0)


def test_toes_lie_flat_however_steep_an_ankle_is():
    rig = _person()
    for side in ("Left", "Right"):
        rig.joints[f"{side}ToeBase"] = (f"{side}Foot", (0.0, -11.0, 9.0))
    bvh = rig.bvh()
    _assert_stands_alike(bvh, _twin(bvh, _axes(bvh, "X along bones")), "biped")


def test_a_foot_that_is_rolled_about_itself_at_rest_is_seen_by_its_turns():
    """Its joints rest where a body's do."""
    bvh = _person().bvh()
    axes = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).repeat(len(bvh.names), 1)
    along = torch.nn.functional.normalize(bvh.offsets[bvh.names.index("LeftToeBase")], dim=0)
    axes[bvh.names.index("LeftFoot")] = quaternion_from_vector(2.8 * along)
    twin = _twin(bvh, axes)
    toe = bvh.names.index("LeftToeBase")
    torch.testing.assert_close(twin.rest()[toe], bvh.rest()[toe])
    clip = _assert_stands_alike(bvh, twin, "biped")
    assert any("LeftFoot" in note for note in clip.notes)


def test_one_frame_is_enough_where_it_stands():
    bvh = _person().bvh()
    rotations = bvh.rotations[:1].clone()
    rotations[:, bvh.names.index("Head")] = torch.tensor([1.0, 0, 0, 0]).double()
    bvh = replace(bvh, rotations=rotations, translations=bvh.translations[:1])
    _assert_stands_alike(bvh, _twin(bvh, _axes(bvh, "X along bones")), "biped", most_deg=15.0)


def test_a_clip_that_never_stands_is_read_by_bones_alone_and_says_so():
    rig = _person()
    for side in ("Left", "Right"):
        rig.turns[f"{side}UpLeg"], rig.turns[f"{side}Leg"] = _waves((-90, 5, 0), 0, 0), _waves((85, 5, 0), 0, 0)
    rig.turns["Hips"] = _waves((60, 10, 0), 0, 0)
    bvh = rig.bvh()
    clip = _assert_stands_alike(bvh, _twin(bvh, _axes(bvh, "X along bones")), "biped", most_deg=15.0)
    assert any("no frame of the clip stands" in note for note in clip.notes)


def test_straight_limbs_are_taken_for_untwisted_with_a_note():
    rig = _person()
    for side in ("Left", "Right"):
        rig.turns[f"{side}ForeArm"] = _waves(0, 0, 0)
    bvh = rig.bvh()
    clip = _assert_stands_alike(bvh, _twin(bvh, _axes(bvh, "at random")), "biped")
    (note,) = (note for note in clip.notes if "twist" in note)
    assert "LeftForeArm" in note
    assert "UpLeg" not in note


@pytest.mark.parametrize(
    "parts", [("Head",), ("LeftHand",), ("LeftFoot", "RightFoot"), ("RightArm", "RightForeArm", "RightHand")]
)
def test_parts_alone_that_rest_otherwise_are_put_right(parts):
    bvh = _person().bvh()
    axes = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).repeat(len(bvh.names), 1)
    for part in parts:
        # A head that looks backward at zero, a foot that points up, an arm that lies across the chest.
        axis = [0.0, 1.0, 0.0] if part == "Head" or "Arm" in part else [1.0, 0.0, 0.0]
        axes[bvh.names.index(part)] = quaternion_from_vector(torch.tensor(axis).double() * 2.8)
    clip = _assert_stands_alike(bvh, _twin(bvh, axes), "biped")
    (note,) = (note for note in clip.notes if "rest was found" in note)
    assert parts[0] in note
    assert "Spine" not in note


def test_without_left_and_right_or_trunk_nothing_is_guessed():
    """Legs alone: that the rest pose is none is said, and turns stay as the file has them."""
    bvh = _person().bvh()
    twin = _twin(bvh, _axes(bvh, "X along bones"))
    names = {"Hips": "core", "Spine": "a", "Chest": "b", "Neck": "c", "Head": "d"}
    blind = replace(twin, names=tuple(names.get(name, name.replace("Right", "Other")) for name in twin.names))
    clip = retarget(bvh_motion(blind), template("biped").skeleton)
    assert any("nothing tells how its joints are turned" in note for note in clip.notes)


def test_bodies_at_rest_are_left_as_they_are():
    for plan, made in PLANS.items():
        bvh, skeleton = made().bvh(), template(plan).skeleton
        motion = bvh_motion(bvh)
        assert stand(motion, skeleton, match(motion, skeleton)) is motion


@needs_cases
def test_the_case_of_own_axes_stands_as_its_reference():
    skeleton = template("biped").skeleton
    wanted, clip = (load_motion(str(CASES / f"{name}.bvh"), skeleton) for name in ("reference_walk", "own_axes"))
    assert float(_apart_deg(clip, wanted, skeleton).max()) < 6
    assert any("no standing body" in note for note in clip.notes)


@needs_cases
@pytest.mark.parametrize(
    ("name", "reference", "plan", "most"),
    [
        ("prefix_colon", "reference_walk", "biped", 1e-6),
        ("prefix_number", "reference_walk", "biped", 1e-6),
        ("quadruped_all_prefix", "reference_quadruped", "quadruped", 1e-6),
        ("decimal_commas", "reference_walk", "biped", 1e-6),
        ("frames_plus_one", "reference_walk", "biped", 1e-6),
    ],
)
def test_the_other_cases_are_their_references(name, reference, plan, most):
    skeleton = template(plan).skeleton
    wanted, clip = (load_motion(str(CASES / f"{one}.bvh"), skeleton) for one in (reference, name))
    torch.testing.assert_close(clip.rotations, wanted.rotations, atol=most, rtol=0)


def test_the_twins_are_what_they_say():
    """The same places in every frame, of a rest pose that is none."""
    bvh = _person().bvh()
    twin = _twin(bvh, _axes(bvh, "X along bones"))
    torch.testing.assert_close(twin.world()[0], bvh.world()[0], atol=1e-9, rtol=0)
    assert float((twin.rest() - bvh.rest()).abs().amax()) > 50
    assert matrix_from_quaternion(twin.world()[1]).shape[-1] == 3
