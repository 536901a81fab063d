"""A sitter made of ellipsoids, whose parts, colours and places everybody can work out."""

import pytest
import torch

from zoetrope.representations.body.chart import part_index
from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.scenes.photography.sitter import Poses, Sitter

# Part, middle, half axes.
BLOBS = (
    ("trunk_middle", (0.0, 0.0, 0.0), (0.14, 0.13, 0.34)),
    ("head", (0.0, 0.16, 0.4), (0.08, 0.08, 0.1)),
    ("left_front_lower", (0.09, -0.2, 0.22), (0.035, 0.17, 0.035)),
    ("right_front_lower", (-0.09, -0.2, 0.22), (0.035, 0.17, 0.035)),
    ("left_hind_lower", (0.09, -0.2, -0.22), (0.035, 0.17, 0.035)),
    ("right_hind_lower", (-0.09, -0.2, -0.22), (0.035, 0.17, 0.035)),
)


@pytest.fixture(scope="session")
def sitter() -> Sitter:
    """The reference of a vertex is its rest place, twice as large; the left half is red, the right one blue."""
    ball, triangles = icosphere(3)
    vertices, faces, part = [], [], []
    for number, (name, middle, axes) in enumerate(BLOBS):
        vertices.append(torch.tensor(middle) + ball * torch.tensor(axes))
        faces.append(triangles + number * len(ball))
        part.append(torch.full((len(ball),), part_index(name)))
    points = torch.cat(vertices)
    texture = torch.zeros(64, 64, 3, dtype=torch.uint8)
    texture[:, :32], texture[:, 32:] = torch.tensor([40, 70, 190]), torch.tensor([200, 60, 40])
    uv = torch.stack([points[:, 0] / 0.4 + 0.5, points[:, 2] / 1.2 + 0.5], dim=1)
    corners = torch.cat(faces)
    names = ("nose", "left_front_paw", "right_front_paw")
    return Sitter(points, corners, uv, corners, texture, names, torch.cat(part), 2 * points)


@pytest.fixture(scope="session")
def poses(sitter: Sitter) -> Poses:
    """Six times nearly the same: each stands with another leg put forward."""
    count = 6
    vertices = sitter.vertices.expand(count, -1, -1).clone()
    keypoints = (
        torch.tensor([[0.0, 0.16, 0.5], [0.09, -0.36, 0.22], [-0.09, -0.36, 0.22]]).expand(count, -1, -1).clone()
    )
    for k in range(count):
        leg = sitter.part == part_index("left_front_lower" if k % 2 else "right_front_lower")
        vertices[k, leg, 2] += 0.03 * k
        keypoints[k, 1 if k % 2 else 2, 2] += 0.03 * k
    return Poses(vertices, keypoints, ("stand",) * count)
