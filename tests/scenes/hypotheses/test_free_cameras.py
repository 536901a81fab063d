"""Cameras and poses of photos: what they are told they are, and gradients for all of it."""

import pytest
import torch

from zoetrope.representations.camera import Intrinsics, OrbitCamera
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.scenes.hypotheses.free_cameras import FreeCameras, FreeLens, wrapped_deg

COUNT, JOINTS = 4, 5


def placed() -> tuple[FreeCameras, OrbitCamera, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    azimuth, elevation, roll, distance = torch.rand(4, COUNT, generator=generator) + 0.5
    camera = OrbitCamera(
        100 * azimuth, 20 * elevation, 5 * roll, 3 * distance, torch.rand(COUNT, 2, generator=generator)
    )
    pose = torch.randn(COUNT, JOINTS, 3, generator=generator)
    lens = FreeLens(torch.tensor([1.0, 0.0, 1.0]), torch.tensor(0.2))
    return FreeCameras(torch.tensor([0, 0, 1, 2]), camera, JOINTS, pose, lens), camera, pose


def test_it_gives_the_cameras_back() -> None:
    hypotheses, camera, _ = placed()
    assert len(hypotheses) == COUNT
    for name, value in vars(camera).items():
        torch.testing.assert_close(getattr(hypotheses.camera(), name), value)


def test_the_root_stays_still_and_shared_rotations_are_added() -> None:
    hypotheses, _, pose = placed()
    shared = torch.randn(JOINTS, 3, generator=torch.Generator().manual_seed(1))
    rotations = hypotheses.rotations(shared)
    assert torch.equal(rotations[:, 0], torch.tensor([[1.0, 0, 0, 0]]).expand(COUNT, 4))
    torch.testing.assert_close(rotations[:, 1:], quaternion_from_vector(pose + shared)[:, 1:])


def test_gradients_reach_cameras_and_poses_but_not_the_root() -> None:
    hypotheses, _, _ = placed()
    camera = hypotheses.camera()
    total = camera.camera_from_world().square().sum() * camera.camera_from_world()[:, 0].sum()
    (total + hypotheses.rotations(torch.zeros(JOINTS, 3))[..., 1:].sum()).backward()
    for name, parameter in hypotheses.named_parameters():
        assert parameter.grad is not None, name
        reached = parameter.grad != 0
        if name == "pose":
            assert not bool(reached[:, 0].any())
            assert bool(reached[:, 1:].all())
        else:
            assert bool(reached.all()), name


def test_selected_entries_are_copies() -> None:
    hypotheses, _, _ = placed()
    chosen = hypotheses.select(torch.tensor([3, 1]))
    assert chosen.photo.tolist() == [2, 0]
    for name, parameter in chosen.named_parameters():
        given = hypotheses.get_parameter(name)
        torch.testing.assert_close(parameter, given if name == "log_focal" else given[[3, 1]])
        assert parameter.is_leaf
    with torch.no_grad():
        chosen.pose.add_(1)
    assert not torch.allclose(chosen.pose, hypotheses.pose[[3, 1]])


def test_a_longer_lens_steps_back_and_leaves_the_subject_as_large() -> None:
    hypotheses, camera, _ = placed()
    one = torch.ones(3)
    first = Intrinsics(300 * one, 320 * one, 50 * one, 60 * one, 100, 120)
    before = hypotheses.lens(first).fx
    torch.testing.assert_close(before, 300 * torch.tensor([0.2, 0.0, 0.2]).exp())
    with torch.no_grad():
        hypotheses.log_focal.add_(0.5)
    zoom, steps = hypotheses.lens(first).fx / before, hypotheses.camera().distance / camera.distance
    torch.testing.assert_close(zoom, torch.tensor([0.5, 0.0, 0.5]).exp())
    torch.testing.assert_close(steps, zoom[hypotheses.photo])
    assert torch.equal(hypotheses.lens(first).cx, first.cx)
    # Entries that are kept, and others of the same photos, keep the lens; an unbent body begins anew.
    for other in (hypotheses.select(torch.tensor([1, 2])), hypotheses.restored(hypotheses.state_dict())):
        assert torch.equal(other.lens(first).fy, hypotheses.lens(first).fy)
        torch.testing.assert_close(
            other.camera().distance[-1:], hypotheses.camera().distance[2 if len(other) == 2 else 3 :][:1]
        )
    assert torch.equal(hypotheses.unposed(JOINTS).lens(first).fx, first.fx)


def test_no_pose_is_the_rest_pose() -> None:
    _, camera, _ = placed()
    hypotheses = FreeCameras(torch.arange(COUNT), camera, JOINTS)
    assert hypotheses.pose.shape == (COUNT, JOINTS, 3)
    assert not bool(hypotheses.pose.any())


@pytest.mark.parametrize(("angle", "expected"), [(0, 0), (181, -179), (-181, 179), (540, -180), (179.5, 179.5)])
def test_angles_are_wrapped(angle: float, expected: float) -> None:
    assert float(wrapped_deg(torch.tensor(float(angle)))) == pytest.approx(expected)
