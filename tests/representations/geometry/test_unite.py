"""The united mesh: closed, single, even, mirror symmetric, faithful to its pieces and to what they carry."""

import manifold3d
import numpy as np
import pytest
import torch
import trimesh

from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.skinning import skin
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, edges, icosphere
from zoetrope.representations.geometry.unite import United, unite
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.representations.surfaces.part_surface import PartSurfaces

Box = tuple[tuple[float, float, float], tuple[float, float, float]]


def _pieces(*ellipsoids: Box, level: int = 2) -> tuple[SkinnedMesh, torch.Tensor]:
    """Ellipsoids given by centre and radii; piece k hangs on joint k, is part k, and has its own reference."""
    sphere, faces = icosphere(level)
    count = len(sphere)
    vertices = torch.cat([torch.tensor(centre) + sphere * torch.tensor(radii) for centre, radii in ellipsoids])
    piece = torch.arange(len(ellipsoids)).repeat_interleave(count)
    return (
        SkinnedMesh(
            vertices=vertices,
            faces=torch.cat([faces + k * count for k in range(len(ellipsoids))]),
            weights=torch.nn.functional.one_hot(piece, len(ellipsoids)).float(),
            part=piece.clone(),
            reference=vertices + 10 * piece[:, None],
        ),
        piece,
    )


def _shape(united: United) -> trimesh.Trimesh:
    return trimesh.Trimesh(united.mesh.vertices.numpy(), united.mesh.faces.numpy(), process=False)


TRUNK: Box = ((0.0, 0.0, 0.0), (0.14, 0.16, 0.5))
STOOL: tuple[Box, ...] = (
    TRUNK,
    ((0.08, -0.25, 0.3), (0.04, 0.25, 0.05)),
    ((-0.08, -0.25, 0.3), (0.04, 0.25, 0.05)),
    ((0.08, -0.25, -0.3), (0.04, 0.25, 0.05)),
    ((-0.08, -0.25, -0.3), (0.04, 0.25, 0.05)),
)
SMALL = {"resolution": 60, "target_faces": 2400}


@pytest.fixture(scope="module")
def animal() -> tuple[PartSurfaces, United]:
    surface = PartSurfaces(template("quadruped"), 2, level=2)
    surface.cutoff = 3.0
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        surface.coefficients.copy_(0.03 * torch.randn(surface.coefficients.shape, generator=generator))
        surface.instance_coefficients.copy_(
            0.03 * torch.randn(surface.instance_coefficients.shape, generator=generator)
        )
        links = [(j, p) for j, p in enumerate(surface.template.skeleton.parents) if p >= 0]
        mesh = surface.shared()
    return surface, unite(mesh, surface.piece, target_faces=8000, resolution=128, links=links, symmetric=True)


def test_a_quadruped_becomes_one_closed_even_mesh_of_a_sphere_s_topology(animal):
    surface, united = animal
    shape = _shape(united)
    assert shape.is_watertight
    assert shape.is_winding_consistent
    assert shape.body_count == 1
    assert shape.volume > 0
    assert united.euler == shape.euler_number == 2
    assert abs(len(united.mesh.faces) - 8000) < 800
    assert np.degrees(shape.face_angles.min()) > 15
    assert shape.edges_unique_length.max() < 8 * shape.edges_unique_length.min()
    assert set(united.piece.tolist()) == set(range(27))
    # All extremities are there: the box is the pieces' box.
    before, after = surface.shared().vertices.detach(), united.mesh.vertices
    assert torch.allclose(before.amin(0), after.amin(0), atol=0.012)
    assert torch.allclose(before.amax(0), after.amax(0), atol=0.012)


def test_a_symmetric_animal_is_mirrored_to_the_bit(animal):
    surface, united = animal
    assert united.mirror is not None
    flip, swap = torch.tensor([-1.0, 1.0, 1.0]), torch.tensor(surface.template.skeleton.mirror)
    mirror = united.mirror
    assert torch.equal(mirror[mirror], torch.arange(len(mirror)))
    assert torch.equal(united.mesh.vertices[mirror], united.mesh.vertices * flip)
    assert torch.allclose(united.mesh.weights[mirror], united.mesh.weights[:, swap], atol=1e-6)
    off_plane = mirror != torch.arange(len(mirror))
    assert torch.equal(swap[united.piece[mirror]][off_plane], united.piece[off_plane])
    assert torch.allclose(
        united.mesh.reference[mirror][off_plane], (united.mesh.reference * flip)[off_plane], atol=1e-5
    )
    offsets = united.carry(surface.instance(torch.arange(2)).detach())
    assert torch.allclose(offsets[:, mirror], offsets * flip, atol=1e-6)
    faces = {tuple(sorted(face)) for face in united.mesh.faces.tolist()}
    assert faces == {tuple(sorted(face)) for face in mirror[united.mesh.faces].tolist()}


def test_skin_weights_are_a_partition_of_unity_and_do_not_tear(animal):
    surface, united = animal
    weights = united.mesh.weights
    assert bool((weights >= 0).all())
    assert torch.allclose(weights.sum(1), torch.ones(len(weights)), atol=1e-6)
    a, b = edges(united.mesh.faces).T
    assert float((weights[a] - weights[b]).abs().sum(1).max()) < 0.8
    skeleton = surface.template.skeleton
    bend = torch.zeros(1, 27, 3)
    for name, angle in (("left_shoulder", 0.6), ("right_hip", -0.6), ("neck", 0.5), ("tail_1", -0.7)):
        bend[0, skeleton.index(name), 0] = angle
    posed = skin(united.mesh.vertices, weights, forward_kinematics(skeleton, quaternion_from_vector(bend)))[0]
    rest = united.mesh.vertices
    stretch = torch.linalg.vector_norm(posed[a] - posed[b], dim=1) / torch.linalg.vector_norm(rest[a] - rest[b], dim=1)
    assert float(stretch.max()) < 3
    assert float(stretch.quantile(0.99)) < 1.7


def test_every_vertex_knows_its_sources(animal):
    surface, united = animal
    mesh = surface.shared()
    assert torch.equal(mesh.faces[united.source_face], united.source_vertex)
    assert torch.allclose(united.share.sum(1), torch.ones(len(united.share)), atol=1e-6)
    assert bool((united.share.diff(dim=1) <= 1e-6).all())
    assert torch.equal(surface.piece[united.source_vertex[:, 0, 0]], united.piece)
    part_of_piece = {int(k): int(p) for k, p in zip(surface.piece, mesh.part, strict=True)}
    assert [part_of_piece[k] for k in united.piece.tolist()] == united.mesh.part.tolist()
    # The nearest points are near, and so are references to what the sources say.
    carried = united.carry(mesh.vertices.detach())
    assert torch.allclose(carried + united.remainder, united.mesh.vertices, atol=1e-6)
    assert float(united.remainder.norm(dim=1).median()) < 0.005
    assert float(united.remainder.norm(dim=1).max()) < 0.04


def test_carry_is_linear_differentiable_and_follows_rigid_motion(animal):
    surface, united = animal
    vertices = surface.shared().vertices
    shift = torch.tensor([0.1, -0.2, 0.3])
    assert torch.allclose(united.follow(vertices.detach() + shift), united.mesh.vertices + shift, atol=1e-5)
    surface.zero_grad()
    united.follow(vertices).square().sum().backward()
    assert surface.log_radius.grad is not None
    assert float(surface.log_radius.grad.abs().min()) > 0
    surface.zero_grad()


def test_volume_agrees_with_the_boolean_union():
    mesh, piece = _pieces(*STOOL)
    united = unite(mesh, piece, blend=0.0, resolution=84, target_faces=6000)
    parts = []
    for k in range(len(STOOL)):
        faces = mesh.faces[piece[mesh.faces[:, 0]] == k] - k * 162
        parts.append(
            manifold3d.Manifold(manifold3d.Mesh(mesh.vertices[piece == k].numpy(), faces.numpy().astype("u4")))
        )
    boolean = manifold3d.Manifold.batch_boolean(parts, manifold3d.OpType.Add)
    assert _shape(united).volume == pytest.approx(boolean.volume(), rel=0.02)
    assert united.bridges == ()
    assert united.dropped == 0
    filleted = unite(mesh, piece, blend=1.0, resolution=84, target_faces=6000)
    assert 1.002 < _shape(filleted).volume / _shape(united).volume < 1.05


def test_collinear_pieces_join_without_a_bulge_and_neighbours_stay_apart():
    rod = unite(*_pieces(((0.0, 0.0, 0.0), (0.1, 0.1, 0.5)), ((0.0, 0.0, 0.1), (0.1, 0.1, 0.5))), blend=1.0, **SMALL)
    assert float(rod.mesh.vertices[:, :2].norm(dim=1).max()) < 0.102
    # Two legs a twelfth of their length apart, joined at the top only: no fusion, no tunnel.
    legs = (
        ((0.0, 0.4, 0.0), (0.25, 0.1, 0.1)),
        ((0.1, 0.0, 0.0), (0.08, 0.5, 0.08)),
        ((-0.1, 0.0, 0.0), (0.08, 0.5, 0.08)),
    )
    pair = unite(*_pieces(*legs), blend=1.0, **SMALL)
    assert pair.euler == 2
    low = pair.mesh.vertices[pair.mesh.vertices[:, 1] < 0.25]
    assert float(low[:, 0].abs().min()) > 0.005


def test_a_floating_piece_is_tied_on_and_told():
    ear: Box = ((0.0, 0.3, 0.4), (0.03, 0.08, 0.03))
    mesh, piece = _pieces(*STOOL, ear)
    nearest = unite(mesh, piece, **SMALL)
    assert nearest.bridges == ((5, 0),)
    linked = unite(mesh, piece, links=[(1, 0), (5, 2)], **SMALL)
    assert linked.bridges == ((5, 2),)
    for united in (nearest, linked):
        assert _shape(united).body_count == 1
        assert float(united.mesh.vertices[united.piece == 5, 1].max()) > 0.36
    alone = unite(*_pieces(*STOOL), **SMALL)
    assert alone.bridges == ()


def test_a_sheet_without_thickness_is_thickened_not_torn():
    wing: Box = ((0.3, 0.05, 0.0), (0.35, 0.0005, 0.15))
    united = unite(*_pieces(TRUNK, wing), **SMALL)
    assert united.thickened == (1,)
    assert united.euler == 2
    assert float(united.mesh.vertices[:, 0].max()) > 0.62
    tip = united.mesh.vertices[united.mesh.vertices[:, 0] > 0.5]
    assert 0.005 < float(tip[:, 1].amax() - tip[:, 1].amin()) < 0.06


def test_inverted_and_crossing_pieces_count_as_solid():
    mesh, piece = _pieces(*STOOL)
    turned = torch.where((piece[mesh.faces[:, 0]] == 0)[:, None], mesh.faces[:, [0, 2, 1]], mesh.faces)
    flipped = SkinnedMesh(mesh.vertices, turned, mesh.weights, mesh.part, mesh.reference)
    assert _shape(unite(flipped, piece, **SMALL)).volume == pytest.approx(_shape(unite(mesh, piece, **SMALL)).volume)


def test_same_input_same_bits():
    first, second = (unite(*_pieces(*STOOL), symmetric=True, **SMALL) for _ in range(2))
    assert torch.equal(first.mesh.vertices, second.mesh.vertices)
    assert torch.equal(first.mesh.faces, second.mesh.faces)
    assert torch.equal(first.mesh.weights, second.mesh.weights)


def test_what_cannot_be_united_is_refused():
    mesh, piece = _pieces(*STOOL, level=1)
    with pytest.raises(ValueError, match="mirror image of piece 0"):
        unite(mesh.with_vertices(mesh.vertices + torch.tensor([0.05, 0.0, 0.0])), piece, symmetric=True)
    with pytest.raises(ValueError, match="a face joins two pieces"):
        unite(mesh, torch.arange(len(piece)) % 5)
    flat = torch.where((piece == 3)[:, None], torch.zeros(3), mesh.vertices)
    with pytest.raises(ValueError, match="piece 3 has 80 faces and volume 0"):
        unite(mesh.with_vertices(flat), piece)
    apart, two = _pieces(((0.3, 0.0, 0.0), (0.1, 0.1, 0.1)), ((-0.3, 0.0, 0.0), (0.1, 0.1, 0.1)), level=1)
    with pytest.raises(ValueError, match="do not reach the plane"):
        unite(apart, two, symmetric=True)
