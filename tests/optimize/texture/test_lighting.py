"""Albedo and light told apart on bodies whose both are known."""

import pytest
import torch

from zoetrope.optimize.texture.lighting import estimate_light
from zoetrope.representations.camera import OrbitCamera
from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.rendering.photo_light import PhotoLight, light_terms
from zoetrope.representations.rendering.vertex_sampling import VertexSamples, fold_mirror_images

FLIP = torch.tensor([-1.0, 1.0, 1.0])
NORMALS, _ = icosphere(3)
TWIN = torch.cdist(NORMALS.double() * FLIP, NORMALS.double()).argmin(1)
FOLD = fold_mirror_images(TWIN)


def _ball(
    light_of: torch.Tensor, azimuths: list[float], shadow: float = 0.0
) -> tuple[VertexSamples, torch.Tensor, PhotoLight]:
    """What photos in that light show of a ball of many colours, alike on left and right; normals; the light."""
    generator = torch.Generator().manual_seed(3)
    albedo = (0.2 + 0.6 * torch.rand(len(NORMALS), 3, generator=generator))[FOLD]
    zero = torch.zeros(len(azimuths))
    camera = OrbitCamera(torch.tensor(azimuths), zero + 10, zero, zero + 4, torch.zeros(len(azimuths), 2))
    rotation = camera.rotation()
    normals = NORMALS @ rotation.transpose(1, 2)
    light = PhotoLight(light_of)
    each = torch.arange(len(azimuths)).repeat_interleave(len(NORMALS))
    colours = albedo * light.on(normals.reshape(-1, 3), each).reshape(len(azimuths), -1, 3)
    dark = torch.rand(normals.shape[:2], generator=generator) < shadow
    colours = torch.where(dark[..., None], 0.3 * colours, colours)
    return VertexSamples(colours, normals[..., 2].clamp_min(0)), rotation[:, :, 1], light


def _random_light(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    light = 0.25 * torch.randn(count, 3, 9, generator=generator)
    light[:, :, 0] -= light[:, :, 0].mean(0)
    return light


def _differences(light: PhotoLight, normals: torch.Tensor) -> torch.Tensor:
    """Log light of each photo against the mean of all at the normals that each sees."""
    return light.coefficients @ light_terms(normals).T


AZIMUTHS = [0.0, 40, 80, 120, 160, 200, 240, 280, 320]


@pytest.mark.parametrize("shadow", [0.0, 0.15])
def test_light_of_photos_from_all_round_comes_back(shadow: float) -> None:
    samples, up, true = _ball(_random_light(9), AZIMUTHS, shadow)
    normals = torch.stack([NORMALS @ r.T for r in _rotations()])
    found = estimate_light(samples, normals, up, FOLD)
    seen = NORMALS[NORMALS[:, 2] > 0.2]
    ours, theirs = _differences(found, seen), _differences(true, seen)
    # What all photos share, albedo may take up.
    error = ((ours - ours.mean(0)) - (theirs - theirs.mean(0))).abs().mean()
    spread = (theirs - theirs.mean(0)).abs().mean()
    assert float(error) < (0.35 if shadow == 0 else 0.4) * float(spread)
    assert float(found.coefficients[:, :, 0].mean(0).abs().max()) < 0.02


def test_without_evidence_light_comes_from_above() -> None:
    samples, up, _ = _ball(torch.zeros(2, 3, 9), [0.0, 90.0])
    unseen = VertexSamples(samples.feature, torch.zeros_like(samples.weight))
    normals = torch.stack([NORMALS @ r.T for r in _rotations()[:2]])
    found = estimate_light(unseen, normals, up, FOLD)
    above = found.on(up, torch.tensor([0, 1])).log()
    below = found.on(-up, torch.tensor([0, 1])).log()
    torch.testing.assert_close(above, torch.full_like(above, 0.49), atol=0.02, rtol=0)
    torch.testing.assert_close(below, -above, atol=1e-4, rtol=0)


def test_light_is_a_photos_own_and_its_exposure_too() -> None:
    """One photo twice as bright as the others, and nothing else: that is its exposure."""
    light = torch.zeros(5, 3, 9)
    light[2, :, 0] = 2**0.5
    samples, up, _ = _ball(light, [0.0, 30, 60, 300, 330])
    normals = torch.stack([NORMALS @ r.T for r in _rotations([0.0, 30, 60, 300, 330])])
    found = estimate_light(samples, normals, up, FOLD).coefficients[:, :, 0]
    torch.testing.assert_close(found[2] - found[[0, 1, 3, 4]].mean(0), torch.full((3,), 2**0.5), atol=0.1, rtol=0)


def _rotations(azimuths: list[float] = AZIMUTHS) -> torch.Tensor:
    zero = torch.zeros(len(azimuths))
    return OrbitCamera(torch.tensor(azimuths), zero + 10, zero, zero + 4, torch.zeros(len(azimuths), 2)).rotation()
