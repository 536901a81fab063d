"""Photos painted onto a surface: known colours come back, hidden places take the other side's, liars are outvoted."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.texture import backproject as backprojection
from zoetrope.optimize.texture.backproject import Textures, backproject
from zoetrope.representations.atlas import Atlas, texel_positions, unwrap
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project
from zoetrope.representations.geometry.mesh import icosphere, vertex_normals
from zoetrope.representations.rendering.fragment import rasterize
from zoetrope.representations.rendering.interpolate import barycentrics, interpolate
from zoetrope.representations.rendering.photo_light import PhotoLight
from zoetrope.representations.rendering.shading import linear_from_srgb, srgb_from_linear

SIZE, RESOLUTION = 96, 96
FLIP = torch.tensor([-1.0, 1.0, 1.0])


class Body(NamedTuple):
    vertices: Tensor
    faces: Tensor
    mirror: Tensor
    atlas: Atlas
    point: Tensor
    """Place of each texel on the surface, (R, R, 3)."""
    covered: Tensor


@pytest.fixture(scope="module")
def body() -> Body:
    """An egg, mirror symmetric to the bit."""
    vertices, faces = icosphere(3)
    twin = torch.cdist(vertices.double() * FLIP, vertices.double()).argmin(1)
    vertices = 0.5 * (vertices + vertices[twin] * FLIP) * torch.tensor([0.4, 0.4, 0.5])
    atlas = unwrap(vertices, faces, resolution=RESOLUTION)
    face, weights = texel_positions(atlas.uv, atlas.uv_faces, RESOLUTION)
    point = (vertices[faces[face.clamp_min(0)]] * weights[..., None]).sum(-2)
    return Body(vertices, faces, twin, atlas, point, face >= 0)


def coat(points: Tensor) -> Tensor:
    """A smooth colour for every place, alike on left and right."""
    x, y, z = points.unbind(-1)
    return torch.stack([0.5 + 0.8 * z, 0.5 + y, 0.3 + 1.5 * x.abs()], dim=-1).clamp(0, 1)


def orbit(azimuths: list[float]) -> tuple[OrbitCamera, Intrinsics]:
    count = len(azimuths)
    zero = torch.zeros(count)
    camera = OrbitCamera(torch.tensor(azimuths), zero + 10, zero, zero + 4, torch.zeros(count, 2))
    return camera, Intrinsics.from_field_of_view(18, SIZE, SIZE, count)


def painted(
    body: Body,
    azimuths: list[float],
    colours: Tensor | None = None,
    light: PhotoLight | None = None,
    upper_half: int | None = None,
) -> Textures:
    """Textures from photos that show the coat, or per-photo vertex `colours`, before a green backdrop."""
    camera, lens = orbit(azimuths)
    posed = body.vertices.expand(len(azimuths), -1, 3)
    given = coat(body.vertices).expand(len(azimuths), -1, 3) if colours is None else colours
    clip = project(posed, camera, lens)
    fragments = rasterize(clip, body.faces, (SIZE, SIZE))
    seen = interpolate(given, body.faces, fragments, barycentrics(fragments, clip, body.faces))
    mask = (fragments.face >= 0).float()
    if upper_half is not None:
        mask[upper_half, SIZE // 2 :] = 0
    pictures = torch.where(mask[..., None] > 0, seen, torch.tensor([0.0, 1.0, 0.0]))
    return backproject(body.faces, body.mirror, body.atlas, RESOLUTION, posed, camera, lens, pictures, mask, light)


def test_colours_seen_from_all_round_come_back(body: Body) -> None:
    textures = painted(body, [0.0, 60, 120, 180, 240, 300])
    assert textures.shared.shape == (RESOLUTION, RESOLUTION, 3)
    seen = body.covered & (textures.seen > 0.1)
    assert float(seen.sum() / body.covered.sum()) > 0.8
    error = (textures.shared - coat(body.point)).abs()[seen]
    assert float(error.mean()) < 0.01
    assert float(error.max()) < 0.1
    # What no photo shows well, near the poles, goes on smoothly.
    assert float((textures.shared - coat(body.point)).abs()[body.covered].max()) < 0.25


def test_a_side_that_is_never_seen_takes_the_other_sides_colours(body: Body) -> None:
    textures = painted(body, [50.0, 90, 130])
    hidden = body.covered & (body.point[..., 0] < -0.2)
    assert int(hidden.sum()) > 100
    error = (textures.shared - coat(body.point)).abs()
    assert float(error[hidden].mean()) < 0.02
    assert float(error[hidden].max()) < 0.15
    # Nothing of the backdrop got in anywhere.
    assert float(error[body.covered].max()) < 0.3


def test_what_is_seen_nowhere_continues_what_is_near(body: Body) -> None:
    """Only the front is photographed, in one red: so all is red."""
    red = torch.tensor([0.8, 0.2, 0.1]).expand(1, len(body.vertices), 3)
    textures = painted(body, [0.0], red)
    rear = body.covered & (body.point[..., 2] < -0.2)
    assert not bool(textures.seen[rear].any())
    torch.testing.assert_close(
        textures.shared[rear], torch.tensor([0.8, 0.2, 0.1]).expand(int(rear.sum()), 3), atol=0.02, rtol=0
    )


def test_one_photo_that_differs_is_outvoted_but_keeps_its_own_texture(body: Body) -> None:
    azimuths = [70.0, 80, 90, 100, 110]
    colours = coat(body.vertices).expand(5, -1, 3).clone()
    colours[2] = 1 - colours[2]
    textures = painted(body, azimuths, colours)
    flank = body.covered & (body.point[..., 0] > 0.3)
    truth = coat(body.point)[flank]
    assert float((textures.shared[flank] - truth).abs().mean()) < 0.06
    assert float((textures.own[2][flank] - (1 - truth)).abs().mean()) < 0.1
    assert float((textures.own[1][flank] - truth).abs().mean()) < 0.02
    # Where a photo does not look it wears the shared colours.
    away = body.covered & (body.point[..., 0] < -0.2)
    torch.testing.assert_close(textures.own[2][away], textures.shared[away], atol=0.02, rtol=0)


def test_the_other_sides_evidence_is_added_without_touching_what_was_given(body: Body) -> None:
    """The left half is red and seen, the right half blue and not seen."""
    face_map, bary_map = texel_positions(body.atlas.uv, body.atlas.uv_faces, RESOLUTION)
    face, bary = face_map[body.covered], bary_map[body.covered]
    left = body.point[body.covered][:, 0] > 0
    color = torch.where(left[:, None], torch.tensor([0.8, 0.2, 0.2]), torch.tensor([0.2, 0.2, 0.8]))
    evidence = torch.where(left, 2.0, 0.0)
    before = color.clone(), evidence.clone()
    where = body.faces, face, bary, body.mirror, face_map, body.atlas, RESOLUTION
    mixed, together = backprojection._with_other_side(color, evidence, *where)
    assert torch.equal(color, before[0])
    assert torch.equal(evidence, before[1])
    # Away from the middle the right side has the left one's colour, and a share of its evidence.
    far = body.point[body.covered][:, 0].abs() > 0.05
    right = ~left & far
    torch.testing.assert_close(
        mixed[right], torch.tensor([0.8, 0.2, 0.2]).expand(int(right.sum()), 3), atol=1e-3, rtol=0
    )
    assert float(together[right].min()) > 0
    assert float(together[right].median()) == pytest.approx(0.3), "the share, but for where the atlas ends"
    torch.testing.assert_close(together[left & far], evidence[left & far], atol=1e-3, rtol=0)


def test_gutters_are_filled(body: Body) -> None:
    red = torch.tensor([0.8, 0.2, 0.1]).expand(2, len(body.vertices), 3)
    textures = painted(body, [90.0, 270.0], red)
    assert not bool(body.covered.all())
    torch.testing.assert_close(textures.shared, red[0, :1].expand(RESOLUTION, RESOLUTION, 3), atol=0.02, rtol=0)


def test_a_mesh_without_mirror_images_is_refused(body: Body) -> None:
    camera, lens = orbit([0.0])
    picture, mask = torch.zeros(1, SIZE, SIZE, 3), torch.ones(1, SIZE, SIZE)
    lopsided = body.mirror.roll(1)
    with pytest.raises(ValueError, match="not mirror symmetric"):
        backproject(body.faces, lopsided, body.atlas, RESOLUTION, body.vertices[None], camera, lens, picture, mask)


def test_photos_of_other_brightness_leave_no_seam(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two grey photos, one darker and of the upper half alone: no line shows where it ends."""
    grey = torch.full((2, len(body.vertices), 3), 0.6) * torch.tensor([1.0, 0.8])[:, None, None]

    def steepest() -> float:
        textures = painted(body, [80.0, 100.0], grey, upper_half=1)
        flank = body.covered & (body.point[..., 0] > 0.15) & (textures.seen > 0.05)
        assert 0.48 - 0.01 < float(textures.shared[flank].min()) < float(textures.shared[flank].max()) < 0.6 + 0.01
        rows = textures.shared[..., 0]
        return float((rows[:, 1:] - rows[:, :-1]).abs()[flank[:, 1:] & flank[:, :-1]].max())

    brought_together = steepest()
    monkeypatch.setattr(backprojection, "_offset", lambda difference, *_: torch.zeros_like(difference))
    assert brought_together < 0.75 * steepest()


def test_known_light_is_taken_out(body: Body) -> None:
    """Photos in light from one side, which is told: the coat comes back as it is."""
    azimuths = [0.0, 60, 120, 180, 240, 300]
    camera, _ = orbit(azimuths)
    generator = torch.Generator().manual_seed(2)
    light = PhotoLight(0.2 * torch.randn(6, 3, 9, generator=generator) - torch.tensor([0.3, *[0.0] * 8]))
    normals = vertex_normals(body.vertices, body.faces)
    lit = []
    for photo in range(6):
        factor = light.on(normals @ camera.rotation()[photo].T, torch.full((len(normals),), photo))
        lit.append(srgb_from_linear(linear_from_srgb(coat(body.vertices)) * factor))
    bare, told = painted(body, azimuths, torch.stack(lit)), painted(body, azimuths, torch.stack(lit), light)
    seen = body.covered & (told.seen > 0.1)
    error = [float((t.shared - coat(body.point)).abs()[seen].mean()) for t in (bare, told)]
    assert error[1] < 0.02 < 0.08 < error[0]
