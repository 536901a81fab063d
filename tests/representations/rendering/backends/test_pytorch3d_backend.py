"""PyTorch3D's adapter: what it hands over, and what comes back where PyTorch3D is installed.

`test_fragment.py` puts the adapter through the rules of visibility, edges on pixel centres included.
"""

import importlib.util

import pytest
import torch

from zoetrope.representations.rendering import rasterize
from zoetrope.representations.rendering.backends.pytorch3d_backend import ndc_corners
from zoetrope.representations.rendering.interpolate import metric_depth


@pytest.mark.parametrize("size", [(40, 60), (60, 40)])
def test_the_shorter_side_spans_from_1_to_minus_1(size):
    height, width = size
    pixels = torch.tensor([[[0.0, 0, 0.5], [width, height, 0.25], [width / 2, height / 2, 2]]]).double()
    across, down = width / 40, height / 40
    expected = torch.tensor([[[across, down, 2], [-across, -down, 4], [0, 0, 0.5]]])
    moved = ndc_corners(pixels, size) - expected
    # To the left and upward, further to the left, and by far less than a pixel.
    assert (moved[..., 0] > 1e-6).all()
    assert (moved[..., 1] > 1e-7).all()
    assert (moved[..., :2].abs() < 1e-5).all()
    assert (moved[..., 2] == 0).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_depth_from_faces_is_that_of_the_reference(dtype, tolerance, bumpy):
    vertices, faces = bumpy(2, 2, 0.9, dtype=dtype)
    found = rasterize(vertices, faces, (31, 44), "torch")
    assert (found.face >= 0).any()
    torch.testing.assert_close(metric_depth(found.face, vertices, faces), found.depth, rtol=tolerance, atol=0)


@pytest.mark.skipif(importlib.util.find_spec("pytorch3d") is None, reason="needs PyTorch3D")
@pytest.mark.parametrize("size", [(65, 48), (48, 65)])
@pytest.mark.parametrize("distance", [2.5, 0.9, 0.3])
@pytest.mark.parametrize("cull", ["none", "back"])
def test_agreement_but_for_centres_next_to_an_edge(size, distance, cull, bumpy):
    vertices, faces = bumpy(3, 5, distance, dtype=torch.float32)
    found = rasterize(vertices, faces, size, "pytorch3d", 0.05, cull)
    expected = rasterize(vertices, faces, size, "torch", 0.05, cull)
    other = found.face != expected.face
    assert other.double().mean() < 1e-3
    torch.testing.assert_close(found.depth[~other], expected.depth[~other], rtol=1e-6, atol=0)


@pytest.mark.skipif(importlib.util.find_spec("pytorch3d") is None, reason="needs PyTorch3D")
def test_pictures_in_which_nothing_is_seen(bumpy):
    vertices, faces = bumpy(1, 4)
    vertices[[0, 2], :, 3] *= -1
    found = rasterize(vertices, faces, (16, 12), "pytorch3d")
    assert torch.equal((found.face >= 0).any(dim=2).any(dim=1), torch.tensor([False, True, False, True]))
    assert torch.equal(found.face, rasterize(vertices, faces, (16, 12), "torch").face)
