"""Cameras and poses of photos: what they are told they are, and gradients for all of it."""

import pytest
import torch

from zoetrope.representations.camera import Intrinsics, OrbitCamera
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.scenes.placement import FreeLens, Placement, wrapped_deg

COUNT, JOINTS = 4, 5


def placed() -> tuple[Placement, OrbitCamera, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    azimuth, elevation, roll, distance = torch.rand(4, COUNT, generator=generator) + 0.5
    camera = OrbitCamera(
        100 * azimuth, 20 * elevation, 5 * roll, 3 * distance, torch.rand(COUNT, 2, generator=generator)
    )
    pose = torch.randn(COUNT, JOINTS, 3, generator=generator)
    lens = FreeLens(torch.tensor([1.0, 0.0, 1.0]), torch.tensor(0.2))
    return Placement(torch.tensor([0, 0, 1, 2]), camera, JOINTS, pose, lens), camera, pose


def test_it_gives_the_cameras_back() -> None:
    placement, camera, _ = placed()
    assert len(placement) == COUNT
    for name, value in vars(camera).items():
        torch.testing.assert_close(getattr(placement.camera(), name), value)


def test_the_root_stays_still_and_shared_rotations_are_added() -> None:
    placement, _, pose = placed()
    shared = torch.randn(JOINTS, 3, generator=torch.Generator().manual_seed(1))
    rotations = placement.rotations(shared)
    assert torch.equal(rotations[:, 0], torch.tensor([[1.0, 0, 0, 0]]).expand(COUNT, 4))
    torch.testing.assert_close(rotations[:, 1:], quaternion_from_vector(pose + shared)[:, 1:])


def test_gradients_reach_cameras_and_poses_but_not_the_root() -> None:
    placement, _, _ = placed()
    camera = placement.camera()
    total = camera.camera_from_world().square().sum() * camera.camera_from_world()[:, 0].sum()
    (total + placement.rotations(torch.zeros(JOINTS, 3))[..., 1:].sum()).backward()
    for name, parameter in placement.named_parameters():
        assert parameter.grad is not None, name
        reached = parameter.grad != 0
        if name == "pose":
            assert not bool(reached[:, 0].any())
            assert bool(reached[:, 1:].all())
        else:
            assert bool(reached.all()), name


def test_selected_entries_are_copies() -> None:
    placement, _, _ = placed()
    chosen = placement.select(torch.tensor([3, 1]))
    assert chosen.photo.tolist() == [2, 0]
    for name, parameter in chosen.named_parameters():
        given = placement.get_parameter(name)
        torch.testing.assert_close(parameter, given if name == "log_focal" else given[[3, 1]])
        assert parameter.is_leaf
    with torch.no_grad():
        chosen.pose.add_(1)
    assert not torch.allclose(chosen.pose, placement.pose[[3, 1]])


def test_a_longer_lens_steps_back_and_leaves_the_subject_as_large() -> None:
    placement, camera, _ = placed()
    one = torch.ones(3)
    first = Intrinsics(300 * one, 320 * one, 50 * one, 60 * one, 100, 120)
    before = placement.lens(first).fx
    torch.testing.assert_close(before, 300 * torch.tensor([0.2, 0.0, 0.2]).exp())
    with torch.no_grad():
        placement.log_focal.add_(0.5)
    zoom, steps = placement.lens(first).fx / before, placement.camera().distance / camera.distance
    torch.testing.assert_close(zoom, torch.tensor([0.5, 0.0, 0.5]).exp())
    torch.testing.assert_close(steps, zoom[placement.photo])
    assert torch.equal(placement.lens(first).cx, first.cx)
    # Entries that are kept, and others of the same photos, keep the lens; an unbent body begins anew.
    for other in (placement.select(torch.tensor([1, 2])), placement.restored(placement.state_dict())):
        assert torch.equal(other.lens(first).fy, placement.lens(first).fy)
        torch.testing.assert_close(
            other.camera().distance[-1:], placement.camera().distance[2 if len(other) == 2 else 3 :][:1]
        )
    assert torch.equal(placement.unposed(JOINTS).lens(first).fx, first.fx)


def test_no_pose_is_the_rest_pose() -> None:
    _, camera, _ = placed()
    placement = Placement(torch.arange(COUNT), camera, JOINTS)
    assert placement.pose.shape == (COUNT, JOINTS, 3)
    assert not bool(placement.pose.any())


@pytest.mark.parametrize(("angle", "expected"), [(0, 0), (181, -179), (-181, 179), (540, -180), (179.5, 179.5)])
def test_angles_are_wrapped(angle: float, expected: float) -> None:
    assert float(wrapped_deg(torch.tensor(float(angle)))) == pytest.approx(expected)
