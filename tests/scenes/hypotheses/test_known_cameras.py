"""Known cameras: pictures are those that the given cameras take of the body where it stands in the given world."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from zoetrope.representations.camera import Intrinsics, RigidCamera, project, to_pixels
from zoetrope.scenes.hypotheses.known_cameras import GivenCameras, KnownCameras, Worlds
from zoetrope.scenes.photos.nerfstudio import CameraFrame

PHOTOS, JOINTS = 3, 4
LENS = (500.0, 480.0, 210.0, 190.0)


def cameras() -> np.ndarray:
    """Camera-to-world matrices a few units from a place far from the origin, looking roughly at it."""
    matrices = np.tile(np.eye(4), (PHOTOS, 1, 1))
    for k in range(PHOTOS):
        turn = Rotation.from_euler("YXZ", [100 * k, -20 + 5 * k, 8 * k], degrees=True).as_matrix()
        matrices[k, :3, :3] = turn
        matrices[k, :3, 3] = np.array([200.0, -70.0, 30.0]) + turn @ np.array([0.1, -0.2, 15.0 + k])
    return matrices


def guess() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = 4.0 * Rotation.from_euler("XYZ", [80, 10, 5], degrees=True).as_matrix()
    matrix[:3, 3] = [200.3, -70.2, 29.8]
    return matrix


def placed(seed: int = 0) -> KnownCameras:
    """Two worlds of all photos, everything about them at random."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> torch.Tensor:
        return 0.2 * torch.randn(*shape, generator=generator)

    worlds = Worlds(noise(2) + 2, noise(2, 2), noise(2), noise(2, 3), noise(2, JOINTS, 3))
    photo, world = torch.arange(PHOTOS).repeat(2), torch.arange(2).repeat_interleave(PHOTOS)
    motion = noise(2 * PHOTOS, 3), noise(2 * PHOTOS, 3)
    return KnownCameras(GivenCameras.of(cameras(), guess()), photo, world, worlds, noise(2 * PHOTOS, JOINTS, 3), motion)


def one_world() -> KnownCameras:
    return placed().select(torch.arange(PHOTOS, 2 * PHOTOS))


def pixels(hypotheses: KnownCameras, points: torch.Tensor) -> torch.Tensor:
    fx, fy, cx, cy = (torch.full((len(hypotheses),), value) for value in LENS)
    lens = Intrinsics(fx, fy, cx, cy, 400, 400)
    return to_pixels(project(points, hypotheses.camera(), lens), 400, 400).detach()


def body(count: int) -> torch.Tensor:
    return torch.rand(count, 20, 3, generator=torch.Generator().manual_seed(3)) - 0.5


def test_the_given_cameras_see_the_body_where_it_stands_in_the_given_world() -> None:
    hypotheses = one_world()
    points = body(PHOTOS)
    in_world, seen = hypotheses.to_world(points).numpy(), pixels(hypotheses, points)
    for k, matrix in enumerate(cameras()):
        expected, depth = CameraFrame("", matrix, *LENS, 400, 400).project(in_world[k])
        assert depth.min() > 0
        np.testing.assert_allclose(seen[k].numpy(), expected, atol=2e-2)


def test_without_its_own_motion_a_body_stands_where_the_world_says() -> None:
    hypotheses = one_world()
    with torch.no_grad():
        hypotheses.turn.zero_()
        hypotheses.step.zero_()
    points, matrix = body(PHOTOS), hypotheses.world_from_rest()
    expected = points.double().numpy() @ matrix[:3, :3].T + matrix[:3, 3]
    np.testing.assert_allclose(hypotheses.to_world(points).numpy(), expected, atol=1e-4)
    # A similarity: the guess's size times the fitted one.
    gram = matrix[:3, :3].T @ matrix[:3, :3]
    np.testing.assert_allclose(
        gram, (4 * float(hypotheses.log_scale.detach().exp())) ** 2 * np.eye(3), rtol=1e-5, atol=1e-4
    )


def test_headings_turn_the_front_towards_the_left() -> None:
    worlds = Worlds.facing(torch.tensor([0.0, math.pi / 2]), JOINTS)
    front = worlds.rotations() @ torch.tensor([0.0, 0, 1])
    torch.testing.assert_close(front, torch.tensor([[0.0, 0, 1], [1, 0, 0]]), atol=1e-6, rtol=0)


def test_following_a_new_gauge_changes_neither_pictures_nor_the_world() -> None:
    hypotheses, points = one_world(), body(PHOTOS)
    scale, centre = 0.7, torch.tensor([0.0, 0.3, -0.2])
    before, world = pixels(hypotheses, points), hypotheses.to_world(points).numpy()
    hypotheses.follow(scale, centre)
    moved = scale * (points - centre)
    torch.testing.assert_close(pixels(hypotheses, moved), before, atol=2e-2, rtol=0)
    np.testing.assert_allclose(hypotheses.to_world(moved).numpy(), world, atol=1e-3)


def test_selecting_keeps_what_is_chosen_and_drops_empty_worlds() -> None:
    hypotheses = placed()
    chosen = hypotheses.select(torch.tensor([5, 3]))
    assert chosen.photo.tolist() == [2, 0]
    assert chosen.world.tolist() == [0, 0]
    assert len(chosen.yaw) == 1
    for old, new in zip(vars(hypotheses.camera()).values(), vars(chosen.camera()).values(), strict=True):
        torch.testing.assert_close(new, old[[5, 3]])
    shared = torch.zeros(JOINTS, 3)
    torch.testing.assert_close(chosen.rotations(shared), hypotheses.rotations(shared)[[5, 3]])
    with torch.no_grad():
        chosen.yaw.add_(1)
        chosen.turn.add_(1)
    assert torch.equal(hypotheses.camera().rotation(), placed().camera().rotation())


def test_it_comes_back_from_its_state() -> None:
    hypotheses, other = placed(), placed(seed=1).select(torch.tensor([0]))
    again = other.restored(hypotheses.state_dict())
    assert torch.equal(again.camera().camera_from_world(), hypotheses.camera().camera_from_world())
    assert torch.equal(again.own_pose(), hypotheses.own_pose())
    assert list(again.state_dict()) == list(hypotheses.state_dict())


def test_gradients_reach_the_world_and_never_the_cameras() -> None:
    hypotheses = placed()
    (hypotheses.camera().camera_from_world()[:, :3].square() * torch.arange(1.0, 13).reshape(3, 4)).sum().backward()
    for name in ("yaw", "tilt", "log_scale", "shift", "turn", "step"):
        gradient = hypotheses.get_parameter(name).grad
        assert gradient is not None, name
        assert bool((gradient != 0).all()), name
    names = {name for name, _ in hypotheses.named_parameters()}
    assert not {name for name in names if "given" in name}


def test_several_worlds_have_no_way_back() -> None:
    with pytest.raises(ValueError, match="2 world hypotheses"):
        placed().world_from_rest()


def test_rigid_cameras_are_orbit_cameras_in_other_words() -> None:
    camera = placed().camera()
    assert isinstance(camera, RigidCamera)
    torch.testing.assert_close(camera.orbit().camera_from_world(), camera.camera_from_world(), atol=1e-5, rtol=1e-5)
