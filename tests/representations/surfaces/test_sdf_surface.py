"""The signed distance grid as a surface: constructors, derivatives, topology, fitting."""

import pytest
import torch

from zoetrope.representations.geometry.mesh import face_normals, icosphere
from zoetrope.representations.surfaces.sdf_surface import SdfSurface


def _volume(surface: SdfSurface) -> float:
    mesh = surface.shared()
    vertices = mesh.vertices.detach()
    return float((face_normals(vertices, mesh.faces) * vertices[mesh.faces[:, 0]]).sum() / 6)


def test_a_sphere_has_its_radius_volume_and_distance():
    surface = SdfSurface.ellipsoid((0.5, 0.5, 0.5), resolution=40)
    assert torch.allclose(surface.shared().vertices.norm(dim=1), torch.tensor(0.5), atol=1e-3)
    assert _volume(surface) == pytest.approx(4 / 3 * torch.pi * 0.125, rel=0.01)
    points = torch.tensor([[0.1, 0.2, -0.3], [0.3, 0.4, 0.1], [0.0, 2.0, 0.0]])
    assert torch.allclose(surface.field(points), points.norm(dim=1) - 0.5, atol=4e-3)
    losses = surface.regularizers()
    assert losses["eikonal"].item() < 2e-3
    with torch.no_grad():
        surface.values.mul_(1.5)
    assert float(surface.regularizers()["eikonal"]) == pytest.approx(0.25, rel=0.1)


def test_smoothness_is_the_squared_laplacian():
    # d = x^2 + 2 y^2 - z^2 over h: second differences 2 h, 4 h, -2 h in grid spacings.
    axis = torch.arange(-4, 5).double() * 0.1
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    surface = SdfSurface(x**2 + 2 * y**2 - z**2 - 0.05, torch.full((3,), -0.4, dtype=torch.float64), 0.1)
    with torch.no_grad():
        surface.values.copy_(x**2 + 2 * y**2 - z**2 + 5)  # far from the clamp at the border
    assert float(surface.regularizers()["smoothness"]) == pytest.approx((4 * 0.1) ** 2, rel=1e-6)


def test_an_ellipsoid_lies_where_it_should():
    radii = torch.tensor([0.2, 0.5, 0.3])
    surface = SdfSurface.ellipsoid(radii.tolist(), resolution=48)
    assert torch.allclose((surface.shared().vertices / radii).norm(dim=1), torch.tensor(1.0), atol=0.02)


def test_a_mesh_is_reproduced():
    sphere, faces = icosphere(3)
    vertices = sphere * torch.tensor([0.3, 0.2, 0.5]) + torch.tensor([0.1, -0.2, 0.0])
    surface = SdfSurface.from_mesh(vertices, faces, resolution=40)
    middle = torch.tensor([0.1, -0.2, 0.0])
    assert torch.allclose(
        ((surface.shared().vertices - middle) / torch.tensor([0.3, 0.2, 0.5])).norm(dim=1), torch.tensor(1.0), atol=0.03
    )
    assert float(surface.field(middle[None])) == pytest.approx(-0.2, abs=0.02)
    outward = torch.linalg.vector_norm(surface.shared().vertices.amax(0) - vertices.amax(0))
    assert float(outward) < 0.01


def test_gradcheck_of_vertices_field_and_instances():
    surface = SdfSurface.ellipsoid((0.5, 0.41, 0.43), resolution=13, photo_count=2).double()
    with torch.no_grad():  # no value at zero, where a step would take a vertex off its edge
        surface.values.add_(0.013)
    surface.extract()
    weight = torch.randn(len(surface.shared().vertices), 3, dtype=torch.float64)

    def vertices(values: torch.Tensor) -> torch.Tensor:
        mesh = torch.func.functional_call(_Call(surface, "shared"), {"surface.values": values}, ())
        return (mesh.vertices * weight).sum(1)

    assert len(weight) > 50
    assert torch.autograd.gradcheck(vertices, (surface.values.detach().clone().requires_grad_(),), fast_mode=True)
    points = (0.4 * torch.randn(6, 3, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(surface.field, (points,))
    assert torch.autograd.gradgradcheck(surface.field, (points,))
    surface.instance(torch.tensor([1])).sum().backward()
    # Shares of the eight neighbours sum to one for every vertex and axis.
    assert surface.offsets.grad is not None
    assert float(surface.offsets.grad[1].sum()) == pytest.approx(3 * len(weight))


class _Call(torch.nn.Module):
    def __init__(self, surface: SdfSurface, method: str) -> None:
        super().__init__()
        self.surface = surface
        self.method = method

    def forward(self) -> object:
        return getattr(self.surface, self.method)()


def test_a_sphere_is_fitted_to_an_ellipsoid():
    torch.manual_seed(0)
    radii = torch.tensor([0.3, 0.45, 0.6])
    surface = SdfSurface.ellipsoid((0.45, 0.45, 0.45), resolution=24)
    wide = torch.nn.functional.pad(surface.values.detach()[None, None], (0, 0, 0, 0, 5, 5), mode="replicate")[0, 0]
    surface = SdfSurface(wide, surface.low - torch.tensor([0.0, 0.0, 5 * surface.spacing]), surface.spacing)
    first = surface.faces.shape
    optimizer = torch.optim.Adam(surface.parameters(), lr=0.01)
    for _ in range(120):
        surface.extract()
        vertices = surface.shared().vertices
        level = (vertices / radii).norm(dim=1) - 1
        losses = surface.regularizers()
        loss = level.square().mean() + 0.02 * losses["eikonal"] + 0.02 * losses["smoothness"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    surface.extract()
    assert surface.faces.shape != first
    final = (surface.shared().vertices / radii).norm(dim=1)
    assert float((final - 1).abs().mean()) < 0.05
    assert _volume(surface) == pytest.approx(4 / 3 * torch.pi * float(radii.prod()), rel=0.08)


def test_topology_stays_until_asked_and_travels_with_the_state():
    surface = SdfSurface.ellipsoid((0.4, 0.4, 0.4), resolution=24)
    faces = surface.faces
    with torch.no_grad():
        surface.values.sub_(2.5 * surface.spacing)
    still = surface.shared()
    assert torch.equal(still.faces, faces)
    assert bool(still.vertices.isfinite().all())
    surface.extract()
    grown = surface.shared()
    assert grown.faces.shape != faces.shape
    other = SdfSurface.ellipsoid((0.4, 0.4, 0.4), resolution=24)
    other.load_state_dict(surface.state_dict())
    assert torch.equal(other.shared().vertices, grown.vertices)
    assert torch.equal(other.shared().faces, grown.faces)


def test_it_stays_closed_at_the_border_and_refuses_to_vanish():
    surface = SdfSurface.ellipsoid((0.4, 0.3, 0.4), resolution=16)
    with torch.no_grad():
        surface.values.sub_(10)
    surface.extract()
    faces = surface.faces
    pairs = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).sort(dim=1).values
    assert bool((pairs.unique(dim=0, return_counts=True)[1] == 2).all())
    with torch.no_grad():
        surface.values.add_(20)
    with pytest.raises(ValueError, match="vanished"):
        surface.extract()
    with pytest.raises(ValueError, match="three positive radii"):
        SdfSurface.ellipsoid((1.0, -1.0, 1.0))


def test_the_chart_gives_parts_and_references():
    def chart(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return (points[:, 1] > 0).long(), 2 * points

    mesh = SdfSurface.ellipsoid((0.4, 0.4, 0.4), resolution=16, joint_count=3, chart=chart).shared()
    assert torch.equal(mesh.part, (mesh.vertices[:, 1] > 0).long())
    assert torch.equal(mesh.reference, 2 * mesh.vertices.detach())
    assert not mesh.reference.requires_grad
    assert mesh.weights.shape[1] == 3
    assert bool((mesh.weights[:, 0] == 1).all())
