"""Scenes: posing, symmetry of what is shared, the gauge that changes no picture, and a state that is all there is."""

import pytest
import torch

from zoetrope.representations.body.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.body.skinning import skin_torch
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project, to_pixels
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.representations.surfaces.united_surface import UnitedSurface
from zoetrope.scenes.hypotheses.free_cameras import FreeCameras
from zoetrope.scenes.scene import Scene

PHOTOS = 3


def _placement(joint_count: int) -> FreeCameras:
    generator = torch.Generator().manual_seed(0)
    azimuth, elevation, roll, distance = torch.rand(4, PHOTOS, generator=generator)
    camera = OrbitCamera(
        360 * azimuth,
        40 * elevation - 20,
        20 * roll - 10,
        2 + distance,
        0.2 * torch.rand(PHOTOS, 2, generator=generator),
    )
    pose = 0.3 * torch.randn(PHOTOS, joint_count, 3, generator=generator)
    return FreeCameras(torch.tensor([0, 1, 2]), camera, joint_count, pose)


def _shake(scene: Scene, size: float) -> Scene:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in (*scene.surface.parameters(), scene.rest_pose):
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
    return scene


def in_parts() -> Scene:
    surface = PartSurfaces(template("quadruped"), PHOTOS, level=1)
    surface.cutoff = 6.0
    return _shake(Scene(surface, _placement(len(surface.skeleton()))), 0.02)


def in_one() -> Scene:
    """A united subject of other size and place than the gauge asks for. Its topology is the parts', which serves."""
    parts = PartSurfaces(template("quadruped"), PHOTOS, level=1)
    mesh, skeleton = parts.shared(), parts.skeleton()
    shift = torch.tensor([0.0, 0.3, -0.2])
    surface = UnitedSurface.begin(
        mesh.with_vertices(1.4 * mesh.vertices + shift),
        skeleton.with_rest(1.4 * skeleton.joints + shift, 1.4 * skeleton.tips + shift),
        parts.mirror,
        PHOTOS,
        mode_count=40,
    )
    return _shake(Scene(surface, _placement(len(skeleton))), 0.01)


@pytest.fixture(params=[in_parts, in_one], ids=["parts", "united"])
def scene(request: pytest.FixtureRequest) -> Scene:
    return request.param()


def test_bodies_are_posed_by_skinning_their_own_shape(scene: Scene) -> None:
    mesh = scene.surface.shared()
    own = mesh.vertices + scene.surface.instance(scene.hypotheses.photo)
    expected = skin_torch(own, mesh.weights, forward_kinematics(scene.surface.skeleton(), scene.rotations()))
    torch.testing.assert_close(scene.posed(mesh), expected, atol=1e-5, rtol=0)
    common = skin_torch(mesh.vertices, mesh.weights, scene.transforms())
    torch.testing.assert_close(scene.posed(mesh, own_shape=False), common, atol=1e-5, rtol=0)
    assert float((common - expected).detach().abs().max()) > 1e-3


def test_the_shared_pose_is_mirror_symmetric(scene: Scene) -> None:
    skeleton, shared = scene.surface.skeleton(), scene.shared_pose()
    mirrored = shared[list(skeleton.mirror)] * torch.tensor([1.0, -1.0, -1.0])
    assert torch.equal(mirrored, shared)
    assert bool(shared.any())
    # With no pose of their own, bodies stay mirror images of themselves.
    with torch.no_grad():
        scene.hypotheses.pose.zero_()
    body = scene.posed(scene.surface.shared())
    mirror = scene.surface.mirror
    torch.testing.assert_close(body[:, mirror] * torch.tensor([-1.0, 1.0, 1.0]), body, atol=1e-5, rtol=0)


def test_landmarks_ride_on_their_joints(scene: Scene) -> None:
    skeleton = scene.surface.skeleton()
    names, points = scene.landmarks()
    assert names == tuple(skeleton.landmarks)
    assert points.shape == (PHOTOS, len(names), 3)
    tips = posed_joints(scene.transforms(), skeleton.tips)
    torch.testing.assert_close(points[:, names.index("nose")], tips[:, skeleton.index("muzzle")])
    chosen, some = scene.landmarks(("tail_tip", "neck"))
    assert chosen == ("tail_tip", "neck")
    torch.testing.assert_close(some[:, 1], points[:, names.index("neck")])
    torch.testing.assert_close(some[:, 0], tips[:, skeleton.index("tail_3")])


def test_normalising_changes_no_picture() -> None:
    scene = in_one()
    lens = Intrinsics.from_field_of_view(30, 100, 100)

    def pixels() -> torch.Tensor:
        _, landmarks = scene.landmarks()
        points = torch.cat([scene.posed(scene.surface.shared()), landmarks], dim=1)
        return to_pixels(project(points, scene.hypotheses.camera(), lens), 100, 100).detach()

    before, distance = pixels(), scene.hypotheses.log_distance.exp().detach().clone()
    pose = scene.hypotheses.pose.detach().clone()
    scene.normalise()
    torch.testing.assert_close(pixels(), before, atol=5e-3, rtol=0)
    vertices = scene.surface.shared().vertices.detach()
    low, high = vertices.amin(0), vertices.amax(0)
    assert float((high - low).max()) == pytest.approx(1, abs=1e-5)
    assert float((low + high).abs().max()) < 1e-5
    assert float((scene.hypotheses.log_distance.exp() - distance).detach().abs().min()) > 0.1, (
        "the subject was too large"
    )
    assert torch.equal(scene.hypotheses.pose, pose)


def test_parts_are_not_normalised() -> None:
    with pytest.raises(ValueError, match="only a united subject"):
        in_parts().normalise()


def test_a_scene_comes_back_from_its_state(scene: Scene) -> None:
    state = scene.state()
    blank = PartSurfaces(template("quadruped"), PHOTOS, level=1)
    blank.cutoff = 6.0
    other = Scene(blank, _placement(len(blank.skeleton())).select(torch.tensor([0])))
    other.restore(state)
    assert type(other.surface) is type(scene.surface)
    mesh, again = scene.surface.shared(), other.surface.shared()
    assert torch.equal(mesh.faces, again.faces)
    assert torch.equal(scene.posed(mesh), other.posed(again))
    assert torch.equal(scene.hypotheses.camera().camera_from_world(), other.hypotheses.camera().camera_from_world())
    assert {n for n, _ in other.named_parameters()} == {n for n, _ in scene.named_parameters()}
    assert all(p.requires_grad for p in other.parameters())


def test_keeping_entries_keeps_their_photos_shapes(scene: Scene) -> None:
    mesh = scene.surface.shared()
    before = scene.posed(mesh)
    scene.keep(torch.tensor([2, 0]))
    torch.testing.assert_close(scene.posed(mesh), before[[2, 0]], atol=1e-6, rtol=0)
