"""Rotations as unit quaternions (w, x, y, z) and as rotation vectors (axis times angle, radians)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def quaternion_from_vector(vector: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 4"]:
    """Exponential map: the rotation about `vector` by its length in radians; smooth at zero.

    >>> quaternion_from_vector(torch.zeros(3)).tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    squared = (vector * vector).sum(-1, keepdim=True)
    small = squared < 1e-6
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    half = 0.5 * angle
    # Taylor series near zero: sin(a/2)/a = 1/2 - a^2/48, cos(a/2) = 1 - a^2/8.
    scale = torch.where(small, 0.5 - squared / 48, half.sin() / angle)
    cosine = torch.where(small, 1 - squared / 8, half.cos())
    return torch.cat([cosine, vector * scale], dim=-1)


def vector_from_quaternion(quaternion: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 3"]:
    """Logarithm: the rotation vector of a unit quaternion, length in [0, pi]."""
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, xyz = quaternion[..., :1], quaternion[..., 1:]
    sine = xyz.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, w)
    return xyz * torch.where(sine < 1e-6, torch.full_like(sine, 2.0), angle / sine.clamp_min(1e-12))


def multiply(a: Float[Tensor, "*B 4"], b: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 4"]:
    """Hamilton product: rotating by the result is rotating by `b` first, then by `a`."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        dim=-1,
    )


def conjugate(quaternion: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 4"]:
    """The inverse rotation of a unit quaternion."""
    return quaternion * quaternion.new_tensor([1.0, -1.0, -1.0, -1.0])


def matrix_from_quaternion(quaternion: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation matrix of a unit quaternion: column vectors are rotated by `matrix @ v`."""
    w, x, y, z = quaternion.unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).reshape(*quaternion.shape[:-1], 3, 3)


def quaternion_from_matrix(matrix: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 4"]:
    """Unit quaternion with w >= 0 of a rotation matrix (Shepperd's method: the largest component first)."""
    m = matrix
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = torch.stack([1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22], -1)
    zy, xz, yx = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, zx, yz = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    candidates = torch.stack(
        [
            torch.stack([squares[..., 0], zy, xz, yx], -1),
            torch.stack([zy, squares[..., 1], xy, zx], -1),
            torch.stack([xz, xy, squares[..., 2], yz], -1),
            torch.stack([yx, zx, yz, squares[..., 3]], -1),
        ],
        dim=-2,
    )
    best = squares.argmax(dim=-1)[..., None, None].expand(*squares.shape[:-1], 1, 4)
    quaternion = torch.nn.functional.normalize(candidates.gather(-2, best).squeeze(-2), dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def rotate(quaternion: Float[Tensor, "*B 4"], points: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
    """Points turned by unit quaternions; leading dimensions broadcast."""
    w, axis = quaternion[..., :1], quaternion[..., 1:]
    axis, points = torch.broadcast_tensors(axis, points)
    twist = 2 * torch.linalg.cross(axis, points)
    return points + w * twist + torch.linalg.cross(axis, twist)


def shortest(start: Float[Tensor, "*T 3"], end: Float[Tensor, "*T 3"]) -> Float[Tensor, "*T 4"]:
    """The least rotation from one direction to another; none where one of them has no length.

    >>> [round(float(part), 3) for part in shortest(torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 3, 0]))]
    [0.707, 0.0, 0.0, 0.707]
    """
    start, end = torch.broadcast_tensors(start, end)
    cross = torch.linalg.cross(start, end)
    scale = start.norm(dim=-1) * end.norm(dim=-1)
    real = scale + (start * end).sum(-1)
    # Opposite directions leave the axis open: any that is square to them.
    aside = torch.nn.functional.one_hot(start.abs().argmin(dim=-1), 3).to(start)
    opposite = torch.nn.functional.pad(torch.linalg.cross(start, aside), (1, 0))
    found = torch.where((real > 1e-9 * scale)[..., None], torch.cat([real[..., None], cross], dim=-1), opposite)
    none = found.new_tensor([1.0, 0, 0, 0]).expand_as(found)
    return torch.nn.functional.normalize(torch.where((scale > 0)[..., None], found, none), dim=-1)


def slerp(a: Float[Tensor, "*B 4"], b: Float[Tensor, "*B 4"], t: float | Tensor) -> Float[Tensor, "*B 4"]:
    """Spherical interpolation along the shorter arc: `a` at t = 0, `b` at t = 1."""
    step = vector_from_quaternion(multiply(conjugate(a), b))
    return multiply(a, quaternion_from_vector(step * t))
