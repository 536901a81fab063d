"""Template skeletons: mirror images, complete chains, labels that exist, a box of size one."""

import math

import pytest
import torch

from zoetrope.representations.body.chart import PARTS
from zoetrope.representations.body.skeleton import BodyPlan
from zoetrope.representations.body.template import BUILDS, Template, pose_limits, template
from zoetrope.representations.surfaces.part_surface import PartSurfaces

FLIP = torch.tensor([-1.0, 1.0, 1.0])
JOINTS = {
    "quadruped": "hips spine chest neck head muzzle tail_1 tail_2 tail_3 left_ear left_shoulder left_elbow left_wrist "
    "left_front_paw left_hip left_knee left_hock left_back_paw",
    "biped": "hips spine chest neck head leftShoulder leftUpperArm leftLowerArm leftHand leftUpperLeg leftLowerLeg "
    "leftFoot",
    "bird": "hips spine chest neck head beak tail left_wing_upper left_wing_lower left_wing_tip left_upper_leg "
    "left_lower_leg left_foot",
}


@pytest.fixture(params=[(plan, build) for plan, builds in BUILDS.items() for build in builds], ids="-".join)
def body(request: pytest.FixtureRequest) -> Template:
    plan: BodyPlan = request.param[0]
    return template(plan, request.param[1])


def test_joints_are_named_as_the_package_promises(body: Template) -> None:
    wanted = JOINTS[body.skeleton.plan].split()
    wanted += ["right" + name[4:] for name in wanted if name.startswith("left")]
    assert sorted(body.skeleton.names) == sorted(wanted)
    assert body.skeleton.names[0] == "hips"


def test_left_and_right_are_mirror_images(body: Template) -> None:
    skeleton = body.skeleton
    mirror = list(skeleton.mirror)
    for joint, other in enumerate(mirror):
        name = skeleton.names[joint]
        if other == joint:
            assert not name.startswith(("left", "right"))
        else:
            assert {name[:4], skeleton.names[other][:4]} == {"left", "righ"}
        up, other_up = skeleton.parents[joint], skeleton.parents[other]
        assert other_up == (-1 if up < 0 else mirror[up])
        assert skeleton.parts[other] == skeleton.parts[joint].replace("left", "L").replace("right", "left").replace(
            "L", "right"
        )
    assert torch.equal(skeleton.joints[mirror] * FLIP, skeleton.joints)
    assert torch.equal(skeleton.tips[mirror] * FLIP, skeleton.tips)
    assert torch.equal(body.radius[mirror], body.radius)
    lefts = [j for j, name in enumerate(skeleton.names) if name.startswith("left")]
    assert bool((skeleton.joints[lefts, 0] > 0).all()), "left is +X"
    low, high = skeleton.limits_deg.unbind(-1)
    torch.testing.assert_close(low[mirror][:, 0], low[:, 0])
    torch.testing.assert_close(low[mirror][:, 1:], -high[:, 1:])


def test_every_joint_may_rest_and_the_root_may_not_turn(body: Template) -> None:
    limits = pose_limits(body.skeleton)
    assert bool((limits[..., 0] <= 0).all())
    assert bool((limits[..., 1] >= 0).all())
    assert not bool(limits[0].any())
    assert bool((limits[1:, :, 1] > limits[1:, :, 0]).all())
    torch.testing.assert_close(limits[1:], body.skeleton.limits_deg[1:] * math.pi / 180)


def test_parts_exist_and_no_two_bones_share_one(body: Template) -> None:
    assert set(body.skeleton.parts) <= set(PARTS)
    assert len(set(body.skeleton.parts)) == len(body.skeleton)


def test_landmarks_lie_where_their_names_say(body: Template) -> None:
    skeleton = body.skeleton
    place = {
        name: (skeleton.tips if tip else skeleton.joints)[joint] for name, (joint, tip) in skeleton.landmarks.items()
    }
    assert {"nose", "neck"} <= set(place)
    for name, point in place.items():
        if name.startswith("left_"):
            torch.testing.assert_close(place["right_" + name[5:]] * FLIP, point)
            assert float(point[0]) > 0
        elif not name.startswith("right_"):
            assert float(point[0]) == pytest.approx(0, abs=1e-7)
    if skeleton.plan != "biped":
        assert float(place["nose"][2]) > float(place["neck"][2]) > float(place["tail_base"][2])
    if skeleton.plan == "quadruped":
        assert all(float(place[f"left_{end}_paw"][1]) < float(place["nose"][1]) for end in ("front", "back"))
        assert float(place["left_front_paw"][2]) > float(place["left_back_paw"][2])


def test_the_rest_body_fills_a_centred_box_of_size_one(body: Template) -> None:
    vertices = PartSurfaces(body, 1, level=2).shared().vertices.detach()
    low, high = vertices.amin(0), vertices.amax(0)
    assert float((high - low).max()) == pytest.approx(1, abs=0.1)
    assert float((low + high).abs().max()) / 2 < 0.05
    assert float((low + high)[0].abs()) < 1e-6
    assert bool((body.radius > 0).all())


def test_the_compact_build_is_short_low_and_large_headed() -> None:
    standard, compact = template("quadruped"), template("quadruped", "compact")
    assert compact.skeleton.names == standard.skeleton.names

    def size(body: Template) -> dict[str, float]:
        at = body.skeleton.index
        joints, tips = body.skeleton.joints, body.skeleton.tips
        trunk = float(tips[at("chest"), 2] - joints[at("hips"), 2])
        height = float(joints[at("hips"), 1] - tips[at("left_front_paw"), 1])
        skull = float((tips[at("head")] - joints[at("head")]).norm())
        return {"legs": height / trunk, "head": skull / trunk, "radius": float(body.radius[at("head"), 0]) / trunk}

    ratio = {name: value / size(standard)[name] for name, value in size(compact).items()}
    assert ratio["head"] > 1.8
    assert ratio["radius"] > 2.5
    assert 1.0 < ratio["legs"] < 1.7, "legs shrink, though less than the trunk"


def test_builds_that_a_plan_lacks_are_named() -> None:
    with pytest.raises(ValueError, match="'compact'; a bird comes as standard"):
        template("bird", "compact")
