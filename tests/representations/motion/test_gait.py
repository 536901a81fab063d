"""Gaits are judged by their feet: who is down when, and that what is down does not skate."""

from dataclasses import replace

import pytest
import torch

from zoetrope.representations.motion.gait import GAITS, walk
from zoetrope.representations.motion.locomotion import fitted, go, stride_length
from zoetrope.representations.rotation import vector_from_quaternion

FEET = {
    "quadruped": ["left_back_paw", "left_front_paw", "right_back_paw", "right_front_paw"],
    "biped": ["leftFoot", "rightFoot"],
    "bird": ["left_foot", "right_foot"],
}
KEYS = 80
_QUADRUPED = [name for plan, name in GAITS if plan == "quadruped"]
_FOUR = [name for name in _QUADRUPED if name != "hop"]
_PAIRS = [
    *(("quadruped", name) for name in _FOUR),
    *(("giraffe", name) for name in ("walk", "pace", "gallop")),
    *(("elephant", name) for name in ("amble", "walk")),
    *(("bear", name) for name in ("walk", "gallop")),
    *(("cat", name) for name in ("trot", "rotary_gallop", "half_bound")),
    ("kangaroo", "hop"),
    *(("biped", name) for name in ("walk", "run")),
    *((bird, name) for bird in ("bird", "heron") for name in ("walk", "run", "waddle", "hop")),
]


def _gait(skeleton, name):
    return fitted(skeleton, replace(GAITS[skeleton.plan, name], keys=KEYS))


def _toes(on_ground, skeleton, clip):
    """(T, feet, 3), the closing key left out."""
    return on_ground(skeleton, clip, skeleton.tips)[:-1][:, [skeleton.index(name) for name in FEET[skeleton.plan]]]


@pytest.mark.parametrize(("name", "motion"), _PAIRS)
def test_feet_fall_as_the_table_says_and_do_not_skate(animal, on_ground, name, motion):
    skeleton = animal(name)
    gait = _gait(skeleton, motion)
    toes = _toes(on_ground, skeleton, go(skeleton, gait))
    ground = min(float(skeleton.tips[skeleton.index(foot), 1]) for foot in FEET[skeleton.plan])
    height = stride_length(skeleton, gait) / gait.stride
    speed = stride_length(skeleton, gait) / KEYS
    assert gait.stride > 0.4 * GAITS[skeleton.plan, motion].stride
    for foot, phase in enumerate(gait.phases):
        if phase is None:
            assert toes[:, foot, 1].min() > ground + 0.05 * height, "a foot that is carried touches the ground"
            continue
        path = toes[:, foot]
        assert path[:, 1].min() > ground - 1e-4 * height
        down = path[:, 1] < ground + 1e-4 * height
        assert abs(float(down.float().mean()) - gait.duty) < 2.5 / KEYS
        touchdown = (down & ~down.roll(1)).nonzero()[:, 0]
        assert len(touchdown) == 1
        late = (float(touchdown[0]) / KEYS - phase + 0.5) % 1 - 0.5
        # The foot comes close to the ground a little before it lands.
        assert -0.04 < late < 1.5 / KEYS
        # The last step of a stance may already leave the ground between its keys.
        both = down & down.roll(-1) & down.roll(-2)
        step = (path.roll(-1, 0) - path)[both]
        assert float((step[:, 2] + speed).abs().max()) < 0.01 * height
        assert float(step[:, 0].abs().max()) < 1e-3 * height
        assert float(path[:, 1].max()) > ground + 0.06 * height


@pytest.mark.parametrize(
    ("plan", "motion", "least", "most"),
    [
        ("quadruped", "walk", 2, 3),
        ("quadruped", "amble", 2, 3),
        ("quadruped", "trot", 0, 2),
        ("quadruped", "pace", 0, 2),
        ("quadruped", "gallop", 0, 2),
        ("quadruped", "rotary_gallop", 0, 2),
        ("quadruped", "bound", 0, 2),
        ("biped", "walk", 1, 2),
        ("biped", "run", 0, 1),
        ("bird", "waddle", 1, 2),
    ],
)
def test_walks_always_stand_and_runs_fly(animal, on_ground, plan, motion, least, most):
    skeleton = animal(plan)
    toes = _toes(on_ground, skeleton, go(skeleton, _gait(skeleton, motion)))
    down = (toes[..., 1] < toes[..., 1].min() + 1e-4).sum(1)
    assert (int(down.min()), int(down.max())) == (least, most)


@pytest.mark.parametrize("motion", _FOUR)
def test_order_of_footfalls(animal, motion):
    # What the literature says, apart from the table: left hind first, feet together in brackets.
    orders = {
        "walk": "LH LF RH RF", "amble": "LH LF RH RF", "trot": "(LH RF) (LF RH)", "pace": "(LH LF) (RH RF)",
        "canter": "LH (LF RH) RF", "gallop": "LH RH LF RF", "rotary_gallop": "LH RH RF LF", "bound": "(LH RH) (LF RF)",
        "half_bound": "LH RH LF RF",
    }  # fmt: skip
    phases = GAITS["quadruped", motion].phases
    groups = {}
    for foot, phase in zip(("LH", "LF", "RH", "RF"), phases, strict=True):
        groups.setdefault(phase, []).append(foot)
    found = [feet[0] if len(feet) == 1 else f"({' '.join(feet)})" for _, feet in sorted(groups.items())]
    assert " ".join(found) == orders[motion]


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_right_does_as_left_half_a_cycle_later(animal, plan):
    skeleton = animal(plan)
    rotations = walk(skeleton).rotations[:-1]
    mirrored = rotations[:, list(skeleton.mirror)] * rotations.new_tensor([1.0, 1.0, -1.0, -1.0])
    agreement = (mirrored.roll(16, 0) * rotations).sum(-1).abs()
    torch.testing.assert_close(agreement, torch.ones_like(agreement), atol=2e-5, rtol=0)


def test_arms_swing_against_legs(animal, on_ground):
    skeleton = animal("biped")
    for motion in ("walk", "run"):
        tips = on_ground(skeleton, go(skeleton, _gait(skeleton, motion)), skeleton.tips)[:-1]
        hand, foot = (tips[:, skeleton.index(name), 2] for name in ("leftHand", "leftFoot"))
        assert torch.corrcoef(torch.stack([hand, foot]))[0, 1] < -0.7
    # A-pose arms come down.
    hands = on_ground(skeleton, walk(skeleton), skeleton.tips)[:, skeleton.index("leftHand")]
    assert hands[:, 1].max() < skeleton.joints[skeleton.index("leftUpperArm"), 1] - 0.15


@pytest.mark.parametrize("motion", ["gallop", "rotary_gallop", "bound", "half_bound"])
def test_backs_bend_in_gallops_and_heads_stay_rather_level(animal, on_ground, motion):
    skeleton = animal("quadruped")
    clip = go(skeleton, _gait(skeleton, motion))
    spine = torch.rad2deg(vector_from_quaternion(clip.rotations[:, skeleton.index("spine")]))[:, 0]
    assert spine.max() - spine.min() > 6
    start, end = (
        on_ground(skeleton, clip, points)[:, skeleton.index("head")] for points in (skeleton.joints, skeleton.tips)
    )
    pitch = torch.rad2deg(torch.atan2((end - start)[:, 1], (end - start)[:, 2]))
    assert pitch.max() - pitch.min() < 25


def test_a_body_that_cannot_says_why(animal):
    skeleton = animal("quadruped")
    renamed = replace(skeleton, names=tuple(name.replace("left_hock", "chain_7") for name in skeleton.names))
    with pytest.raises(ValueError, match="left_hock"):
        walk(renamed)
    with pytest.raises(ValueError, match="too long"):
        go(skeleton, replace(GAITS["quadruped", "walk"], stride=4.0))
    assert fitted(skeleton, replace(GAITS["quadruped", "walk"], stride=4.0)).stride < 2
    with pytest.raises(ValueError, match="front_paw, which is off the ground"):
        walk(animal("kangaroo"))
    with pytest.raises(ValueError, match="front_paw, which stands"):
        go(skeleton, GAITS["quadruped", "hop"])
    with pytest.raises(ValueError, match="a gait of a bird"):
        go(skeleton, GAITS["bird", "waddle"])


@pytest.mark.parametrize("motion", ["walk", "run"])
def test_straight_legs_bend_the_right_way(animal, on_ground, motion):
    skeleton = animal("biped")
    joints, tips = skeleton.joints.clone(), skeleton.tips.clone()
    for side in ("left", "right"):
        hip, knee, foot = (skeleton.index(f"{side}{part}") for part in ("UpperLeg", "LowerLeg", "Foot"))
        joints[knee], joints[foot] = joints[hip] * 0.5 + joints[foot] * 0.5, joints[foot]
        tips[hip], tips[knee] = joints[knee], joints[foot]
    straight = skeleton.with_rest(joints, tips)
    places = on_ground(straight, go(straight, _gait(straight, motion)), straight.joints)
    hip, knee, ankle = (places[:, straight.index(f"left{part}")] for part in ("UpperLeg", "LowerLeg", "Foot"))
    assert bool((_ahead(hip, knee, ankle) > -1e-6).all())


def test_columns_bend_like_legs(animal, on_ground):
    skeleton = animal("elephant")
    places = on_ground(skeleton, go(skeleton, _gait(skeleton, "amble")), skeleton.joints)
    hip, knee, hock = (places[:, skeleton.index(f"left_{part}")] for part in ("hip", "knee", "hock"))
    assert bool((_ahead(hip, knee, hock) > -1e-6).all())
    shoulder, elbow, wrist = (places[:, skeleton.index(f"left_{part}")] for part in ("shoulder", "elbow", "wrist"))
    assert bool((_ahead(shoulder, elbow, wrist) < 1e-6).all())


def _ahead(above, joint, below):
    """How far a joint lies ahead of the line between its neighbours, at its own height on it."""
    share = ((above - joint)[:, 1] / (above - below)[:, 1])[:, None]
    return (joint - (above + share * (below - above)))[:, 2]
