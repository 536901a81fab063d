"""The passes of a video, each against what it says it shows."""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from zoetrope.representations.body.chart import PARTS, part_index, reference_point
from zoetrope.representations.body.skeleton import Skeleton
from zoetrope.representations.camera import project, to_pixels
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.rendering.shading import linear_from_srgb, srgb_from_linear
from zoetrope.scenes.preview.animation import Animation, AnimationConfig
from zoetrope.scenes.preview.bones import LEFT, MIDDLE, RIGHT, draw_bones
from zoetrope.scenes.preview.part_colour import PART_COLOURS, part_colours
from zoetrope.scenes.preview.pass_name import Pass
from zoetrope.scenes.preview.passes import _bones, draw_passes, reference_colours
from zoetrope.scenes.preview.studio import Studio

PLAIN = Studio(supersampling=1)
ONE = AnimationConfig(size=64, frames=1, studio=PLAIN)
PASSES = get_args(Pass)


def _three_bones() -> Skeleton:
    """A root in the middle with a bone on either side."""
    joints = torch.tensor([[0.0, 0, 0], [0.2, 0, 0], [-0.2, 0, 0]])
    tips = torch.tensor([[0.0, 0.5, 0], [0.5, 0, 0], [-0.5, 0, 0]])
    limits = torch.zeros(3, 3, 2)
    return Skeleton(("a", "b", "c"), (-1, 0, 0), joints, tips, (0, 2, 1), limits, ("neck",) * 3, "quadruped")


def _mesh(vertices, faces, part=None, reference=None):
    part = torch.zeros(len(vertices), dtype=torch.int64) if part is None else part
    weights = torch.zeros(len(vertices), 3)
    weights[:, 0] = 1
    return SkinnedMesh(vertices, faces, weights, part, vertices if reference is None else reference)


def _animation(mesh, **changes):
    return Animation.of(mesh, _three_bones(), None, replace(ONE, **changes))


def _draw(animation, *passes, texture=None):
    return next(draw_passes(animation, texture, passes))


def _card():
    """A square before +Z, in two triangles."""
    vertices = torch.tensor([[-0.5, 0.5, 0.0], [-0.5, -0.5, 0.0], [0.5, -0.5, 0.0], [0.5, 0.5, 0.0]])
    return vertices, torch.tensor([[0, 1, 2], [0, 2, 3]])


def _seen_at(animation, points, picture):
    """Colours of the first frame where points of the world are."""
    size = animation.config.size
    clip = project(points[None], animation.camera.select(slice(0, 1)), animation.lens(1, size))
    column, row = to_pixels(clip, size, size)[0].floor().long().unbind(1)
    return picture[row, column]


def test_normals_of_a_ball_are_where_its_surface_faces():
    animation = _animation(_mesh(*icosphere(4)), start_deg=25.0)
    picture = _draw(animation, "normals")
    distance, lens = float(animation.camera.distance[0]), animation.lens(1, 64)
    rows, columns = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    ray = torch.stack([(columns - 32) / lens.fx, (32 - rows) / lens.fy, -torch.ones(64, 64)], dim=-1)
    ray = ray / ray.norm(dim=-1, keepdim=True)
    # |t ray + (0, 0, distance)| = 1, the nearer t; normals are the points themselves, seen from the ball's middle.
    middle = -ray[..., 2] * distance
    root = middle**2 - distance**2 + 1
    normal = ray * (middle - root.clamp(min=0).sqrt())[..., None] + torch.tensor([0.0, 0.0, distance])
    inside = root > 0.1
    assert int(inside.sum()) > 1000
    torch.testing.assert_close(picture[inside] * 2 - 1, normal[inside], atol=0.02, rtol=0)
    torch.testing.assert_close(picture[0, 0], torch.tensor(PLAIN.background), atol=1e-5, rtol=0)


def test_a_card_turns_its_normal_to_whoever_sees_it():
    for start in (0.0, 180.0):
        picture = _draw(_animation(_mesh(*_card()), start_deg=start, elevation_deg=0.0), "normals")
        torch.testing.assert_close(picture[32, 32], torch.tensor([0.5, 0.5, 1.0]), atol=1e-3, rtol=0)


def test_parts_have_their_colours_and_no_others(subject):
    mesh, skeleton = subject
    count = len(mesh.vertices) // len(skeleton)
    part = torch.tensor([part_index(name) for name in skeleton.parts]).repeat_interleave(count)
    animation = Animation.of(replace(mesh, part=part), skeleton, None, ONE)
    picture = _draw(animation, "parts")
    face = animation.gbuffer(torch.tensor([0])).fragments.face[0].long()
    seen = torch.where(face >= 0, part[mesh.faces[face.clamp_min(0), 0]], -1)
    # Where all neighbours show the same there is no edge to be smoothed.
    same = torch.ones(62, 62, dtype=torch.bool)
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        same &= seen[row : row + 62, column : column + 62] == seen[1:-1, 1:-1]
    calm = torch.nn.functional.pad(same & (seen[1:-1, 1:-1] >= 0), (1, 1, 1, 1))
    assert len(seen[calm].unique()) >= 8
    torch.testing.assert_close(picture[calm], part_colours()[seen[calm]], atol=1e-5, rtol=0)


def test_part_colours_differ_as_they_say():
    assert set(PART_COLOURS) == set(PARTS)
    linear = linear_from_srgb(part_colours().double())
    cones = torch.tensor(
        [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]], dtype=torch.float64
    )
    opponents = torch.tensor(
        [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]], dtype=torch.float64
    )
    lab = (linear @ cones.T).pow(1 / 3) @ opponents.T
    apart = torch.cdist(lab, lab) + torch.eye(len(lab))
    assert float(apart.min()) > 0.12
    for left, name in enumerate(PARTS):
        if name.startswith("left_"):
            assert float(apart[left, part_index(name.replace("left", "right"))]) > 0.22


def _charted(level, stretch, name):
    """A body of one part, its poles the ends of that part's bone."""
    ball, faces = icosphere(level)
    part = torch.full((len(ball),), part_index(name))
    reference = reference_point(part, (1 + ball[:, 1]) / 2, torch.atan2(ball[:, 0], ball[:, 2]))
    return _mesh(ball * torch.tensor(stretch), faces, part, reference)


def test_the_same_place_has_the_same_colour_on_different_bodies():
    """Half way and three quarters up a neck, on its front."""
    colours = {}
    for name in ("neck", "left_front_upper", "right_front_upper"):
        address = torch.full((2,), part_index(name)), torch.tensor([0.5, 0.75]), torch.zeros(2)
        expected = reference_colours(reference_point(*address))
        for level, stretch in ((3, (1.0, 1.0, 1.0)), (4, (0.5, 1.3, 0.8))):
            animation = _animation(_charted(level, stretch, name), start_deg=0.0, elevation_deg=5.0)
            picture = _draw(animation, "correspondence")
            places = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.5, 0.75**0.5]]) * torch.tensor(stretch)
            torch.testing.assert_close(_seen_at(animation, places, picture), expected, atol=0.03, rtol=0)
        colours[name] = expected[0]
    for one, other in (("neck", "left_front_upper"), ("left_front_upper", "right_front_upper")):
        assert float((colours[one] - colours[other]).abs().max()) > 0.2


def test_places_of_different_parts_are_not_mixed():
    """A triangle between head and ear shows places of the two, none between them."""
    part = torch.tensor([part_index("head")] * 2 + [part_index("left_ear")] * 2)
    places = torch.tensor([[0.0, 0.5, 1.0]] * 2 + [[0.5, 0.9, 0.95]] * 2)
    animation = _animation(_mesh(*_card(), part, places), start_deg=0.0, elevation_deg=0.0)
    for one, colours in (("correspondence", reference_colours(places[1:3])), ("parts", part_colours()[part[1:3]])):
        picture = _draw(animation, one)[12:-12, 12:-12]
        distance = torch.stack([(picture - colour).abs().amax(-1) for colour in colours])
        assert float(distance.amin(0).max()) < 1e-4
        assert (distance.argmin(0) == 0).float().mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("size", [48, 120])
@pytest.mark.parametrize("start", [0.0, 40.0])
@pytest.mark.parametrize("supersampling", [1, 2])
def test_lines_of_the_wireframe_are_a_pixel_wide(size, start, supersampling):
    """Along a row a slanting line takes 1 / |x of its normal| pixels."""
    studio = Studio(supersampling=supersampling)
    animation = _animation(_mesh(*_card()), size=size, start_deg=start, elevation_deg=0.0, studio=studio)
    wired, plain = _draw(animation, "wireframe", "clay").split(size, dim=1)
    clay = linear_from_srgb(torch.tensor(studio.clay))[0]
    share = (1 - linear_from_srgb(wired)[..., 0] / linear_from_srgb(plain)[..., 0]) / (1 - 0.012 / clay)
    row = size // 2
    ends = torch.tensor([[-0.5, 0.5, 0.0], [0.5, -0.5, 0.0]])
    pixels = to_pixels(project(ends[None], animation.camera, animation.lens(1, size)), size, size)[0]
    along = pixels[1] - pixels[0]
    column = pixels[0, 0] + (row + 0.5 - pixels[0, 1]) / along[1] * along[0]
    around = share[row, int(column) - 5 : int(column) + 6]
    assert float(around.sum()) == pytest.approx(float(along.norm() / along[1].abs()), rel=0.13)
    assert float(share.max()) < 1.01
    assert float(share[row, int(column) + 5]) == pytest.approx(0, abs=1e-4)


def test_a_mesh_finer_than_pixels_does_not_drown_in_its_lines():
    wired, plain = _draw(_animation(_mesh(*icosphere(5)), size=32), "wireframe", "clay").split(32, dim=1)
    share = linear_from_srgb(wired[12:20, 12:20]) / linear_from_srgb(plain[12:20, 12:20])
    assert 0.3 < float(share.mean()) < 0.9


def test_joints_are_drawn_where_they_project(subject):
    mesh, skeleton = subject
    animation = Animation.of(mesh, skeleton, None, replace(ONE, size=96))
    picture, plain = _draw(animation, "skeleton", "color").split(96, dim=1)
    clip = project(animation.bones[:, :, 0], animation.camera, animation.lens(1, 96))
    pixels = to_pixels(clip, 96, 96)[0]
    apart = torch.cdist(pixels, pixels).fill_diagonal_(99).amin(1)
    alone = pixels[apart > 5]
    assert len(alone) >= 8
    column, row = alone.floor().long().unbind(1)
    assert float(picture[row, column].min()) > 0.85
    # The subject behind shows, paler than by itself.
    bones = _bones(animation, torch.tensor([0])).coverage[0]
    behind = (animation.gbuffer(torch.tensor([0])).fragments.face[0] >= 0) & (bones == 0)
    assert int(behind.sum()) > 50
    ground = torch.tensor(PLAIN.background)
    assert float((picture[behind] - ground).abs().mean()) > 0.05
    assert float(picture[behind].std()) < float(plain[behind].std())


def test_bones_have_the_colours_of_their_side_and_the_nearer_hides_the_farther():
    skeleton = _three_bones()
    place = [[[20.0, 200, 3], [20, 40, 3]], [[60, 120, 2], [220, 120, 2]], [[140, 30, 5], [140, 210, 5]]]
    drawn = draw_bones(skeleton, torch.tensor([place]), 240)
    colour = srgb_from_linear(drawn.light[0])
    for (column, row), expected in (((20, 120), MIDDLE), ((100, 120), LEFT), ((140, 60), RIGHT), ((140, 120), LEFT)):
        torch.testing.assert_close(colour[row, column], torch.tensor(expected), atol=1e-3, rtol=0)
        assert float(drawn.coverage[0, row, column]) == 1
    # Across the bone in the middle, 80 of 160 along it, lies a dark outline and a soft edge.
    across = drawn.coverage[0, 120, 8:33]
    assert bool(((across > 0.02) & (across < 0.98)).any())
    radius = 0.0085 * 240 * (1 + 0.35) / 2
    assert float(across.sum()) == pytest.approx(2 * (radius + 1), abs=0.1)
    assert float(drawn.coverage[0, 225, 225]) == 0


@pytest.mark.parametrize("one", PASSES)
def test_transparent_frames_over_white_are_frames_on_white(subject, one):
    mesh, skeleton = subject
    texture = torch.rand(16, 16, 3, generator=torch.Generator().manual_seed(0))
    frames = []
    for background in (None, (1.0, 1.0, 1.0)):
        config = replace(ONE, size=48, studio=Studio(background=background))
        frames.append(_draw(Animation.of(mesh, skeleton, None, config), one, texture=texture))
    clear, white = frames
    assert clear.shape == (48, 48, 4)
    assert bool(((clear[..., 3] > 0.2) & (clear[..., 3] < 0.8)).any())
    torch.testing.assert_close(srgb_from_linear(_over_white(clear)), white, atol=1e-3, rtol=0)
    # As bytes, too; in light, since a 255th of white is a lot over black.
    stored = (clear * 255).round() / 255
    torch.testing.assert_close(_over_white(stored), linear_from_srgb(white), atol=2 / 255, rtol=0)


def _over_white(clear):
    """Light of a transparent picture before white."""
    return clear[..., 3:] * linear_from_srgb(clear[..., :3]) + 1 - clear[..., 3:]


def test_transparent_edges_have_no_fringe():
    mesh = _mesh(*icosphere(3))
    red = torch.tensor([0.8, 0.1, 0.1]).expand(4, 4, 3)
    mesh = replace(mesh, uv=torch.full((1, 2), 0.5), uv_faces=torch.zeros_like(mesh.faces))
    studio = Studio(background=None, ambient=1.0, key=0.0)
    frame = _draw(_animation(mesh, studio=studio), "color", texture=red)
    colour, share = frame[..., :3], frame[..., 3]
    edge = (share > 0) & (share < 1)
    assert int(edge.sum()) > 50
    torch.testing.assert_close(colour[edge], red[0, :1].expand(int(edge.sum()), 3), atol=2 / 255, rtol=0)
    # Nor where it is scaled down with its colours apart from its coverage: the empty pixels beside it are as red.
    beside = (torch.nn.functional.max_pool2d(share[None], 3, 1, 1)[0] > 0) & (share == 0)
    torch.testing.assert_close(colour[beside], red[0, :1].expand(int(beside.sum()), 3), atol=2 / 255, rtol=0)
    assert float(colour[0, 0].max()) == 0


def test_passes_stand_side_by_side(subject):
    mesh, skeleton = subject
    animation = Animation.of(mesh, skeleton, None, replace(ONE, size=32))
    row = _draw(animation, *PASSES)
    assert row.shape == (32, 32 * len(PASSES), 3)
    for one, picture in zip(PASSES, row.split(32, dim=1), strict=True):
        assert torch.equal(picture, _draw(animation, one)), one
    different = [picture for one, picture in zip(PASSES, row.split(32, dim=1), strict=True) if one != "color"]
    for k, picture in enumerate(different):
        assert all(float((picture - other).abs().max()) > 0.02 for other in different[:k])


def test_every_pass_is_the_same_on_a_gpu(gpu: torch.device):
    animation = _animation(_mesh(*icosphere(2)), size=32)
    for one in PASSES:
        there = _draw(animation.to(gpu), one)
        assert there.device == gpu
        assert float((there.cpu() - _draw(animation, one)).abs().mean()) < 1e-3
