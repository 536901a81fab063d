"""Flat pictures: the texture's own colours, edges that mix light, a file that gives back what was written."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.representations.camera import Intrinsics
from zoetrope.representations.geometry.mesh import SkinnedMesh
from zoetrope.representations.rendering.shading import linear_from_srgb, srgb_from_linear
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photography.flat import FlatPicture, draw_flat, read_flat, write_flat

COLOUR = torch.tensor([0.8, 0.4, 0.2])


def drawn(device: torch.device | str) -> FlatPicture:
    """A card of one colour, slanted so that edges of pixels are covered in part; x runs from -0.5 to 0.5."""
    vertices = torch.tensor([[-0.5, 0.5, -3.0], [-0.4, -0.5, -3.0], [0.4, -0.5, -3.0], [0.5, 0.5, -3.0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    mesh = SkinnedMesh(
        vertices, faces, torch.ones(4, 1), torch.zeros(4, dtype=torch.int64), vertices, torch.zeros(4, 2), faces
    ).to(device)
    lens, texture = Intrinsics.from_field_of_view(30.0, 48, 40), COLOUR.expand(2, 2, 3).contiguous()
    return draw_flat(mesh.vertices, mesh, lens.to(device), texture.to(device))


@pytest.fixture(scope="module")
def picture() -> FlatPicture:
    return drawn("cpu")


def test_a_gpu_draws_and_writes_the_same(picture: FlatPicture, gpu: torch.device, tmp_path: Path) -> None:
    there = drawn(gpu)
    assert there.light.device == gpu
    assert float((there.light.cpu() - picture.light).abs().mean()) < 1e-4
    write_flat(tmp_path / "there.png", there)
    torch.testing.assert_close(read_flat(tmp_path / "there.png").coverage, picture.coverage, atol=0.01, rtol=0)


def test_colours_are_the_textures_and_coverage_is_the_area(picture: FlatPicture) -> None:
    full = picture.coverage > 0.999
    torch.testing.assert_close(
        picture.light[full], linear_from_srgb(COLOUR).expand(int(full.sum()), 3), atol=1e-5, rtol=0
    )
    focal = 24 / np.tan(np.radians(15))
    assert float(picture.coverage.sum()) == pytest.approx(0.9 * (focal / 3) ** 2, rel=0.01)
    edge = (picture.coverage > 0.1) & (picture.coverage < 0.9)
    assert int(edge.sum()) > 10
    # Light of an edge is the colour's share, and white fills the rest.
    share = picture.coverage[edge][:, None]
    torch.testing.assert_close(picture.light[edge], share * linear_from_srgb(COLOUR), atol=1e-4, rtol=0)
    mixed = srgb_from_linear(share * linear_from_srgb(COLOUR) + 1 - share)
    torch.testing.assert_close(picture.on_white()[edge], mixed, atol=1e-4, rtol=0)
    assert (picture.on_white()[picture.coverage == 0] > 0.999).all()


def test_a_file_gives_the_picture_back(picture: FlatPicture, tmp_path: Path) -> None:
    write_flat(tmp_path / "a.png", picture)
    write_flat(tmp_path / "b.png", picture)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    found = read_flat(tmp_path / "a.png")
    torch.testing.assert_close(found.coverage, picture.coverage, atol=0.5 / 255 + 1e-6, rtol=0)
    torch.testing.assert_close(found.on_white(), picture.on_white(), atol=0.015, rtol=0)
    # Colours are not multiplied by their opacity.
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    edge = (pixels[..., 3] > 30) & (pixels[..., 3] < 220)
    assert np.abs(pixels[edge][:, :3] - 255 * COLOUR.numpy()).max() < 2


def test_what_is_no_flat_picture_is_named(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(tmp_path / "opaque.png")
    with pytest.raises(InputError, match=r"opaque\.png has no alpha channel"):
        read_flat(tmp_path / "opaque.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"broken\.png"):
        read_flat(tmp_path / "broken.png")
    with pytest.raises(InputError, match=r"gone\.png"):
        read_flat(tmp_path / "gone.png")
