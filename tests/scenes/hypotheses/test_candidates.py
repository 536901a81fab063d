"""Hypotheses of a photo: where they start, what they are mistaken for, which survive and how far each is believed."""

import math
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zoetrope.representations.body.skeleton import forward_kinematics, mirrored_pose, posed_joints
from zoetrope.representations.body.skinning import skin
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project, to_pixels
from zoetrope.representations.rendering.coverage import coverage
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.hypotheses.free_cameras import FreeCameras
from zoetrope.scenes.hypotheses.selection import best_of_photo, responsibilities, robust_weight, times_usual

SIZE = 64


@pytest.fixture(scope="module")
def body() -> PartSurfaces:
    return PartSurfaces(template("quadruped"), 1, level=1)


def lens(count: int) -> Intrinsics:
    """Crops of photos: the principal point is not in the crop's middle."""
    glass = Intrinsics.from_field_of_view(30, SIZE, SIZE, count)
    shift = torch.linspace(-20, 15, count)
    return Intrinsics(glass.fx, glass.fy, glass.cx + shift, glass.cy - shift, SIZE, SIZE)


def test_every_account_starts_on_the_masks_box(body: PartSurfaces) -> None:
    boxes = torch.tensor([[10.0, 12, 54, 50], [5, 20, 30, 40], [20, 8, 60, 60]])
    glass, count, mesh = lens(3), 8, body.shared()
    level = OrbitCamera(torch.zeros(3), torch.zeros(3), torch.zeros(3), torch.ones(3), torch.zeros(3, 2))
    start = FreeCameras(torch.arange(3), level, len(body.skeleton()))
    hypotheses = start.all_round(mesh, glass, boxes, count)
    assert hypotheses.photo.tolist() == [0] * count + [1] * count + [2] * count
    camera = hypotheses.camera()
    torch.testing.assert_close(camera.azimuth_deg.reshape(3, count), torch.arange(8.0).mul(45).expand(3, count))
    assert not bool(hypotheses.pose.any())
    vertices = mesh.vertices.detach().expand(3 * count, -1, 3)
    points = to_pixels(project(vertices, camera, glass.select(hypotheses.photo)), SIZE, SIZE).detach()
    low, high, box = points.amin(1), points.amax(1), boxes[hypotheses.photo]
    torch.testing.assert_close((low + high) / 2, (box[:, :2] + box[:, 2:]) / 2, atol=0.2, rtol=0)
    torch.testing.assert_close((high - low).prod(1).sqrt(), (box[:, 2:] - box[:, :2]).prod(1).sqrt(), atol=0, rtol=0.01)


def one(azimuth_deg: float, pose: Tensor) -> FreeCameras:
    def number(value: float) -> Tensor:
        return torch.tensor([float(value)])

    camera = OrbitCamera(number(azimuth_deg), number(0), number(0), number(3), torch.zeros(1, 2))
    return FreeCameras(torch.zeros(1, dtype=torch.int64), camera, pose.shape[1], pose)


def silhouettes(body: PartSurfaces, hypotheses: FreeCameras, size: int = SIZE) -> Tensor:
    mesh = body.shared()
    still = torch.zeros(len(body.skeleton()), 3)
    posed = skin(mesh.vertices, mesh.weights, forward_kinematics(body.skeleton(), hypotheses.rotations(still)))
    glass = Intrinsics.from_field_of_view(30, size, size)
    with torch.no_grad():
        return coverage(project(posed, hypotheses.camera(), glass), mesh.faces, (size, size))


def test_rivals_stand_where_outlines_are_alike(body: PartSurfaces) -> None:
    skeleton = body.skeleton()
    pose = 0.4 * torch.randn(1, len(skeleton), 3, generator=torch.Generator().manual_seed(0))
    four = one(35.0, pose).mirrored(torch.tensor(skeleton.mirror))
    assert four.photo.tolist() == [0, 0, 0, 0]
    azimuths = [float(a) % 360 for a in four.camera().azimuth_deg.detach()]
    assert azimuths == pytest.approx([35, 145, 215, 325], abs=1e-3)
    assert torch.equal(four.pose[0], pose[0])
    assert torch.equal(four.pose[1], pose[0])
    swapped = four.pose[3]
    elbow, other = skeleton.index("left_elbow"), skeleton.index("right_elbow")
    torch.testing.assert_close(swapped[elbow], pose[0, other] * torch.tensor([1.0, -1.0, -1.0]))
    # The last one is the mirror image of the first, whatever the pose.
    seen = silhouettes(body, four)
    assert float(seen[0].sum()) > 100
    torch.testing.assert_close(seen[3], seen[0].flip(1), atol=2e-3, rtol=0)
    assert float((seen[0] - seen[0].flip(1)).abs().sum()) > 100, "the outline is no mirror image of itself"


def test_neighbours_turn_and_start_from_the_shared_pose(body: PartSurfaces) -> None:
    pose = 0.4 * torch.randn(2, len(body.skeleton()), 3, generator=torch.Generator().manual_seed(0))
    two = FreeCameras(
        torch.tensor([3, 5]),
        OrbitCamera(torch.tensor([10.0, 350.0]), *torch.tensor([[7.0, 8.0], [1.0, 2.0], [3.0, 4.0]]), torch.ones(2, 2)),
        pose.shape[1],
        pose,
    )
    found = two.neighbours(offsets_deg=(-30, 25))
    assert found.photo.tolist() == [3, 3, 3, 5, 5, 5]
    camera = found.camera()
    assert camera.azimuth_deg.tolist() == pytest.approx([10, -20, 35, 350, 320, 375], abs=1e-3)
    assert camera.elevation_deg.tolist() == pytest.approx([7] * 3 + [8] * 3, abs=1e-3)
    assert camera.distance.tolist() == pytest.approx([3] * 3 + [4] * 3, abs=1e-3)
    assert torch.equal(found.pose[[0, 3]], pose)
    assert not bool(found.pose[[1, 2, 4, 5]].any())


@pytest.mark.parametrize("pair", ["front", "hind"])
def test_strides_move_one_pair_of_limbs_and_nothing_else(body: PartSurfaces, pair: Literal["front", "hind"]) -> None:
    skeleton = body.skeleton()
    pose = 0.2 * torch.randn(1, len(skeleton), 3, generator=torch.Generator().manual_seed(0))
    found = one(70, pose).limb_swaps(skeleton, pair)
    assert found.photo.tolist() == [0] * 4
    assert found.camera().azimuth_deg.tolist() == pytest.approx([70] * 4, abs=1e-3)
    kept, swapped, forward, backward = found.pose.detach()
    limb = torch.tensor([f"_{pair}_" in part for part in skeleton.parts])
    for other in (swapped, forward, backward):
        assert torch.equal(other[~limb], kept[~limb])
        assert not torch.allclose(other[limb], kept[limb])
    assert torch.equal(kept, pose[0])
    mirror = torch.tensor(skeleton.mirror)
    torch.testing.assert_close(mirrored_pose(swapped, mirror)[limb], kept[limb])
    upper = {side: skeleton.parts.index(f"{side}_{pair}_upper") for side in ("left", "right")}
    assert float(forward[upper["left"], 0]) == -float(forward[upper["right"], 0]) == -float(backward[upper["left"], 0])
    # One foot comes before the other by a good part of the body's length.
    transforms = forward_kinematics(skeleton, quaternion_from_vector(found.pose))
    feet = [skeleton.parts.index(f"{side}_{pair}_foot") for side in ("left", "right")]
    z = posed_joints(transforms, skeleton.joints).detach()[:, feet, 2]
    assert abs(float(z[2, 0] - z[2, 1])) > 0.2
    assert float(z[2, 0] - z[2, 1]) * float(z[3, 0] - z[3, 1]) < 0


def test_rivals_from_behind_look_alike_from_far_away(body: PartSurfaces) -> None:
    """Seen from infinity at elevation 0, a + 180 with swapped sides mirrors through the body: the same outline."""
    skeleton = body.skeleton()
    four = one(50.0, torch.zeros(1, len(skeleton), 3)).mirrored(torch.tensor(skeleton.mirror))
    far = 50.0
    with torch.no_grad():
        four.log_distance.fill_(math.log(far))
    mesh = body.shared()
    glass = Intrinsics.from_field_of_view(2 * math.degrees(math.atan(0.6 / far)), SIZE, SIZE)
    with torch.no_grad():
        clip = project(mesh.vertices.expand(4, -1, 3), four.camera(), glass)
        seen = coverage(clip, mesh.faces, (SIZE, SIZE))
    # Opposite directions see the same outline, one the other's mirror image.
    assert float((seen[2] - seen[0].flip(1)).abs().mean()) < 0.01
    # Across the picture plane (180 - a) stands the mirror image of straight behind.
    assert float((seen[1] - seen[2].flip(1)).abs().mean()) < 0.01
    assert float((seen[1] - seen[0]).abs().mean()) < 0.01


def test_best_keeps_the_least_loss_of_each_photo_and_nothing_close_to_it() -> None:
    photo = torch.tensor([1, 0, 0, 0, 1, 0])
    loss = torch.tensor([0.5, 0.3, 0.1, 0.2, 0.4, 0.9])
    azimuth = torch.deg2rad(torch.tensor([0.0, 90, 355, 5, 180, 200]))
    assert best_of_photo(photo, loss, azimuth, 1).tolist() == [2, 4]
    # 3 is the second best of photo 0 but 10 degrees from 2, across the seam.
    assert best_of_photo(photo, loss, azimuth, 2).tolist() == [2, 1, 4, 0]
    assert best_of_photo(photo, loss, azimuth, 9).tolist() == [2, 1, 5, 4, 0]
    assert best_of_photo(photo, loss, azimuth, 2, apart_deg=5).tolist() == [2, 3, 4, 0]


def test_ties_go_to_the_first() -> None:
    assert best_of_photo(torch.zeros(3, dtype=torch.int64), torch.ones(3), torch.tensor([0.0, 1, 2]), 1).tolist() == [0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(1e-4, 10)), min_size=1, max_size=20))
def test_responsibilities_sum_to_one_and_follow_the_loss(rows: list[tuple[int, float]]) -> None:
    names = sorted({photo for photo, _ in rows})
    photo = torch.tensor([names.index(photo) for photo, _ in rows])
    loss = torch.tensor([value for _, value in rows])
    share = responsibilities(photo, loss)
    assert bool((share >= 0).all())
    for k in range(len(names)):
        mine = photo == k
        assert float(share[mine].sum()) == pytest.approx(1, abs=1e-5)
        assert bool((share[mine][loss[mine].argsort()].diff() <= 1e-7).all())


def test_an_account_one_softness_worse_counts_a_part_in_e() -> None:
    share = responsibilities(torch.tensor([0, 0, 1]), torch.tensor([2.0, 2.6, 7.0]), softness=0.3)
    assert float(share[0] / share[1]) == pytest.approx(math.e, rel=1e-4)
    assert float(share[2]) == 1


def test_outliers_count_little_and_good_photos_fully() -> None:
    photo = torch.tensor([0, 0, 1, 1, 2, 3, 4])
    loss = torch.tensor([0.9, 0.02, 0.01, 0.5, 0.02, 0.06, 0.2])
    assert times_usual(photo, loss).tolist() == pytest.approx([1.0, 0.5, 1.0, 3.0, 10.0])
    say = robust_weight(photo, loss)
    assert say[:4].tolist() == pytest.approx([1, 1, 1, 0.5])
    assert float(say[4]) < 0.05
