"""Part surfaces: symmetric, closed, banded, and answering to every one of their parameters."""

import math

import pytest
import torch
from torch import Tensor

from zoetrope.representations.body.skeleton import BodyPlan
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.harmonic import band_degrees
from zoetrope.representations.geometry.mesh import SkinnedMesh, edges
from zoetrope.representations.surfaces.part_surface import PartSurfaces

FLIP = torch.tensor([-1.0, 1.0, 1.0])
PHOTOS = 2


def shaken(plan: BodyPlan = "quadruped", level: int = 2, size: float = 0.05) -> PartSurfaces:
    """Parts with all their parameters off zero and every band open."""
    surface = PartSurfaces(template(plan), PHOTOS, level=level)
    surface.cutoff = float(surface.degree)
    generator = torch.Generator().manual_seed(3)
    rough = 1 / (1 + band_degrees(surface.degree).float())[:, None]
    with torch.no_grad():
        for parameter in (surface.log_length, surface.log_radius, surface.shift):
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
        for parameter in (surface.coefficients, surface.instance_coefficients):
            parameter.copy_(size * rough * torch.randn(parameter.shape, generator=generator))
    return surface


def volumes(mesh: SkinnedMesh, piece: Tensor) -> Tensor:
    """Signed volume enclosed by each piece."""
    corners = mesh.vertices.detach().double()[mesh.faces]
    signed = (corners[:, 0] * torch.linalg.cross(corners[:, 1], corners[:, 2])).sum(1) / 6
    return torch.zeros(int(piece.max()) + 1, dtype=torch.float64).index_add(0, piece[mesh.faces[:, 0]], signed)


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_any_parameters_give_mirror_images(plan: BodyPlan) -> None:
    surface = shaken(plan, size=0.2)
    mesh, skeleton = surface.shared(), surface.skeleton()
    mirror = surface.mirror
    assert torch.equal(mirror[mirror], torch.arange(len(mirror)))
    sides = list(skeleton.mirror)
    torch.testing.assert_close(skeleton.joints[sides] * FLIP, skeleton.joints, atol=1e-6, rtol=0)
    torch.testing.assert_close(skeleton.tips[sides] * FLIP, skeleton.tips, atol=1e-6, rtol=0)
    torch.testing.assert_close(mesh.vertices[mirror] * FLIP, mesh.vertices, atol=2e-6, rtol=0)
    torch.testing.assert_close(mesh.reference[mirror] * FLIP, mesh.reference, atol=2e-6, rtol=0)
    torch.testing.assert_close(mesh.weights[mirror][:, sides], mesh.weights, atol=1e-5, rtol=0)
    own = surface.instance(torch.arange(PHOTOS))
    torch.testing.assert_close(own[:, mirror] * FLIP, own, atol=2e-6, rtol=0)


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_pieces_are_closed_and_have_volume(plan: BodyPlan) -> None:
    surface = shaken(plan)
    mesh = surface.shared()
    assert bool((volumes(mesh, surface.piece) > 0).all())
    assert bool((surface.piece[mesh.faces] == surface.piece[mesh.faces[:, :1]]).all())
    euler = len(mesh.vertices) - len(edges(mesh.faces)) + len(mesh.faces)
    assert euler == 2 * len(surface.skeleton())


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_weights_hold_each_part_to_its_own_bone_and_its_neighbours(plan: BodyPlan) -> None:
    surface = shaken(plan)
    mesh, skeleton = surface.shared(), surface.skeleton()
    torch.testing.assert_close(mesh.weights.sum(1), torch.ones(len(mesh.weights)))
    assert bool((mesh.weights >= 0).all())
    for joint in range(len(skeleton)):
        mine = mesh.weights[surface.piece == joint]
        near = {joint, skeleton.parents[joint], skeleton.main_child[joint]} - {-1}
        far = [k for k in range(len(skeleton)) if k not in near]
        assert not bool(mine[:, far].any())
        equator = surface._sphere[:, 1].abs() < 0.2
        assert float(mine[equator, joint].min()) > 0.95, "the middle of a bone follows that bone"


def test_two_parts_agree_at_the_joint_they_share() -> None:
    surface = PartSurfaces(template("quadruped"), 1, level=4)
    mesh, skeleton = surface.shared(), surface.skeleton()
    for parent, child in enumerate(skeleton.main_child):
        if child < 0:
            continue
        # At the joint's height along either bone both follow the two joints half and half.
        for joint in (parent, child):
            bone = skeleton.tips[joint] - skeleton.joints[joint]
            mine = surface.piece == joint
            along = (mesh.vertices[mine] - skeleton.joints[child]) @ bone / bone.norm()
            nearest = mesh.weights[mine][along.abs().argmin()]
            assert nearest[[parent, child]].tolist() == pytest.approx([0.5, 0.5], abs=0.12)


def test_level_changes_keep_the_shape_and_the_parameters() -> None:
    surface = shaken(level=2)
    coarse = surface.shared()
    before = {name: value.clone() for name, value in surface.named_parameters()}
    own = surface.instance(torch.arange(PHOTOS))
    count = len(coarse.vertices) // len(surface.skeleton())
    surface.set_level(3)
    fine = surface.shared()
    finer_count = len(fine.vertices) // len(surface.skeleton())
    # A finer icosphere begins with the coarser one's vertices.
    kept = torch.cat([torch.arange(count) + j * finer_count for j in range(len(surface.skeleton()))])
    torch.testing.assert_close(fine.vertices[kept], coarse.vertices, atol=2e-5, rtol=0)
    torch.testing.assert_close(surface.instance(torch.arange(PHOTOS))[:, kept], own, atol=2e-5, rtol=0)
    ratio = volumes(fine, surface.piece) / volumes(
        coarse, torch.arange(len(surface.skeleton())).repeat_interleave(count)
    )
    assert bool(((ratio - 1).abs() < 0.1).all())
    assert all(torch.equal(value, before[name]) for name, value in surface.named_parameters())


def test_a_longer_bone_moves_what_hangs_on_it_on_both_sides() -> None:
    surface = PartSurfaces(template("quadruped"), 1)
    rest = surface.skeleton()
    elbow = surface._unique.tolist().index(rest.index("left_elbow"))
    with torch.no_grad():
        surface.log_length[elbow] = math.log(1.5)
    longer = surface.skeleton()
    moved = (longer.joints - rest.joints).norm(dim=1)
    expected = {f"{side}_{name}" for side in ("left", "right") for name in ("wrist", "front_paw")}
    assert {name for name, gap in zip(rest.names, moved.tolist(), strict=True) if gap > 1e-6} == expected
    ratio = (longer.tips - longer.joints).norm(dim=1) / (rest.tips - rest.joints).norm(dim=1)
    for side in ("left", "right"):
        assert ratio[rest.index(f"{side}_elbow")].item() == pytest.approx(1.5)
        assert ratio[rest.index(f"{side}_wrist")].item() == pytest.approx(1)
    assert longer.main_child == rest.main_child


def test_shifts_move_attachments_but_keep_chains_together() -> None:
    surface = PartSurfaces(template("quadruped"), 1)
    rest = surface.skeleton()
    with torch.no_grad():
        surface.shift.fill_(0.05)
    shifted = surface.skeleton()
    assert shifted.main_child == rest.main_child
    assert torch.equal(shifted.joints[0], rest.joints[0]), "the root stays"
    for name in ("spine", "chest", "neck", "head", "muzzle"):
        torch.testing.assert_close(shifted.joints[rest.index(name)], rest.joints[rest.index(name)])
    hip = shifted.joints[rest.index("left_hip")] - rest.joints[rest.index("left_hip")]
    tail = shifted.joints[rest.index("tail_1")] - rest.joints[rest.index("tail_1")]
    torch.testing.assert_close(hip, torch.full((3,), 0.05))
    # The middle stays in the middle.
    torch.testing.assert_close(tail, torch.tensor([0.0, 0.05, 0.05]))


def test_gradients_reach_every_parameter_that_is_not_masked() -> None:
    surface = shaken()
    vertices = surface.shared().vertices + surface.instance(torch.arange(PHOTOS)).sum(0)
    pull = torch.randn(vertices.shape, generator=torch.Generator().manual_seed(0))
    (vertices * pull).sum().backward()
    masks = {
        "log_length": torch.ones_like(surface.log_length),
        "log_radius": torch.ones_like(surface.log_radius),
        "shift": surface._shift_mask,
        "coefficients": surface._mask,
        "instance_coefficients": surface._mask.expand(PHOTOS, -1, -1, -1),
    }
    assert set(masks) == {name for name, _ in surface.named_parameters()}
    for name, mask in masks.items():
        grad = surface.get_parameter(name).grad
        assert grad is not None
        assert torch.equal(grad != 0, mask.expand_as(grad) != 0), name


@pytest.mark.parametrize("name", ["log_length", "log_radius", "shift", "coefficients"])
def test_gradients_are_finite_differences(name: str) -> None:
    surface = shaken("bird", level=1)
    pull = torch.randn(surface.shared().vertices.shape, generator=torch.Generator().manual_seed(0))

    def value() -> Tensor:
        return (surface.shared().vertices.double() * pull).sum()

    value().backward()
    parameter = surface.get_parameter(name)
    assert parameter.grad is not None
    direction = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    expected = float((parameter.grad * direction).sum())
    step = 1e-2
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            parameter.add_(sign * step * direction)
            ends.append(float(value()))
            parameter.sub_(sign * step * direction)
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("cutoff", [0.0, 2.0, 3.5])
def test_the_cutoff_lets_only_lower_bands_through(cutoff: float) -> None:
    surface = shaken(size=0.2)
    surface.cutoff = cutoff
    surface.shared().vertices.square().sum().backward()
    grad = surface.coefficients.grad
    assert grad is not None
    reached = (grad != 0).any(2).any(0)
    degrees = band_degrees(surface.degree)
    # Degree 0 is a shift, which belongs to the joints; the window ends one degree above the cut-off.
    assert torch.equal(reached, (degrees > 0) & (degrees < cutoff + 1))
    before = surface.shared().vertices.detach()
    with torch.no_grad():
        surface.coefficients[:, degrees >= cutoff + 1] += 1
    assert torch.equal(surface.shared().vertices, before)


def test_a_radius_is_felt_across_the_bone_and_not_along_it() -> None:
    thin = PartSurfaces(template("quadruped"), 1)
    thick = PartSurfaces(template("quadruped"), 1)
    with torch.no_grad():
        thick.log_radius.fill_(math.log(2))
    a, b = thin.shared().vertices, thick.shared().vertices
    skeleton = thin.skeleton()
    for joint in range(len(skeleton)):
        mine = thin.piece == joint
        bone = torch.nn.functional.normalize(skeleton.tips[joint] - skeleton.joints[joint], dim=0)
        off_a, off_b = (v[mine] - skeleton.joints[joint] for v in (a, b))
        across_a, across_b = (off - (off @ bone)[:, None] * bone for off in (off_a, off_b))
        torch.testing.assert_close(across_b, 2 * across_a, atol=1e-5, rtol=0)


def test_regularizers_are_zero_on_the_template_and_positive_off_it() -> None:
    quiet = PartSurfaces(template("quadruped"), PHOTOS).regularizers()
    loud = shaken().regularizers()
    assert set(quiet) == set(loud)
    assert all(value.item() == 0 for name, value in quiet.items() if name != "radius_step")
    assert all(value.item() > 0 for value in loud.values())
