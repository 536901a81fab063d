"""Triton's kernels for coverage against the reference; `test_triton_backend.py` runs this file in the interpreter."""

import os

import pytest
import torch

from zoetrope.representations.rendering import Topology, coverage
from zoetrope.representations.rendering.torch_coverage import coverage_torch

pytest.importorskip("triton", reason="Triton comes with PyTorch's CUDA wheels only")
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
pytestmark = pytest.mark.skipif(
    not (INTERPRETED or torch.cuda.is_available()), reason="needs a CUDA device, or TRITON_INTERPRET=1"
)


def compare(vertices, faces, size, near):
    from zoetrope.representations.rendering.triton_coverage import areas

    device = "cpu" if INTERPRETED else "cuda"
    topology = Topology.of(faces).to(device)
    pull = torch.randn(len(vertices), *size, generator=torch.Generator().manual_seed(1)).double().to(device)
    results = []
    for way in (None, areas):
        given = vertices.to(device, copy=True).requires_grad_()
        covered = coverage_torch(given, topology, size, near, way)
        (covered * pull).sum().backward()
        results.append((covered.detach().cpu(), given.grad.cpu()))
    (one, by_one), (other, by_other) = results
    torch.testing.assert_close(other, one, rtol=0, atol=1e-12)
    torch.testing.assert_close(by_other, by_one, rtol=0, atol=1e-9 * float(by_one.abs().max()))
    return one, by_one


@pytest.mark.parametrize("missing", [0, 25], ids=["closed", "open"])
@pytest.mark.parametrize(("distance", "zoom", "near"), [(2.5, 1.5, 0.1), (1.2, 0.4, 0.6)], ids=["whole", "cut"])
def test_coverage_interpreted(missing, distance, zoom, near, bumpy):
    vertices, faces = bumpy(1, 1, distance, zoom)
    covered, gradient = compare(vertices, faces[missing:], (17, 23), near)
    assert (vertices[..., 3] < near).any() == (near > 0.1)
    assert ((covered > 0.01) & (covered < 0.99)).sum() > 10
    assert gradient.abs().max() > 0.1


BOXES = [(-40.5, 0.25, 190.2, 3.7), (10.5, 1.3, 90.5, 4.2), (3.3, -2.0, 3.9, 9.0), (70.5, 2.5, 147.3, 2.8)]
"""Left, top, right, bottom in pixels: wider than a program's share of a row, beyond the picture, within a pixel."""


def test_coverage_of_long_edges_interpreted(quad):
    vertices = torch.cat([quad(*box, (5, 150))[0] for box in BOXES])
    vertices[..., 1] += 0.011 * vertices[..., 0]
    vertices[:, [0, 2], 0] += 0.35
    compare(vertices, torch.tensor([[0, 1, 2], [0, 2, 3]]), (5, 150), 1e-3)


def test_coverage_of_level_and_upright_edges_interpreted(quad):
    """Against the compiled version, since autograd's list holds no exactly level segment and gives it no gradient."""
    from zoetrope.representations.rendering.triton_coverage import areas

    size, device = (5, 150), "cpu" if INTERPRETED else "cuda"
    vertices = torch.cat([quad(*box, size)[0] for box in BOXES])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    pull = torch.randn(len(vertices), *size, generator=torch.Generator().manual_seed(1)).double()
    compiled, ours = vertices.clone().requires_grad_(), vertices.to(device, copy=True).requires_grad_()
    expected = coverage(compiled, faces, size)
    covered = coverage_torch(ours, Topology.of(faces).to(device), size, 1e-3, areas)
    (expected * pull).sum().backward()
    (covered * pull.to(device)).sum().backward()
    torch.testing.assert_close(covered.detach().cpu(), expected.detach(), rtol=0, atol=1e-7)
    torch.testing.assert_close(ours.grad.cpu(), compiled.grad, rtol=0, atol=1e-7 * float(compiled.grad.abs().max()))
    assert float(covered[1].sum().detach()) == pytest.approx(80 * 2.9)


def test_coverage_of_nothing_interpreted():
    corners = torch.tensor([[-1.0, -1, 0, -1], [3, -1, 0, -1], [-1, 3, 0, -1]]).double()
    for batch, size in ((2, (4, 5)), (0, (4, 5)), (2, (0, 5)), (2, (4, 0))):
        from zoetrope.representations.rendering.triton_coverage import areas

        given = corners.expand(batch, -1, -1).clone().to("cpu" if INTERPRETED else "cuda").requires_grad_()
        topology = Topology.of(torch.tensor([[0, 1, 2]])).to(given.device)
        covered = coverage_torch(given, topology, size, 1e-3, areas)
        covered.sum().backward()
        assert covered.shape == (batch, *size)
        assert (covered == 0).all()
        assert (given.grad == 0).all()


@pytest.mark.skipif(INTERPRETED or not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_coverage_is_drawn_by_these_kernels(bumpy, monkeypatch):
    from zoetrope.representations.rendering import triton_coverage

    vertices, faces = bumpy(4, 20, dtype=torch.float32)
    vertices, faces = vertices.cuda(), faces.cuda()
    topology, calls = Topology.of(faces), []
    real = triton_coverage.areas
    monkeypatch.setattr(triton_coverage, "areas", lambda *given: calls.append(1) or real(*given))
    covered = coverage(vertices, faces, (128, 96), topology)
    assert calls == [1]
    assert torch.equal(covered, coverage(vertices, faces, (128, 96), topology))
    torch.testing.assert_close(covered, coverage_torch(vertices, topology, (128, 96)), rtol=0, atol=1e-6)
