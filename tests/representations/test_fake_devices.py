"""Surfaces, cameras, kinematics and losses stay on their device: on PyTorch's fake CUDA tensors, without a GPU.

Fake tensors have no values, so this is about code whose way depends on none; a pretended GPU runs all the rest
(`tests/pretended_gpu.py`, `tests/optimize/test_gpu.py`).
"""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zoetrope.representations.body.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.body.skinning import skin
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import Intrinsics, OrbitCamera, RigidCamera, project, to_pixels
from zoetrope.representations.geometry.mesh import vertex_normals
from zoetrope.representations.rendering.photo_light import PhotoLight
from zoetrope.representations.rendering.shading import Light, linear_from_srgb, shade
from zoetrope.representations.rendering.silhouette import blur_pyramid_loss, outside_loss
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.representations.surfaces.united_surface import UnitedSurface

CUDA = torch.device("cuda:0")
COUNT, SIZE = 2, 8
"""Photos, and their sides in pixels."""


def parts() -> PartSurfaces:
    made = PartSurfaces(template("quadruped"), COUNT, level=1)
    made.cutoff = 3.0
    return made


def united() -> UnitedSurface:
    made = parts()
    return UnitedSurface.begin(made.shared(), made.skeleton(), made.mirror, COUNT, mode_count=8)


@pytest.fixture
def fake() -> Iterator[FakeTensorMode]:
    """Real tensors count as fake ones of the CPU in it, so that one that has been left there is found out."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode


def all_there(*tensors: Tensor) -> None:
    assert [tensor.device for tensor in tensors] == [CUDA] * len(tensors)


@pytest.mark.parametrize("make", [parts, united])
def test_surfaces_move_whole(make: type[PartSurfaces] | type[UnitedSurface]) -> None:
    surface = make()
    with FakeTensorMode(allow_non_fake_inputs=True):
        surface.to(CUDA)
        skeleton, mesh = surface.skeleton(), surface.shared()
        all_there(skeleton.joints, skeleton.tips, skeleton.limits_deg)
        all_there(mesh.vertices, mesh.faces, mesh.weights, mesh.part, mesh.reference)
        all_there(surface.instance(torch.arange(COUNT, device=CUDA)), surface.individuality(), surface.mirror)
        turns = quaternion_from_vector(torch.zeros(COUNT, len(skeleton), 3, device=CUDA))
        maps = forward_kinematics(skeleton, turns)
        all_there(maps, posed_joints(maps, skeleton.tips))
        all_there(skin(mesh.vertices, mesh.weights, maps))


def test_parts_take_another_level_there() -> None:
    surface = parts()
    with FakeTensorMode(allow_non_fake_inputs=True):
        surface.to(CUDA)
        all_there(surface.piece, surface.mirror, surface.template.radius, *surface.buffers(), *surface.parameters())


def test_cameras_and_lenses(fake: FakeTensorMode) -> None:
    one = torch.ones(COUNT, device=CUDA)
    orbit = OrbitCamera(one, one, one, 3 * one, torch.zeros(COUNT, 2, device=CUDA))
    rigid = RigidCamera(orbit.rotation(), orbit.translation())
    lens = Intrinsics.from_field_of_view(30.0, SIZE, SIZE, COUNT, device=CUDA)
    for camera in (orbit, rigid, rigid.orbit(), orbit.select(slice(0, 2))):
        all_there(camera.rotation(), camera.translation(), camera.camera_from_world(), camera.world_from_camera())
        clip = project(torch.zeros(COUNT, 5, 3, device=CUDA), camera, lens.resized(4, 4).resized(SIZE, SIZE))
        all_there(clip, to_pixels(clip, SIZE, SIZE))
    with pytest.raises(RuntimeError, match=r"found (at least )?two( different)? devices"):
        project(torch.zeros(COUNT, 5, 3), orbit, lens)


def test_shading_and_losses_of_outlines(fake: FakeTensorMode) -> None:
    faces = torch.zeros(4, 3, dtype=torch.int64, device=CUDA)
    normals = vertex_normals(torch.zeros(COUNT, SIZE**2, 3, device=CUDA), faces)
    drawn = normals.reshape(COUNT, SIZE, SIZE, 3)
    all_there(normals, shade(linear_from_srgb(drawn), drawn, Light()))
    light = PhotoLight(torch.zeros(COUNT, 3, 9, device=CUDA))
    all_there(light.on(normals.reshape(-1, 3), torch.zeros(COUNT * SIZE**2, dtype=torch.int64, device=CUDA)))
    picture, points = torch.zeros(COUNT, SIZE, SIZE, device=CUDA), torch.zeros(COUNT, 5, 2, device=CUDA)
    all_there(blur_pyramid_loss(picture, picture, picture), outside_loss(points, picture))
