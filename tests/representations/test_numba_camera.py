"""The compiled projection against the formulas spelled out, its gradients, and pixels against their reference."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from zoetrope.representations.camera import (
    Intrinsics,
    OrbitCamera,
    project,
    to_camera,
    to_clip,
    to_pixels,
    to_pixels_torch,
)


def lens(batch: int, dtype: torch.dtype) -> Intrinsics:
    fx, fy, cx, cy = (torch.rand(4, batch, dtype=dtype) * 20 + torch.tensor([[90], [80], [30], [25]])).to(dtype)
    return Intrinsics(fx, fy, cx, cy, 64, 48)


def orbit(batch: int, dtype: torch.dtype) -> OrbitCamera:
    angles = torch.randn(3, batch, dtype=dtype) * 40
    return OrbitCamera(*angles, torch.rand(batch, dtype=dtype) + 4, torch.randn(batch, 2, dtype=dtype) * 0.2)


def clip_spelled_out(points: Tensor, camera: OrbitCamera, i: Intrinsics, near: float, far: float) -> Tensor:
    x, y, depth = (to_camera(points, camera) * points.new_tensor([1.0, 1.0, -1.0])).unbind(-1)
    clip_x = (2 * i.fx / i.width)[:, None] * x + (2 * i.cx / i.width - 1)[:, None] * depth
    clip_y = (2 * i.fy / i.height)[:, None] * y + (1 - 2 * i.cy / i.height)[:, None] * depth
    return torch.stack([clip_x, clip_y, (depth * (far + near) - 2 * far * near) / (far - near), depth], dim=-1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_projection_is_the_camera_then_the_lens(dtype: torch.dtype, tolerance: float) -> None:
    points = torch.randn(9, 30, 3, dtype=dtype, requires_grad=True)
    camera, intrinsics = orbit(9, dtype), lens(9, dtype)
    camera.azimuth_deg.requires_grad_()
    camera.distance.requires_grad_()
    intrinsics.fx.requires_grad_()
    ours = project(points, camera, intrinsics)
    wanted = clip_spelled_out(points, camera, intrinsics, 0.01, 100.0)
    torch.testing.assert_close(ours, wanted, atol=tolerance, rtol=tolerance)
    inputs = points, camera.azimuth_deg, camera.distance, intrinsics.fx
    pull = torch.randn(ours.shape, dtype=dtype)
    for a, b in zip(torch.autograd.grad(ours, inputs, pull), torch.autograd.grad(wanted, inputs, pull), strict=True):
        torch.testing.assert_close(a, b, atol=20 * tolerance, rtol=20 * tolerance)


def test_near_and_far_planes_are_at_minus_one_and_one() -> None:
    points = torch.tensor([[[0.1, 0.2, -0.5], [0.1, 0.2, -7.0]]])
    clip = to_clip(points, Intrinsics.from_field_of_view(40, 64, 48), near=0.5, far=7.0)
    torch.testing.assert_close((clip[..., 2] / clip[..., 3]), torch.tensor([[-1.0, 1.0]]))


def test_one_camera_and_one_lens_serve_all_pictures() -> None:
    points, cameras, one = torch.randn(5, 7, 3), orbit(5, torch.float32), lens(1, torch.float32)
    many = replace(one, **{name: getattr(one, name).expand(5) for name in ("fx", "fy", "cx", "cy")})
    wanted = project(points, cameras, many)
    torch.testing.assert_close(project(points, cameras, one), wanted)
    for k in range(5):
        all_from_one = project(points, cameras.select(slice(k, k + 1)), one)
        torch.testing.assert_close(all_from_one[k], wanted[k])
    assert project(points[:0], cameras.select(slice(0, 0)), many.select(slice(0, 0))).shape == (0, 7, 4)


def test_projection_gradcheck() -> None:
    points, camera, intrinsics = (
        torch.randn(2, 4, 3, dtype=torch.float64),
        orbit(2, torch.float64),
        lens(2, torch.float64),
    )

    def run(p: Tensor, azimuth: Tensor, offset: Tensor) -> Tensor:
        return project(p, replace(camera, azimuth_deg=azimuth, offset=offset), intrinsics)

    inputs = tuple(t.requires_grad_() for t in (points, camera.azimuth_deg, camera.offset))
    assert torch.autograd.gradcheck(run, inputs)


def test_pixels_agree_with_the_reference_and_have_its_gradients() -> None:
    clip = torch.randn(6, 20, 4, dtype=torch.float64)
    clip[..., 3] = clip[..., 3].abs() + 0.5
    clip.requires_grad_()
    ours, reference = to_pixels(clip, 64, 48), to_pixels_torch(clip, 64, 48)
    torch.testing.assert_close(ours, reference)
    pull = torch.randn_like(ours)
    (a,), (b,) = torch.autograd.grad(ours, clip, pull), torch.autograd.grad(reference, clip, pull)
    torch.testing.assert_close(a, b)
    assert torch.autograd.gradcheck(lambda c: to_pixels(c, 5, 4), (clip[:2, :3].detach().requires_grad_(),))
