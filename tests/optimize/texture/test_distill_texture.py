"""A texture follows a prior where photos say nothing, stays where they do, and views come from everywhere."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.texture.distill_texture import DistilConfig, distil_texture
from zoetrope.optimize.texture.distillation_rule import Pull
from zoetrope.optimize.texture.exploration import Exploration, ExplorationConfig, draw_views, explore
from zoetrope.priors.distillation.target import Target
from zoetrope.representations.atlas import Atlas, texel_positions, unwrap
from zoetrope.representations.body.skeleton import Skeleton
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import project, to_pixels
from zoetrope.representations.geometry.mesh import SkinnedMesh
from zoetrope.representations.geometry.unite import unite
from zoetrope.representations.rendering.render import Material
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.representations.surfaces.part_surface import PartSurfaces

SIZE = 64


def same(found: Tensor) -> Tensor:
    return found


@pytest.fixture(scope="module")
def body() -> tuple[SkinnedMesh, Skeleton, Atlas]:
    parts = PartSurfaces(template("quadruped"), 1, level=2)
    with torch.no_grad():
        mesh = unite(parts.shared(), parts.piece, target_faces=1200, symmetric=True).mesh
    atlas = unwrap(mesh.vertices, mesh.faces, resolution=SIZE)
    return SkinnedMesh(**{**vars(mesh), "uv": atlas.uv, "uv_faces": atlas.uv_faces}), parts.skeleton(), atlas


def poses(skeleton: Skeleton, count: int) -> Tensor:
    turns = 0.2 * torch.randn(count, len(skeleton), 3, generator=torch.Generator().manual_seed(0))
    turns[:, 0] = 0
    return quaternion_from_vector(turns)


def towards(truth: Tensor) -> Callable[[Tensor, Exploration, float], Pull]:
    """A rule that knows the true texture."""

    def rule(pictures: Tensor, views: Exploration, _: float) -> Pull:
        paint = Material(texture=truth, uv=views.mesh.uv, uv_faces=views.mesh.uv_faces)
        target = Target(views.pictures(paint), torch.ones(len(pictures)))
        return Pull(target, same, same)

    return rule


def test_unseen_texels_follow_and_seen_ones_stay(body: tuple[SkinnedMesh, Skeleton, Atlas]) -> None:
    mesh, skeleton, atlas = body
    covered = texel_positions(atlas.uv, atlas.uv_faces, SIZE)[0] >= 0
    truth, start = torch.zeros(2, SIZE, SIZE, 3).unbind()
    truth[..., 0], start[...] = 0.8, 0.5
    seen = torch.zeros(SIZE, SIZE)
    seen[:, : SIZE // 2] = 50.0
    # What is seen and what is not are neighbours everywhere here.
    config = DistilConfig(rounds=40, steps=3, rate=0.1, hold=30.0, smooth=0.0, exploration=ExplorationConfig(size=64))
    results = list(
        distil_texture(
            mesh, skeleton, poses(skeleton, 3), start, seen, towards(truth), config, torch.Generator().manual_seed(0)
        )
    )  # fmt: skip
    assert [one.number for one in results] == list(range(40))
    assert results[-1].pull < results[0].pull
    after = results[-1].texture
    held, free = covered & (seen > 0), covered & (seen == 0)
    assert float((after - start)[held].abs().mean()) < 0.1
    # Undersides are hardly seen from the band of elevations.
    assert float((after - truth)[free].abs().median()) < 0.1
    assert torch.equal(start, torch.full((SIZE, SIZE, 3), 0.5)), "what was given is left as it is"


def test_views_are_drawn_all_round_within_the_frame_and_between_poses(
    body: tuple[SkinnedMesh, Skeleton, Atlas],
) -> None:
    mesh, skeleton, _ = body
    config = ExplorationConfig(size=48, elevation_deg=(-5.0, 30.0))

    def views_of(pose_count: int, count: int, seed: int) -> Exploration:
        drawn = draw_views(pose_count, count, config, torch.Generator().manual_seed(seed))
        return explore(drawn, mesh, skeleton, poses(skeleton, pose_count), config)

    views = views_of(4, 40, 1)
    quarters = torch.bincount((views.camera.azimuth_deg // 90).long(), minlength=4)
    assert int(quarters.min()) >= 4
    assert float(views.camera.elevation_deg.min()) >= -5
    assert float(views.camera.elevation_deg.max()) <= 30
    pictures = views.pictures(Material(colors=torch.zeros(len(mesh.vertices), 3))).detach()
    rim = torch.cat([pictures[:, :, 0], pictures[:, :, -1], pictures[:, :, :, 0], pictures[:, :, :, -1]], dim=2)
    background = torch.tensor(views.look.background)[None, :, None]
    torch.testing.assert_close(rim, background.expand_as(rim), atol=1e-5, rtol=0)
    assert float((pictures - background[..., None]).abs().amax((1, 2, 3)).min()) > 0.05, "something is in every picture"
    seen = to_pixels(project(views.vertices, views.camera, views.intrinsics), config.size, config.size).detach()
    largest = (seen.amax(1) - seen.amin(1)).amax(1) / config.size
    assert float(largest.min()) > 0.84, "each one fills its picture, though some are seen from the side and some end on"
    assert float(largest.max()) <= 1 - 2 * config.margin + 1e-3
    alone = views_of(1, 3, 1)
    torch.testing.assert_close(alone.vertices[0], alone.vertices[1])
    again = views_of(4, 40, 1)
    assert torch.equal(again.vertices, views.vertices)
    other = views_of(4, 40, 2)
    assert other.look.background != views.look.background
    assert other.look.light != views.look.light


def test_views_know_what_the_texture_knows(body: tuple[SkinnedMesh, Skeleton, Atlas]) -> None:
    mesh, skeleton, _ = body
    config = ExplorationConfig(size=48)
    drawn = draw_views(2, 4, config, torch.Generator().manual_seed(0))
    views = explore(drawn, mesh, skeleton, poses(skeleton, 2), config)
    assert views.unknown is None
    shares = [0.0, 0.25, 1.0]
    seen = [
        views.knowing(Material(texture=torch.full((SIZE, SIZE, 3), share), uv=mesh.uv, uv_faces=mesh.uv_faces)).unknown
        for share in shares
    ]
    covered = torch.stack([one for one in seen if one is not None])
    assert len(covered) == len(shares)
    body_pixels = covered[0] > 0.999
    assert 0.05 < float(body_pixels.float().mean()) < 0.9
    for unknown, share in zip(covered, shares, strict=True):
        torch.testing.assert_close(
            unknown[body_pixels], torch.full_like(unknown[body_pixels], 1 - share), atol=1e-3, rtol=0
        )
    assert float(covered[0, :, 0].max()) < 1e-6, "the background is known"


def test_a_target_that_is_not_finite_stops_with_the_round(body: tuple[SkinnedMesh, Skeleton, Atlas]) -> None:
    mesh, skeleton, _ = body

    def broken(pictures: Tensor, _: Exploration, done: float) -> Pull:
        value = pictures.clone()
        value[0, 0, 0, 0] = torch.nan if done > 0 else 0.5
        target = Target(value, torch.ones(len(pictures)))
        return Pull(target, same, same)

    config = DistilConfig(rounds=4, steps=1, exploration=ExplorationConfig(size=32))
    grey = torch.full((SIZE, SIZE, 3), 0.5)
    rounds = distil_texture(
        mesh, skeleton, poses(skeleton, 2), grey, torch.zeros(SIZE, SIZE), broken, config, torch.Generator()
    )
    next(rounds)
    with pytest.raises(FloatingPointError, match=r"round 1: 1 of \d+ values of a target are not finite"):
        next(rounds)


def test_a_texture_needs_coordinates(body: tuple[SkinnedMesh, Skeleton, Atlas]) -> None:
    mesh, skeleton, _ = body
    bare = SkinnedMesh(**{**vars(mesh), "uv": None, "uv_faces": None})
    grey, none = torch.full((SIZE, SIZE, 3), 0.5), torch.zeros(SIZE, SIZE)
    rounds = distil_texture(
        bare, skeleton, poses(skeleton, 2), grey, none, towards(grey), DistilConfig(), torch.Generator()
    )
    with pytest.raises(ValueError, match="unwrap the mesh first"):
        next(rounds)


def test_what_a_rule_makes_up_from_step_to_step_is_smoothed(body: tuple[SkinnedMesh, Skeleton, Atlas]) -> None:
    mesh, skeleton, _ = body
    grey, none = torch.full((SIZE, SIZE, 3), 0.5), torch.zeros(SIZE, SIZE)

    def restless(pictures: Tensor, _: Exploration, done: float) -> Pull:
        noise = torch.rand(pictures.shape, generator=torch.Generator().manual_seed(int(1e6 * done)))
        return Pull(Target(noise, torch.ones(len(pictures))), same, same)

    def change(smooth: float) -> Tensor:
        config = DistilConfig(rounds=10, steps=2, smooth=smooth, exploration=ExplorationConfig(size=48))
        generator = torch.Generator().manual_seed(0)
        *_, last = distil_texture(mesh, skeleton, poses(skeleton, 2), grey, none, restless, config, generator)
        return last.texture - grey

    rough, smooth = change(0.0), change(1.0)
    assert float(smooth.std()) < 0.6 * float(rough.std())


def test_finer_pictures_are_followed_more_finely(body: tuple[SkinnedMesh, Skeleton, Atlas]) -> None:
    """A stripe that is narrower than the mesh's faces comes through where pictures show it."""
    mesh, skeleton, atlas = body
    face, bary = texel_positions(atlas.uv, atlas.uv_faces, 256)
    covered = face >= 0
    height = (mesh.vertices[mesh.faces[face.clamp(min=0)]] * bary[..., None]).sum(2)[..., 1]
    truth = (0.5 + 0.4 * torch.sin(220 * height))[..., None].expand(-1, -1, 3)
    start, seen, left = torch.full((256, 256, 3), 0.5), torch.zeros(256, 256), []
    for size in (48, 160):
        config = DistilConfig(rounds=12, steps=4, rate=0.08, exploration=ExplorationConfig(size=size))
        *_, last = distil_texture(
            mesh, skeleton, poses(skeleton, 2), start, seen, towards(truth), config, torch.Generator().manual_seed(0)
        )
        left.append(float((last.texture - truth)[covered].square().mean()))
    before = float((start - truth)[covered].square().mean())
    assert left[0] > 0.8 * before
    assert left[1] < 0.65 * before
