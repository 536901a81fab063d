"""The reference body: one place for each address, mirror images at the sides, poles on the bones."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from zoetrope.representations.body.chart import PARTS, VERSION, bone_frame, part_index, reference_point

GOLDEN = [0.0000000, -0.1752941, 0.2841176, -0.0081569, -0.2408888, -0.1318297]
"""Means over a grid on all parts, plain and weighted by the position in it."""
FLIP = torch.tensor([-1.0, 1.0, 1.0])
SIDES = ("left", "right")


def grid(part: str, rings: int = 9, turns: int = 12) -> Tensor:
    """Points of one part, (rings, turns, 3), poles included."""
    s = torch.linspace(0, 1, rings).repeat_interleave(turns)
    theta = (torch.arange(turns) * (2 * math.pi / turns)).repeat(rings)
    return reference_point(torch.full((rings * turns,), part_index(part)), s, theta).reshape(rings, turns, 3)


CHAINS = [
    ("trunk_rear", "trunk_middle", "trunk_front", "neck", "head", "muzzle"),
    ("tail_1", "tail_2", "tail_3"),
    *(tuple(f"{side}_front_{name}" for name in ("girdle", "upper", "lower", "cannon", "foot")) for side in SIDES),
    *(tuple(f"{side}_hind_{name}" for name in ("upper", "lower", "cannon", "foot")) for side in SIDES),
]


def test_parts_go_on_in_the_next_and_free_ends_close() -> None:
    ends = {}
    for part in PARTS:
        points = grid(part)
        axis = points.mean(1)
        # Ring centres lie on the straight bone, evenly.
        share = torch.linspace(0, 1, len(axis))[:, None]
        torch.testing.assert_close(axis, axis[0] + share * (axis[-1] - axis[0]), atol=1e-5, rtol=0)
        radius = (points - axis[:, None]).norm(dim=-1)
        torch.testing.assert_close(radius, radius[:, :1].expand_as(radius), atol=1e-5, rtol=0)
        ends[part] = (axis[0], axis[-1], float(radius[0, 0]), float(radius[-1, 0]))
    for chain in CHAINS:
        for before, after in itertools.pairwise(chain):
            torch.testing.assert_close(ends[before][1], ends[after][0], atol=1e-5, rtol=0)
            assert ends[before][3] == pytest.approx(ends[after][2], abs=1e-5), f"{before} and {after} share no ring"
            assert ends[before][3] > 0.03
        assert ends[chain[-1]][3] == pytest.approx(0, abs=1e-5)
    assert ends["trunk_rear"][2] == pytest.approx(0, abs=1e-5)


def test_right_parts_mirror_left_ones() -> None:
    lefts = [name for name in PARTS if name.startswith("left_")]
    assert len(lefts) == 12
    for name in lefts:
        torch.testing.assert_close(grid(name.replace("left", "right")), grid(name) * FLIP, atol=1e-6, rtol=0)
        assert float(grid(name)[..., 0].mean()) > 0


def test_middle_parts_are_symmetric_in_theta() -> None:
    for name in PARTS:
        if not name.startswith(("left_", "right_")):
            points = grid(name)
            turned = points[:, (-torch.arange(points.shape[1])) % points.shape[1]]
            torch.testing.assert_close(points * FLIP, turned, atol=1e-6, rtol=0)


def test_different_addresses_on_a_part_lie_apart() -> None:
    for name in PARTS:
        points = grid(name)[1:-1].reshape(-1, 3)
        apart = torch.cdist(points.double(), points.double()) + torch.eye(len(points))
        assert float(apart.min()) > 0.01, name


def test_parts_that_are_easily_confused_lie_far_apart() -> None:
    def gap(a: str, b: str) -> float:
        return float(torch.cdist(grid(a).reshape(-1, 3), grid(b).reshape(-1, 3)).min())

    for name in (part[5:] for part in PARTS if part.startswith("left_") and not part.endswith("girdle")):
        least = 0.2 if name.endswith("upper") else 0.6
        if name in ("ear", "eye", "horn"):
            least = {"ear": 0.15, "eye": 0.2, "horn": 0.1}[name]
        assert gap(f"left_{name}", f"right_{name}") > least, name
    for low in ("lower", "cannon", "foot"):
        assert gap(f"left_front_{low}", f"left_hind_{low}") > 0.5
    assert gap("tail_3", "muzzle") > 2
    assert gap("left_ear", "left_front_foot") > 1


def test_s_is_clamped_and_theta_is_periodic() -> None:
    part = torch.tensor([3, 3])
    s, theta = torch.tensor([-0.5, 1.7]), torch.tensor([0.3, 0.4])
    torch.testing.assert_close(reference_point(part, s, theta), reference_point(part, s.clamp(0, 1), theta))
    s = torch.tensor([0.3, 0.6])
    torch.testing.assert_close(
        reference_point(part, s, theta + 2 * math.pi), reference_point(part, s, theta), atol=1e-6, rtol=0
    )


def test_bone_frames_are_right_handed_about_the_bone() -> None:
    directions = torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    directions[:3] = torch.eye(3, dtype=torch.float64)
    frames = bone_frame(directions)
    one = torch.eye(3, dtype=torch.float64).expand(200, 3, 3)
    torch.testing.assert_close(frames.transpose(1, 2) @ frames, one)
    torch.testing.assert_close(torch.linalg.det(frames), torch.ones(200, dtype=torch.float64))
    torch.testing.assert_close(frames[..., 1], torch.nn.functional.normalize(directions, dim=1))
    sagittal = directions * torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    keep = sagittal.norm(dim=1) > 0.1
    x = bone_frame(sagittal[keep])[..., 0]
    assert bool((x == torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)).all())


def test_unknown_parts_are_named() -> None:
    assert len(set(PARTS)) == len(PARTS) == 34
    with pytest.raises(KeyError, match="no body part 'wing'; there are trunk_rear"):
        part_index("wing")


def test_the_chart_changes_only_with_its_version() -> None:
    """Weights trained on a chart know its version alone: whoever moves a point must raise it and renew this list."""
    points = torch.stack([grid(name, rings=5, turns=8) for name in PARTS]).double()
    probe = torch.linspace(-1, 1, points.numel(), dtype=torch.float64).reshape(points.shape)
    found = [*points.mean((0, 1, 2)).tolist(), *(points * probe).mean((0, 1, 2)).tolist()]
    assert VERSION == 2
    assert found == pytest.approx(GOLDEN, abs=1e-6)
