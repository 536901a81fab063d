"""Dual quaternion skinning: rigid where one joint moves, as round under a twist as at rest, whatever signs are."""

import math

import torch
from torch import Tensor

from zoetrope.representations.body.dual_quaternion import skin_dual
from zoetrope.representations.body.skinning import skin
from zoetrope.representations.rotation import matrix_from_quaternion, quaternion_from_vector


def maps(vectors: Tensor, shifts: Tensor) -> Tensor:
    """Rigid maps (B, J, 3, 4)."""
    return torch.cat([matrix_from_quaternion(quaternion_from_vector(vectors)), shifts[..., None]], dim=-1)


def test_one_joint_moves_what_hangs_on_it_rigidly() -> None:
    generator = torch.Generator().manual_seed(0)
    transforms = maps(torch.randn(4, 3, 3, generator=generator), torch.randn(4, 3, 3, generator=generator))
    vertices = torch.randn(30, 3, generator=generator)
    weights = torch.nn.functional.one_hot(torch.arange(30) % 3, 3).float()
    torch.testing.assert_close(
        skin_dual(vertices, weights, transforms), skin(vertices, weights, transforms), atol=2e-6, rtol=0
    )


def test_a_twisted_limb_keeps_its_radius() -> None:
    angle = torch.linspace(0, 2 * math.pi, 25)[:-1]
    along = torch.linspace(0, 1, 11)
    ring = torch.stack([angle.cos(), angle.sin()], dim=-1)
    vertices = torch.cat([along.repeat_interleave(24)[:, None], ring.repeat(11, 1)], dim=1)
    weights = torch.stack([1 - vertices[:, 0], vertices[:, 0]], dim=1)
    twist = torch.zeros(1, 2, 3)
    twist[0, 1, 0] = math.radians(170)
    transforms = maps(twist, torch.zeros(1, 2, 3))
    radius = skin_dual(vertices, weights, transforms)[0, :, 1:].norm(dim=1)
    torch.testing.assert_close(radius, torch.ones_like(radius), atol=1e-5, rtol=0)
    assert float(skin(vertices, weights, transforms)[0, :, 1:].norm(dim=1).min()) < 0.1
    # Half the weight is half the twist.
    middle = skin_dual(vertices, weights, transforms)[0, 5 * 24]
    assert abs(math.degrees(math.atan2(float(middle[2]), float(middle[1]))) - 85) < 1e-2


def test_a_common_motion_of_all_joints_is_that_motion() -> None:
    generator = torch.Generator().manual_seed(1)
    # Beyond half a turn the two joints' quaternions come out with opposite signs.
    vectors = torch.tensor([[[0.0, 3.1, 0.0], [0.0, 3.1 + 0.1, 0.0]]])
    transforms = maps(vectors, torch.tensor([[[0.3, 0.0, 0.1], [0.3, 0.0, 0.1]]]))
    vertices, weights = torch.randn(20, 3, generator=generator), torch.full((20, 2), 0.5)
    between = maps(torch.tensor([[[0.0, 3.15, 0.0]]]), torch.tensor([[[0.3, 0.0, 0.1]]]))
    expected = skin(vertices, torch.ones(20, 1), between)
    torch.testing.assert_close(skin_dual(vertices, weights, transforms), expected, atol=1e-4, rtol=0)
