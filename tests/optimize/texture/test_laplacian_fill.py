"""What is known at texels goes on over the surface, and fades."""

import numpy as np
import torch

from zoetrope.optimize.texture.laplacian_fill import Membrane
from zoetrope.representations.geometry.mesh import icosphere

VERTICES, FACES = icosphere(3)


def _texels(count: int = 4000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    face = torch.randint(len(FACES), (count,), generator=generator)
    bary = torch.rand(count, 3, generator=generator)
    bary = bary / bary.sum(1, keepdim=True)
    return face, bary, (VERTICES[FACES[face]] * bary[..., None]).sum(1)


def test_known_values_are_met_and_go_on_between_them() -> None:
    face, bary, place = _texels()
    membrane = Membrane(FACES, len(VERTICES), face, bary)
    values = torch.stack([place[:, 1], torch.ones_like(place[:, 1])], 1)
    known = (place[:, 1].abs() > 0.5).float()
    found = membrane.continued(values, known, stiffness=1e-3, floor=1e-9, rest=np.zeros(2))
    torch.testing.assert_close(found[:, 1], torch.ones(len(place)), atol=1e-4, rtol=0)
    torch.testing.assert_close(found[known > 0, 0], values[known > 0, 0], atol=0.05, rtol=0)
    # Between two rims a harmonic function rises steadily; on a sphere log tan of the polar angle, here nearly straight.
    between = (known == 0) & (place[:, 1].abs() < 0.3)
    torch.testing.assert_close(found[between, 0], values[between, 0], atol=0.08, rtol=0)


def test_what_is_far_from_anything_known_rests() -> None:
    face, bary, place = _texels()
    membrane = Membrane(FACES, len(VERTICES), face, bary)
    known = (place[:, 2] > 0.8).float()
    found = membrane.continued(torch.ones(len(place), 1), known, stiffness=0.3, floor=0.3, rest=np.array([-0.5]))
    assert float(found[place[:, 2] > 0.95].min()) > 0.8
    torch.testing.assert_close(
        found[place[:, 2] < -0.5], torch.full((int((place[:, 2] < -0.5).sum()), 1), -0.5), atol=1e-3, rtol=0
    )
