"""One set of tests for every kind of surface: what posing, rendering and fitting take for granted."""

from collections.abc import Callable

import pytest
import torch

from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import face_normals
from zoetrope.representations.geometry.unite import unite
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.representations.surfaces.sdf_surface import SdfSurface
from zoetrope.representations.surfaces.surface import FieldSurface, Surface
from zoetrope.representations.surfaces.united_surface import UnitedSurface

PHOTOS = 3


def _parts() -> PartSurfaces:
    surface = PartSurfaces(template("bird"), PHOTOS, level=2)
    surface.cutoff = float(surface.degree)
    return surface


def _sdf() -> SdfSurface:
    return SdfSurface.ellipsoid((0.3, 0.5, 0.4), resolution=20, photo_count=PHOTOS, joint_count=4)


def _united() -> UnitedSurface:
    parts = PartSurfaces(template("biped"), PHOTOS, level=1)
    whole = unite(parts.shared(), parts.piece, symmetric=True, resolution=80, target_faces=1500)
    assert whole.mirror is not None
    return UnitedSurface.begin(whole.mesh, parts.skeleton(), whole.mirror, PHOTOS, mode_count=12)


_BUILDERS: dict[str, Callable[[], Surface]] = {"parts": _parts, "sdf": _sdf, "united": _united}


@pytest.fixture(scope="module", params=_BUILDERS)
def built(request: pytest.FixtureRequest) -> tuple[Surface, list[torch.Tensor]]:
    made = _BUILDERS[request.param]()
    return made, [parameter.detach().clone() for parameter in made.parameters()]


@pytest.fixture
def surface(built: tuple[Surface, list[torch.Tensor]]) -> Surface:
    """Each test gets the same surface: the initial one, a little disturbed, without gradients."""
    chosen, start = built
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter, first in zip(chosen.parameters(), start, strict=True):
            parameter.grad = None
            parameter.copy_(first + 1e-3 * torch.randn(first.shape, generator=generator))
    return chosen


def test_it_is_a_surface(surface: Surface):
    assert isinstance(surface, Surface)
    assert isinstance(surface, torch.nn.Module)
    assert isinstance(surface, FieldSurface) == isinstance(surface, SdfSurface)


def test_the_shared_mesh_is_closed_and_outward_with_weights_that_sum_to_one(surface: Surface):
    mesh = surface.shared()
    count = len(mesh.vertices)
    assert mesh.faces.dtype == torch.int64
    assert torch.equal(mesh.faces.unique(), torch.arange(count))
    half_edges = torch.cat([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    key, twin = half_edges @ torch.tensor([count, 1]), half_edges @ torch.tensor([1, count])
    assert torch.equal(key.sort().values, twin.sort().values)
    assert key.unique().numel() == key.numel()
    vertices = mesh.vertices.detach()
    normals, corner = face_normals(vertices, mesh.faces), vertices[mesh.faces[:, 0]]
    assert float((normals * corner).sum()) > 0
    assert bool((mesh.weights >= 0).all())
    assert torch.allclose(mesh.weights.sum(1), torch.ones(count), atol=1e-5)
    assert mesh.part.dtype == torch.int64
    assert bool(mesh.reference.isfinite().all())


def test_the_shared_mesh_repeats_to_the_bit_and_depends_on_the_parameters(surface: Surface):
    mesh = surface.shared()
    assert torch.equal(mesh.vertices, surface.shared().vertices)
    mesh.vertices.square().sum().backward()
    touched = [p for p in surface.parameters() if p.grad is not None and bool((p.grad != 0).any())]
    assert touched
    before = mesh.vertices.detach()
    with torch.no_grad():
        for parameter in touched:
            parameter -= 1e-3 * parameter.grad / parameter.grad.abs().max()  # type: ignore[operator]
    after = surface.shared().vertices.detach()
    assert float(after.square().sum()) < float(before.square().sum())


def test_instances_are_offsets_of_the_photos_asked_for(surface: Surface):
    count = len(surface.shared().vertices)
    all_photos = surface.instance(torch.arange(PHOTOS))
    assert all_photos.shape == (PHOTOS, count, 3)
    assert 0 < float(all_photos.detach().abs().max()) < 0.1
    some = surface.instance(torch.tensor([2, 0, 2]))
    assert torch.allclose(some, all_photos[[2, 0, 2]], atol=1e-7)
    assert not torch.allclose(all_photos[0], all_photos[1], atol=1e-7)
    surface.instance(torch.tensor([1])).square().sum().backward()
    own = [p.grad for p in surface.parameters() if p.grad is not None and p.shape[:1] == (PHOTOS,)]
    assert own
    assert all(bool((g[1] != 0).any()) and not bool(g[[0, 2]].any()) for g in own)


def test_regularizers_are_named_non_negative_scalars_with_gradients(surface: Surface):
    losses = surface.regularizers()
    assert losses
    for name, loss in losses.items():
        assert name.isidentifier()
        assert loss.shape == ()
        assert float(loss.detach()) >= 0
    torch.stack(list(losses.values())).sum().backward()
    grads = [p.grad for p in surface.parameters() if p.grad is not None]
    assert grads
    assert all(bool(g.isfinite().all()) for g in grads)


def test_the_parameters_are_all_there_is_to_fit(surface: Surface):
    names = [name for name, _ in surface.named_parameters()]  # type: ignore[attr-defined]
    assert len(names) == len(set(names)) == len(list(surface.parameters()))
    assert all(p.requires_grad and p.is_floating_point() for p in surface.parameters())
