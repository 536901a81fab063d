import pytest
import torch

from zoetrope.representations.camera import Intrinsics
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.rendering.shading import linear_from_srgb, srgb_from_linear
from zoetrope.scenes.preview.studio import Studio, draw_subject
from zoetrope.scenes.preview.turntable_camera import orbit_cameras


def _mesh(vertices, faces, uv=None):
    count = len(vertices)
    part = torch.zeros(count, dtype=torch.int64)
    return SkinnedMesh(vertices, faces, torch.ones(count, 1), part, vertices, uv, None if uv is None else faces)


@pytest.fixture
def card():
    """A square card facing +Z, textured the right way up for someone in front of it."""
    vertices = torch.tensor([[-0.5, 0.5, 0.0], [-0.5, -0.5, 0.0], [0.5, -0.5, 0.0], [0.5, 0.5, 0.0]])
    uv = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    return _mesh(vertices, torch.tensor([[0, 1, 2], [0, 2, 3]]), uv)


def _shoot(mesh, camera, texture=None, size=40, studio=None):
    lens = Intrinsics.from_field_of_view(30.0, size, size, len(camera.distance))
    vertices = mesh.vertices.expand(len(camera.distance), -1, -1)
    return draw_subject(vertices, mesh, camera, lens, texture, studio)


def test_a_texture_is_seen_the_right_way_up(card):
    texture = torch.zeros(2, 2, 3)
    texture[0, 0, 0], texture[0, 1, 1], texture[1, 0, 2] = 1, 1, 1
    # Even light, so that colours come out as they are.
    even = Studio(ambient=1.0, key=0.0)
    picture = _shoot(card, orbit_cameras(1, distance=2.2, elevation_deg=0.0), texture, studio=even).color[0]
    corners = [picture[8, 8], picture[8, 31], picture[31, 8], picture[31, 31]]
    for seen, true in zip(corners, texture.reshape(4, 3), strict=True):
        torch.testing.assert_close(seen, true, atol=0.02, rtol=0)


def test_coverage_is_the_share_of_the_picture(card):
    # At distance d the card spans 1 / (2 d tan 15 degrees) of the picture.
    shot = _shoot(card, orbit_cameras(1, distance=3.0, elevation_deg=0.0))
    share = (1 / (2 * 3.0 * 0.267949)) ** 2
    assert float(shot.coverage.mean()) == pytest.approx(share, rel=0.02)
    background = torch.tensor(Studio().background).expand(1, 40, 40, 3)
    empty = shot.coverage == 0
    torch.testing.assert_close(shot.color[empty], background[empty])


def test_an_open_mesh_is_seen_from_behind_as_well(card):
    shot = _shoot(card, orbit_cameras(2, distance=3.0, elevation_deg=0.0))
    torch.testing.assert_close(shot.coverage[0], shot.coverage[1].flip(1), atol=1e-5, rtol=0)


def test_light_comes_from_above_and_travels_with_the_camera():
    ball = _mesh(*icosphere(3))
    shot = _shoot(ball, orbit_cameras(3, distance=5.0, elevation_deg=0.0, start_deg=13.0))
    assert float(shot.color[0, 10, 14].mean()) > float(shot.color[0, 32, 26].mean()) + 0.1
    torch.testing.assert_close(shot.color[0], shot.color[1], atol=0.04, rtol=0)


def test_edges_mix_light_not_code_values(card):
    """Half white over black is half the light, which is encoded as 0.735."""
    studio = Studio(background=(0.0, 0.0, 0.0), ambient=1.0, key=0.0)
    camera = orbit_cameras(1, distance=2.6, elevation_deg=0.0)
    shot = _shoot(card, camera, torch.ones(2, 2, 3), studio=studio)
    edge = (shot.coverage > 0.05) & (shot.coverage < 0.95)
    assert bool(edge.any())
    torch.testing.assert_close(shot.color[edge][:, 0], srgb_from_linear(shot.coverage[edge]), atol=1e-4, rtol=0)


def test_encoding_is_undone_by_decoding():
    values = torch.linspace(0, 1, 1001, dtype=torch.float64)
    torch.testing.assert_close(srgb_from_linear(linear_from_srgb(values)), values, atol=1e-6, rtol=0)
    torch.testing.assert_close(linear_from_srgb(torch.tensor(0.5)), torch.tensor(0.21404), atol=1e-5, rtol=0)


def test_a_texture_needs_coordinates():
    ball = _mesh(*icosphere(1))
    with pytest.raises(ValueError, match="unwrap the mesh first"):
        _shoot(ball, orbit_cameras(1, distance=3.0), torch.ones(2, 2, 3))
