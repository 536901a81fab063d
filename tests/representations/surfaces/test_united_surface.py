"""The united surface: manifold harmonics on a known sphere, symmetric motion, and a state that is all there is."""

import math

import pytest
import torch

from zoetrope.representations.body.skeleton import Skeleton
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.surfaces.united_surface import UnitedSurface, manifold_harmonics

FLIP = torch.tensor([-1.0, 1.0, 1.0])
PHOTOS, MODES = 3, 20


def ball() -> tuple[SkinnedMesh, torch.Tensor]:
    """An egg that is mirror symmetric to the bit, bound to the biped's joints, and its mirror map."""
    vertices, faces = icosphere(3)
    twin = torch.cdist(vertices.double() * FLIP, vertices.double()).argmin(1)
    vertices = 0.5 * (vertices + vertices[twin] * FLIP) * torch.tensor([0.5, 0.8, 0.6])
    count = len(vertices)
    joint_count = len(template("biped").skeleton)
    weights = torch.zeros(count, joint_count)
    weights[:, 0] = 1
    part = torch.zeros(count, dtype=torch.int64)
    return SkinnedMesh(vertices, faces, weights, part, vertices.clone()), twin


def begun() -> UnitedSurface:
    mesh, mirror = ball()
    return UnitedSurface.begin(mesh, template("biped").skeleton, mirror, PHOTOS, mode_count=MODES)


def moved() -> UnitedSurface:
    surface = begun()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in surface.parameters():
            parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
    return surface


def test_on_a_sphere_the_harmonics_are_the_spherical_ones() -> None:
    vertices, faces = icosphere(3)
    basis, eigenvalues = manifold_harmonics(vertices.double(), faces, 9)
    # -Laplacian Y_l = l (l + 1) Y_l; the energy is integrated over the sphere's area, the mass has sum one.
    expected = torch.tensor([0, 2, 2, 2, 6, 6, 6, 6, 6], dtype=torch.float64) * 4 * math.pi
    torch.testing.assert_close(eigenvalues, expected, atol=1e-6, rtol=0.03)
    torch.testing.assert_close(basis[:, 0].abs(), torch.ones(len(vertices), dtype=torch.float64), atol=1e-6, rtol=0)
    # The first three span x, y and z.
    fitted = basis[:, 1:4] @ torch.linalg.lstsq(basis[:, 1:4], vertices.double()).solution
    torch.testing.assert_close(fitted, vertices.double(), atol=0.01, rtol=0)


def test_harmonics_are_orthonormal_and_low_modes_are_smooth() -> None:
    mesh, _ = ball()
    vertices, faces = mesh.vertices.double(), mesh.faces
    basis, eigenvalues = manifold_harmonics(vertices, faces, 30)
    corners = vertices[faces]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1) / 2
    mass = torch.zeros(len(vertices), dtype=torch.float64)
    for corner in range(3):
        mass.index_add_(0, faces[:, corner], area / 3)
    gram = basis.T @ (basis * (mass / mass.sum())[:, None])
    torch.testing.assert_close(gram, torch.eye(30, dtype=torch.float64), atol=1e-8, rtol=0)
    assert bool((eigenvalues.diff() >= 0).all())
    assert float(eigenvalues[0]) == pytest.approx(0, abs=1e-6)
    edge_steps = (basis[faces[:, 0]] - basis[faces[:, 1]]).square().mean(0)
    assert float(edge_steps[25:].mean()) > 3 * float(edge_steps[1:5].mean())
    again, _ = manifold_harmonics(vertices, faces, 30)
    assert torch.equal(again, basis)


def test_few_vertices_give_fewer_modes() -> None:
    vertices, faces = icosphere(0)
    assert manifold_harmonics(vertices, faces, 50)[0].shape == (12, 10)


def test_it_begins_as_the_mesh_it_was_given() -> None:
    mesh, _ = ball()
    surface = begun()
    assert torch.equal(surface.shared().vertices, mesh.vertices)
    assert not bool(surface.instance(torch.arange(PHOTOS)).any())
    assert all(value.item() == 0 for value in surface.regularizers().values())
    assert {name for name, _ in surface.named_parameters()} == {"coefficients", "instance_coefficients"}


def test_offsets_are_mirror_symmetric_to_the_bit() -> None:
    surface = moved()
    mesh = surface.shared()
    assert float((mesh.vertices - surface.vertices).detach().abs().max()) > 0.01
    assert torch.equal(mesh.vertices[surface.mirror] * FLIP, mesh.vertices)
    own = surface.instance(torch.tensor([2, 0]))
    assert torch.equal(own[:, surface.mirror] * FLIP, own)
    assert float((own[0] - own[1]).abs().max()) > 0.01


def test_rougher_modes_take_smaller_steps_and_cost_more() -> None:
    surface = begun()
    steps = surface.basis.square().mean(0).sqrt()
    assert float(steps[0]) > 2 * float(steps[-1])
    assert bool((surface.stiffness.diff() >= -1e-3).all())
    costs = []
    for mode in (1, MODES - 1):
        with torch.no_grad():
            surface.coefficients.zero_()
            surface.coefficients[mode, 1] = 0.1
        costs.append(float(surface.regularizers()["laplacian"]))
    assert costs[1] > 2 * costs[0] > 0


def test_its_state_dict_is_all_that_it_is() -> None:
    surface = moved()
    blank = Skeleton(
        **{**vars(template("biped").skeleton), "joints": torch.zeros_like(surface.joints), "tips": surface.tips * 0}
    )
    copy = UnitedSurface(blank, {name: value.clone() for name, value in surface.state_dict().items()})
    for name in ("vertices", "faces", "weights", "part", "reference"):
        assert torch.equal(getattr(copy.shared(), name), getattr(surface.shared(), name))
    photos = torch.arange(PHOTOS)
    assert torch.equal(copy.instance(photos), surface.instance(photos))
    assert torch.equal(copy.skeleton().joints, surface.skeleton().joints)
    assert torch.equal(copy.skeleton().tips, surface.skeleton().tips)
    assert copy.skeleton().names == surface.skeleton().names
    assert sorted(copy.state_dict()) == sorted(surface.state_dict())


def test_normalising_is_one_similarity_of_all_that_it_holds() -> None:
    surface = moved()
    with torch.no_grad():
        surface.vertices = surface.vertices * 1.7 + torch.tensor([0.0, 0.4, -0.3])
    photos = torch.arange(PHOTOS)
    mesh, own, skeleton = surface.shared().vertices.detach(), surface.instance(photos).detach(), surface.skeleton()
    joints, tips = skeleton.joints.clone(), skeleton.tips.clone()
    scale, centre = surface.normalise()
    after = surface.shared().vertices.detach()
    torch.testing.assert_close(after, (mesh - centre) * scale, atol=1e-6, rtol=0)
    torch.testing.assert_close(surface.instance(photos), own * scale, atol=1e-6, rtol=0)
    torch.testing.assert_close(surface.skeleton().joints, (joints - centre) * scale)
    torch.testing.assert_close(surface.skeleton().tips, (tips - centre) * scale)
    low, high = after.amin(0), after.amax(0)
    assert float((high - low).max()) == pytest.approx(1, abs=1e-5)
    assert float((high + low).abs().max()) < 1e-5
    assert torch.equal(after[surface.mirror] * FLIP, after), "the sagittal plane stays where it is"
    scale, centre = surface.normalise()
    assert scale == pytest.approx(1, abs=1e-5)
    assert float(centre.abs().max()) < 1e-5
