"""Semantic consistency: the surface learns what photos show on it, and draws bodies to where that is seen."""

import torch
from torch import Tensor

from zoetrope.optimize.losses.semantic_loss import FeaturePixels, SurfaceFeatures, feature_pixels, semantic_loss
from zoetrope.optimize.observe.observations import View
from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.skinning import skin
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project
from zoetrope.representations.rendering import rasterize
from zoetrope.representations.rendering.interpolate import surface
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.hypotheses.free_cameras import FreeCameras

SIZE = 48
PARTS = PartSurfaces(template("quadruped"), 1, level=1)
PARTS.requires_grad_(False)
MESH = PARTS.shared()
JOINTS = len(PARTS.skeleton())
TRUE = torch.tensor([40.0, 100.0, 200.0, 300.0])
ONE_LENS = Intrinsics.from_field_of_view(25, SIZE, SIZE, len(TRUE))


def _placed(azimuth_deg: Tensor, photo: Tensor) -> FreeCameras:
    zero = torch.zeros_like(azimuth_deg)
    camera = OrbitCamera(azimuth_deg, zero + 12, zero, zero + 3, torch.zeros(len(azimuth_deg), 2))
    return FreeCameras(photo, camera, JOINTS)


def _posed(hypotheses: FreeCameras) -> Tensor:
    transforms = forward_kinematics(PARTS.skeleton(), hypotheses.rotations(torch.zeros(JOINTS, 3)))
    return skin(MESH.vertices, MESH.weights, transforms)


def _photos() -> tuple[FeaturePixels, View]:
    """Four views of the template whose features are smooth functions of the body, left and right alike, and noise."""
    hypotheses = _placed(TRUE, torch.arange(len(TRUE)))
    clip = project(_posed(hypotheses).detach(), hypotheses.camera(), ONE_LENS)
    fragments = rasterize(clip, MESH.faces, (SIZE, SIZE))
    mask = (fragments.face >= 0).float()
    x, y, z = MESH.reference.unbind(1)
    body = torch.stack([(2 * z).sin(), (2 * z).cos(), (3 * y).sin(), (3 * y).cos(), (3 * x.abs()).sin()], dim=1)
    maps = surface(body, MESH.faces, fragments, clip, MESH.faces)
    maps = 5 * torch.cat([maps, 0.1 * torch.randn(4, SIZE, SIZE, 20, generator=torch.Generator().manual_seed(0))], -1)
    empty = torch.zeros(len(TRUE), SIZE, SIZE)
    view = View(
        pixels=empty[..., None].expand(-1, -1, -1, 3),
        opponent=empty[..., None].expand(-1, -1, -1, 3),
        mask=mask,
        shown=mask,
        valid=empty + 1,
        outside=empty,
        boxes=torch.zeros(len(TRUE), 4),
        intrinsics=ONE_LENS,
    )
    return feature_pixels(maps.permute(0, 3, 1, 2), mask), view


def _learnt() -> tuple[SurfaceFeatures, FeaturePixels, View]:
    pixels, view = _photos()
    features = SurfaceFeatures.begin(MESH, pixels.maps.shape[-1])
    hypotheses = _placed(TRUE, torch.arange(len(TRUE)))
    with torch.no_grad():
        features.renew(pixels, MESH, _posed(hypotheses), hypotheses, view, torch.ones(len(TRUE)))
    return features, pixels, view


def _losses(features: SurfaceFeatures, pixels: FeaturePixels, view: View, hypotheses: FreeCameras) -> Tensor:
    # Nothing is learnt from this look but which points are visible.
    none = torch.zeros(len(hypotheses))
    with torch.no_grad():
        visible = features.renew(pixels, MESH, _posed(hypotheses), hypotheses, view, none)
    return semantic_loss(pixels, features, visible, MESH, _posed(hypotheses), hypotheses, view)


def test_features_are_scaled_by_what_photos_show() -> None:
    pixels, view = _photos()
    inside = pixels.maps[view.mask > 0.5]
    generator = torch.Generator().manual_seed(1)
    one, other = (inside[torch.randint(len(inside), (4000,), generator=generator)] for _ in range(2))
    torch.testing.assert_close((one - other).square().sum(1).mean(), torch.tensor(1.0), atol=0.05, rtol=0)
    assert bool((pixels.weight == 1).all())
    row, column = (pixels.position * SIZE).long().flip(-1).unbind(-1)
    assert bool((view.mask[torch.arange(4)[:, None], row, column] > 0.5).all())


def test_the_surface_learns_what_it_looks_like() -> None:
    features, _, _ = _learnt()
    assert float(features.seen.float().mean()) > 0.6
    # Points near each other on the body are alike, points far apart are not.
    apart = torch.cdist(features.reference, features.reference)[features.seen][:, features.seen]
    unlike = torch.cdist(features.feature, features.feature)[features.seen][:, features.seen]
    near, far = unlike[(apart > 0) & (apart < 0.2)], unlike[apart > 1.0]
    assert float(near.mean()) < 0.5 * float(far.mean())


def test_what_was_seen_fades_slowly_and_what_was_not_stays() -> None:
    features, pixels, view = _learnt()
    before, seen = features.feature.clone(), features.seen.clone()
    other = FeaturePixels(pixels.position, pixels.feature, pixels.weight, pixels.maps + 1.0)
    hypotheses = _placed(TRUE[:1], torch.tensor([0]))
    with torch.no_grad():
        features.renew(other, MESH, _posed(hypotheses), hypotheses, view, torch.ones(1))
    moved = (features.feature - before).abs().mean(1)
    assert float(moved.max()) < 0.35
    assert float(moved[seen].min()) == 0, "points on the far side keep what they had"
    assert float(moved.max()) > 0.02


def test_the_right_view_has_the_least_loss_and_draws_others_to_it() -> None:
    features, pixels, view = _learnt()
    photo = torch.arange(4).repeat_interleave(3)
    azimuth = torch.stack([TRUE, 180 - TRUE, TRUE + 180], dim=1)
    loss = _losses(features, pixels, view, _placed(azimuth.reshape(-1), photo)).detach().reshape(4, 3)
    assert loss.argmin(1).tolist() == [0] * 4
    hypotheses = _placed(torch.cat([TRUE - 15, TRUE + 15]), torch.arange(4).repeat(2))
    _losses(features, pixels, view, hypotheses).sum().backward()
    assert hypotheses.azimuth.grad is not None
    assert float(hypotheses.azimuth.grad[:4].sum()) < 0 < float(hypotheses.azimuth.grad[4:].sum())


def test_an_entry_that_shows_nothing_known_costs_nothing() -> None:
    pixels, view = _photos()
    features = SurfaceFeatures.begin(MESH, pixels.maps.shape[-1])
    hypotheses = _placed(TRUE, torch.arange(4))
    loss = _losses(features, pixels, view, hypotheses)
    loss.sum().backward()
    assert loss.tolist() == [0, 0, 0, 0]
    assert hypotheses.azimuth.grad is not None
    assert not bool(hypotheses.azimuth.grad.isnan().any())
