"""Canonical maps: pixels find their points on the mesh, and the right view beats those it is mistaken for."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.losses.canonical_loss import canonical_loss
from zoetrope.optimize.losses.canonical_matches import (
    GROUPS,
    CanonicalMatches,
    CanonicalPixels,
    choose_pixels,
    match_to_mesh,
)
from zoetrope.priors.canonical import CanonicalMaps
from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project, to_pixels
from zoetrope.representations.rendering import rasterize
from zoetrope.representations.rendering.interpolate import surface
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.hypotheses.free_cameras import FreeCameras

SIZE = 64
REACH = 0.06
PARTS = PartSurfaces(template("quadruped"), 1, level=2)
PARTS.requires_grad_(False)
MESH = PARTS.shared()
JOINTS = len(PARTS.skeleton())


def lens(count: int = 1) -> Intrinsics:
    return Intrinsics.from_field_of_view(25, SIZE, SIZE, count)


def placed(azimuth_deg: Tensor, photo: Tensor | None = None, offset: Tensor | None = None) -> FreeCameras:
    zero = torch.zeros_like(azimuth_deg)
    offset = torch.zeros(len(azimuth_deg), 2) if offset is None else offset
    camera = OrbitCamera(azimuth_deg, zero + 12, zero, zero + 3, offset)
    photo = torch.zeros(len(azimuth_deg), dtype=torch.int64) if photo is None else photo
    return FreeCameras(photo, camera, JOINTS)


def true_maps(azimuth_deg: float) -> CanonicalMaps:
    """What a perfect network says of the unposed template seen from `azimuth_deg`."""
    clip = project(MESH.vertices.detach()[None], placed(torch.tensor([azimuth_deg])).camera(), lens())
    fragments = rasterize(clip, MESH.faces, (SIZE, SIZE))
    shown = (fragments.face >= 0).float()
    # The part is the nearest face's; coordinates are interpolated within it.
    canonical_xyz = surface(MESH.reference, MESH.faces, fragments, clip, MESH.faces)
    part = MESH.part[MESH.faces[fragments.face.clamp_min(0).long(), 0]]
    side = torch.where(canonical_xyz[..., 0].abs() < 0.02, 0.5, torch.where(canonical_xyz[..., 0] > 0, 0.98, 0.02))
    return CanonicalMaps(
        foreground=shown,
        amodal=shown,
        part=torch.nn.functional.one_hot(part).permute(0, 3, 1, 2).float(),
        left=side,
        canonical_xyz=canonical_xyz
        * torch.tensor([1.0, 1.0, 1.0])
        * torch.where(canonical_xyz < 0, torch.tensor([-1.0, 1.0, 1.0]), 1.0),
        spread=torch.full_like(shown, 0.01),
        descriptor=canonical_xyz.permute(0, 3, 1, 2),
        view=torch.full((1, 36, 1), 1 / 36),
        plan=torch.ones(1, 1),
        species=torch.ones(1, 1),
    )


def clues_of(azimuth_deg: float) -> CanonicalPixels:
    maps = true_maps(azimuth_deg)
    return choose_pixels(maps, maps.foreground)


@lru_cache
def matched(pixels: CanonicalPixels) -> CanonicalMatches:
    return match_to_mesh(pixels, MESH)


def losses(pixels: CanonicalPixels, hypotheses: FreeCameras) -> Tensor:
    transforms = forward_kinematics(PARTS.skeleton(), hypotheses.rotations(torch.zeros(JOINTS, 3)))
    return canonical_loss(pixels, matched(pixels), MESH, transforms, hypotheses, lens(), REACH)


def test_pixels_find_the_points_that_they_show() -> None:
    pixels = clues_of(60.0)
    matches = match_to_mesh(pixels, MESH)
    vertices = MESH.vertices.detach()
    points = (vertices[matches.corner] * matches.share[..., None]).sum(2)
    seen = to_pixels(project(points, placed(torch.tensor([60.0])).camera(), lens()), SIZE, SIZE).detach() / SIZE
    count = pixels.pixel.shape[1]
    off = torch.stack([(seen[:, :count] - pixels.pixel).norm(dim=-1), (seen[:, count:] - pixels.pixel).norm(dim=-1)])
    # Nearly all flank pixels are the left one's at this view; half a pixel is 0.008.
    assert float(off.amin(0).quantile(0.8)) < 0.015
    sided = pixels.left != 0.5
    chosen = torch.where(pixels.left > 0.5, off[0], off[1])[sided]
    assert float(chosen.quantile(0.8)) < 0.015
    torch.testing.assert_close(matches.skin.sum(-1), torch.ones_like(matches.skin[..., 0]))
    # Where they are seen, mirrored or not, is one and the same place on the other side.
    mirrored = points[:, count:] * torch.tensor([-1.0, 1.0, 1.0])
    assert float((points[:, :count] - mirrored).norm(dim=-1).median()) < 0.01


def test_small_parts_get_pixels_and_every_pixel_is_the_subjects() -> None:
    maps = true_maps(60.0)
    half = maps.foreground.clone()
    half[:, :, : SIZE // 2] = 0
    pixels = choose_pixels(maps, half, count=80)
    assert pixels.pixel.shape == (1, 80, 2)
    assert float(pixels.pixel[..., 0].min()) > 0.5
    row, column = (pixels.pixel[0, :, [1, 0]] * SIZE).long().unbind(1)
    label = maps.part[0].argmax(0)
    present, area = label[half[0] > 0.5].unique(return_counts=True)
    taken = torch.bincount(label[row, column], minlength=int(present.max()) + 1)[present]
    share, fair = taken / 80, area / area.sum()
    assert bool((share[fair < 0.05] >= fair[fair < 0.05]).all())
    assert len({(int(r), int(c)) for r, c in zip(row, column, strict=True)}) == 80
    assert torch.equal(choose_pixels(maps, half, count=80).pixel, pixels.pixel)


def test_a_photo_without_foreground_says_nothing() -> None:
    maps = true_maps(60.0)
    pixels = choose_pixels(maps, 0 * maps.foreground)
    assert float(pixels.weight.sum()) == 0
    hypotheses = placed(torch.tensor([60.0, 240.0]))
    loss = losses(pixels, hypotheses)
    loss.sum().backward()
    assert loss.tolist() == [0, 0]
    assert torch.equal(hypotheses.azimuth.grad, torch.zeros(2))


@pytest.mark.parametrize("azimuth", [20.0, 60.0, 90.0, 150.0, 250.0])
def test_the_right_view_beats_those_it_is_mistaken_for(azimuth: float) -> None:
    rivals = torch.tensor([azimuth, 180 - azimuth, azimuth + 180, -azimuth])
    apart = ((rivals - azimuth + 180) % 360 - 180).abs()
    loss = losses(clues_of(azimuth), placed(rivals)).detach()
    assert float(loss[0]) < 0.1
    assert bool((loss[apart > 30] > loss[0] + 0.08).all()), loss


def test_it_draws_camera_and_joints_home() -> None:
    pixels = clues_of(60.0)
    hypotheses = placed(torch.tensor([45.0, 75.0, 60.0, 60.0]), offset=torch.tensor([[0, 0], [0, 0], [0.1, 0], [0, 0]]))
    with torch.no_grad():
        elbow = PARTS.skeleton().names.index("left_elbow")
        hypotheses.pose[3, elbow, 0] = 0.5
    before = losses(pixels, hypotheses)
    before.sum().backward()
    assert float(hypotheses.azimuth.grad[0]) < 0 < float(hypotheses.azimuth.grad[1])
    assert float(hypotheses.offset.grad[2, 0]) > 0
    assert float(hypotheses.pose.grad[3, elbow, 0]) > 0
    camera = [hypotheses.azimuth, hypotheses.offset]
    optimizer = torch.optim.Adam([*camera, hypotheses.pose], lr=0.01)
    for step in range(70):
        optimizer.zero_grad()
        losses(pixels, hypotheses).sum().backward()
        if step < 40:
            # Bodies do not bend before cameras have come near.
            hypotheses.pose.grad.zero_()
        optimizer.step()
    after = losses(pixels, hypotheses).detach()
    assert bool((after < 0.7 * before.detach()).all()), (before, after)
    assert float((torch.rad2deg(hypotheses.azimuth.detach()) - 60).abs().max()) < 3
    assert abs(float(hypotheses.pose[3, elbow, 0].detach())) < 0.4


def test_sides_that_are_exchanged_together_cost_a_fixed_price() -> None:
    pixels = clues_of(60.0)
    hypotheses = placed(torch.tensor([60.0, 300.0]))
    said = losses(pixels, hypotheses).detach()
    wrong = losses(replace(pixels, left=1 - pixels.left), hypotheses).detach()
    # At the truth sides are exchanged back; the mirror image of the view is not better than the truth by much.
    assert float(wrong[0]) < float(said[0]) + 0.16
    assert float(wrong[0]) > float(said[0])
    # Hindlimbs alone: their share of the price alone.
    hind = pixels.group == GROUPS.index("hindlimbs")
    assert 0.05 < float(hind.float().mean()) < 0.5
    mixed = losses(replace(pixels, left=torch.where(hind, 1 - pixels.left, pixels.left)), hypotheses).detach()
    assert float(said[0]) < float(mixed[0]) < float(wrong[0])


def test_garbage_costs_no_more_than_its_share_and_moves_nothing() -> None:
    pixels = clues_of(60.0)
    count = pixels.pixel.shape[1]
    bad = torch.arange(count) % 5 == 0
    noise = torch.rand(1, count, 3, generator=torch.Generator().manual_seed(0))
    spoilt = replace(pixels, canonical_xyz=torch.where(bad[None, :, None], noise, pixels.canonical_xyz))
    azimuth = torch.tensor([50.0, 55.0, 60.0, 65.0, 70.0])
    clean, dirty = losses(pixels, placed(azimuth)).detach(), losses(spoilt, placed(azimuth)).detach()
    assert int(dirty.argmin()) == int(clean.argmin()) == 2
    assert float(dirty[2] - clean[2]) < 0.2 * 1.01


def test_pixels_that_the_maps_doubt_weigh_less() -> None:
    maps = true_maps(60.0)
    sure = choose_pixels(maps, maps.foreground)
    doubted = choose_pixels(replace(maps, spread=torch.full_like(maps.spread, 0.3)), maps.foreground)
    assert float(doubted.weight.sum()) < 0.2 * float(sure.weight.sum())
    # A place that the template does not have, the tip of an elephant's trunk.
    far = replace(sure, canonical_xyz=sure.canonical_xyz * 0 + torch.tensor([0.0, -0.65, 1.75]))
    assert float(match_to_mesh(far, MESH).weight.sum()) < 0.2 * float(sure.weight.sum())
