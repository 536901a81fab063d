"""Cameras, on an orbit round the subject or given as matrices, and pinhole intrinsics, from rest frame to clip space.

An orbit camera stands at `distance * (sin az cos el, sin el, cos az cos el)` from its look-at point, which is moved off
the origin in the picture plane by `offset`. With rows (right, up, back) in R the whole map is

    p_camera = R p_world - (offset_x, offset_y, distance)

in OpenGL axes: +X right, +Y up, looking along -Z. Clip w is the metric depth.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from .parallel import compiled, over
from .tensor_structure import TensorStructure


class Camera(TensorStructure, ABC):
    """B camera poses, however they are written down: what projection, shading and texturing ask of them."""

    @abstractmethod
    def rotation(self) -> Float[Tensor, "B 3 3"]:
        """Rows are the camera's right, up and back axes in the world."""

    @abstractmethod
    def translation(self) -> Float[Tensor, "B 3"]:
        """`p_camera = rotation @ p_world + translation`."""

    @abstractmethod
    def select(self, index: Tensor | slice) -> Camera:
        """The cameras at `index`."""

    @abstractmethod
    def orbit(self) -> OrbitCamera:
        """The same cameras as orbit angles, distance and offset."""

    def camera_from_world(self) -> Float[Tensor, "B 4 4"]:
        """Rigid map from world to camera coordinates."""
        rotation = self.rotation()
        upper = torch.cat([rotation, self.translation()[..., None]], dim=-1)
        last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(upper.shape[0], 1, 4)
        return torch.cat([upper, last], dim=-2)

    def world_from_camera(self) -> Float[Tensor, "B 4 4"]:
        """Camera-to-world matrices, as nerfstudio's `transform_matrix`."""
        return torch.linalg.inv(self.camera_from_world())


class OrbitCamera(Camera):
    """B camera poses. Angles in degrees, lengths in units of the rest frame."""

    azimuth_deg: Float[Tensor, " B"]
    """0 looks at the subject's front, 90 at its left."""
    elevation_deg: Float[Tensor, " B"]
    roll_deg: Float[Tensor, " B"]
    """Turn about the viewing axis, counter-clockwise camera as seen from behind it."""
    distance: Float[Tensor, " B"]
    offset: Float[Tensor, "B 2"]
    """Look-at point along the camera's right and up axes."""

    def rotation(self) -> Float[Tensor, "B 3 3"]:
        """Rows are the camera's right, up and back axes in the world."""
        azimuth, elevation, roll = (torch.deg2rad(a) for a in (self.azimuth_deg, self.elevation_deg, self.roll_deg))
        sa, ca, se, ce = azimuth.sin(), azimuth.cos(), elevation.sin(), elevation.cos()
        right = torch.stack([ca, torch.zeros_like(ca), -sa], -1)
        up = torch.stack([-sa * se, ce, -ca * se], -1)
        back = torch.stack([sa * ce, se, ca * ce], -1)
        sr, cr = roll.sin()[:, None], roll.cos()[:, None]
        return torch.stack([cr * right + sr * up, cr * up - sr * right, back], dim=-2)

    def translation(self) -> Float[Tensor, "B 3"]:
        """`p_camera = rotation @ p_world + translation`."""
        return -torch.cat([self.offset, self.distance[:, None]], dim=-1)

    def select(self, index: Tensor | slice) -> OrbitCamera:
        """The cameras at `index`."""
        return self.map(lambda value: value[index])

    def orbit(self) -> OrbitCamera:
        """These cameras."""
        return self

    @staticmethod
    def from_matrix(world_from_camera: Float[Tensor, "B 4 4"]) -> OrbitCamera:
        """Orbit angles, distance and offset of camera-to-world matrices (rotation part orthonormal)."""
        rotation = world_from_camera[:, :3, :3].transpose(1, 2)
        back = rotation[:, 2]
        elevation = torch.asin(back[:, 1].clamp(-1, 1))
        azimuth = torch.atan2(back[:, 0], back[:, 2])
        zero = torch.zeros_like(azimuth)
        offset = torch.stack([zero, zero], dim=-1)
        level = OrbitCamera(torch.rad2deg(azimuth), torch.rad2deg(elevation), zero, zero, offset).rotation()
        roll = torch.atan2((rotation[:, 0] * level[:, 1]).sum(-1), (rotation[:, 0] * level[:, 0]).sum(-1))
        centre = torch.einsum("bij,bj->bi", rotation, world_from_camera[:, :3, 3])
        return OrbitCamera(
            torch.rad2deg(azimuth), torch.rad2deg(elevation), torch.rad2deg(roll), centre[:, 2], centre[:, :2]
        )


class RigidCamera(Camera):
    """B camera poses as matrices: cameras that are known, moved into the subject's frame."""

    rotations: Float[Tensor, "B 3 3"]
    """Rows are the camera's right, up and back axes in the world; orthonormal."""
    translations: Float[Tensor, "B 3"]

    def rotation(self) -> Float[Tensor, "B 3 3"]:
        """Rows are the camera's right, up and back axes in the world."""
        return self.rotations

    def translation(self) -> Float[Tensor, "B 3"]:
        """`p_camera = rotation @ p_world + translation`."""
        return self.translations

    def select(self, index: Tensor | slice) -> RigidCamera:
        """The cameras at `index`."""
        return self.map(lambda value: value[index])

    def orbit(self) -> OrbitCamera:
        """The same cameras as orbit angles, distance and offset."""
        return OrbitCamera.from_matrix(self.world_from_camera())


class Intrinsics(TensorStructure):
    """B pinhole cameras without distortion, in pixels; pixel centres lie at half integers."""

    fx: Float[Tensor, " B"]
    fy: Float[Tensor, " B"]
    cx: Float[Tensor, " B"]
    cy: Float[Tensor, " B"]
    width: int
    height: int

    @staticmethod
    def from_field_of_view(
        field_of_view_deg: float, width: int, height: int, count: int = 1, *, device: torch.device | str = "cpu"
    ) -> Intrinsics:
        """Centred principal point; the field of view spans the longer side."""
        focal = max(width, height) / 2 / torch.tan(torch.deg2rad(torch.tensor(field_of_view_deg / 2)))
        ones = torch.ones(count, device=device)
        return Intrinsics(focal * ones, focal * ones, width / 2 * ones, height / 2 * ones, width, height)

    def clip_from_camera(self, near: float = 0.01, far: float = 100.0) -> Float[Tensor, "B 4 4"]:
        """Maps camera coordinates to OpenGL clip space; w is the depth."""
        zero, one = torch.zeros_like(self.fx), torch.ones_like(self.fx)
        rows = [
            [2 * self.fx / self.width, zero, 1 - 2 * self.cx / self.width, zero],
            [zero, 2 * self.fy / self.height, 2 * self.cy / self.height - 1, zero],
            [zero, zero, one * ((far + near) / (near - far)), one * (2 * far * near / (near - far))],
            [zero, zero, -one, zero],
        ]
        return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)

    def resized(self, width: int, height: int) -> Intrinsics:
        """The same view at another picture size."""
        x, y = width / self.width, height / self.height
        return Intrinsics(self.fx * x, self.fy * y, self.cx * x, self.cy * y, width, height)

    def select(self, index: Tensor | slice) -> Intrinsics:
        """The intrinsics at `index`."""
        return self.map(lambda value: value[index])


def to_camera(points: Float[Tensor, "B V 3"], camera: Camera) -> Float[Tensor, "B V 3"]:
    """World points in camera coordinates."""
    return points @ camera.rotation().transpose(1, 2) + camera.translation()[:, None]


def to_clip(
    points_camera: Float[Tensor, "B V 3"], intrinsics: Intrinsics, near: float = 0.01, far: float = 100.0
) -> Float[Tensor, "B V 4"]:
    """Camera points in OpenGL clip space: x/w right, y/w up, both in [-1, 1] inside the picture; w is the depth."""
    return _transform(points_camera, intrinsics.clip_from_camera(near, far))


def project(points: Float[Tensor, "B V 3"], camera: Camera, intrinsics: Intrinsics) -> Float[Tensor, "B V 4"]:
    """World points to clip space. One camera or one lens may serve all pictures."""
    return _transform(points, intrinsics.clip_from_camera() @ camera.camera_from_world())


def to_pixels(points_clip: Float[Tensor, "B V 4"], width: int, height: int) -> Float[Tensor, "B V 2"]:
    """Pixel positions (column, row), row 0 on top; points must lie in front of the camera (w > 0)."""
    if compiled(points_clip):
        return _Pixels.apply(points_clip, width / 2, height / 2)  # type: ignore[return-value]
    return to_pixels_torch(points_clip, width, height)


def to_pixels_torch(points_clip: Float[Tensor, "B V 4"], width: int, height: int) -> Float[Tensor, "B V 2"]:
    """`to_pixels` in plain torch, on any device: the reference."""
    ndc = points_clip[..., :2] / points_clip[..., 3:]
    return torch.stack([(ndc[..., 0] + 1) * (width / 2), (1 - ndc[..., 1]) * (height / 2)], dim=-1)


def transform_torch(points: Float[Tensor, "B V 3"], matrices: Float[Tensor, "#B 4 4"]) -> Float[Tensor, "B V 4"]:
    """Points, made homogeneous, through one matrix per picture, in plain torch: the reference of the compiled pass."""
    return points @ matrices[:, :, :3].transpose(1, 2) + matrices[:, None, :, 3]


def _transform(points: Float[Tensor, "B V 3"], matrices: Float[Tensor, "#B 4 4"]) -> Float[Tensor, "B V 4"]:
    if not compiled(points, matrices):
        return transform_torch(points, matrices)
    return _Transform.apply(points, matrices.expand(points.shape[0], 4, 4))  # type: ignore[return-value]


class _Transform(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, matrices: Tensor) -> Tensor:
        from . import numba_camera as kernel

        out = torch.empty((*points.shape[:2], 4), dtype=points.dtype)
        arrays = [t.detach().contiguous().numpy() for t in (points, matrices, out)]
        over(len(out), lambda start, stop: kernel.transform_forward(*arrays, start, stop))
        ctx.save_for_backward(points, matrices)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        from . import numba_camera as kernel

        points, matrices = ctx.saved_tensors
        want = ctx.needs_input_grad[0]
        grad_points = torch.empty(points.shape if want else (0, 0, 3), dtype=points.dtype)
        grad_matrices = torch.empty(matrices.shape, dtype=points.dtype)
        arrays = [t.detach().contiguous().numpy() for t in (points, matrices, grads[0], grad_points, grad_matrices)]
        over(len(grad_matrices), lambda start, stop: kernel.transform_backward(*arrays, start, stop))
        return grad_points if want else None, grad_matrices


class _Pixels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, half_width: float, half_height: float) -> Tensor:
        from . import numba_camera as kernel

        out = torch.empty((*points.shape[:2], 2), dtype=points.dtype)
        given, drawn = points.detach().contiguous().numpy(), out.numpy()
        over(len(out), lambda start, stop: kernel.pixels_forward(given, half_width, half_height, drawn, start, stop))
        ctx.save_for_backward(points)
        ctx.half = half_width, half_height
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        from . import numba_camera as kernel

        points = ctx.saved_tensors[0]
        grad_points = torch.empty(points.shape, dtype=points.dtype)
        given, grad, target = (t.detach().contiguous().numpy() for t in (points, grads[0], grad_points))
        over(len(points), lambda start, stop: kernel.pixels_backward(given, *ctx.half, grad, target, start, stop))
        return grad_points, None, None
