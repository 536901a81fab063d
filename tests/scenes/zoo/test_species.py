"""All species: whole skeletons and pieces, heights as in life, individuals that differ in proportions alone."""

import numpy as np
import pytest
import torch

from zoetrope.representations.body.chart import PARTS
from zoetrope.scenes.zoo.blueprint import BlueprintPieces, assemble
from zoetrope.scenes.zoo.quadruped import QuadrupedShape
from zoetrope.scenes.zoo.species import SPECIES, draw_individual
from zoetrope.scenes.zoo.vary import vary

WITHERS = {
    # Trunk length and height at the withers in metres, of adults.
    "horse": (1.08, 1.58), "zebra": (0.95, 1.38), "cow": (1.25, 1.45), "sheep": (0.62, 0.75), "elephant": (1.7, 2.9),
    "giraffe": (1.25, 2.9), "tiger": (1.05, 0.98), "cat": (0.28, 0.27), "dog": (0.52, 0.62), "fox": (0.33, 0.39),
    "deer": (0.85, 1.08), "bear": (1.0, 1.05),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(SPECIES))
def species(request: pytest.FixtureRequest) -> str:
    return request.param


def pieces(name: str, seed: int | None = None) -> BlueprintPieces:
    shape = SPECIES[name].shape
    return assemble(draw_individual(shape if seed is None else vary(shape, np.random.default_rng(seed))))


def test_skeletons_and_pieces_are_whole(species: str) -> None:
    found = pieces(species)
    mesh, skeleton = found.mesh, found.skeleton
    assert torch.allclose(mesh.weights.sum(1), torch.ones(len(mesh.vertices)), atol=1e-5)
    assert float(mesh.weights.min()) > -1e-6
    assert torch.isfinite(mesh.reference).all()
    # Left and right are mirror images, joints and surface.
    flip = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(skeleton.joints[list(skeleton.mirror)] * flip, skeleton.joints, atol=1e-6)
    assert torch.allclose(mesh.vertices.amin(0)[0], -mesh.vertices.amax(0)[0], atol=1e-5)
    # It stands on the ground and looks forward.
    assert -0.05 < float(mesh.vertices[:, 1].min()) < 0.03
    head = mesh.vertices[mesh.weights[:, skeleton.index("head")] > 0.5].mean(0)
    assert float(head[1]) > 0.4 * float(mesh.vertices[:, 1].max())
    nose = "muzzle" if "muzzle" in skeleton.names else ("beak" if "beak" in skeleton.names else None)
    if nose:
        assert float(skeleton.tips[skeleton.index(nose)][2]) > float(skeleton.joints[0][2]) + 0.3
    assert {PARTS[k] for k in mesh.part.tolist()} >= {
        "trunk_rear",
        "trunk_front",
        "head",
        "left_hind_upper",
        "right_front_lower",
    }


def test_right_pieces_have_the_left_ones_addresses_on_the_other_side(species: str) -> None:
    found = pieces(species)
    for left in (name for name in found.names if name.startswith("left")):
        here = found.piece == found.names.index(left)
        there = found.piece == found.names.index(left.replace("left", "right", 1))
        flip = torch.tensor([-1.0, 1.0, 1.0])
        assert torch.allclose(found.mesh.vertices[there], found.mesh.vertices[here] * flip, atol=1e-6)
        assert torch.allclose(found.mesh.reference[there], found.mesh.reference[here] * flip, atol=1e-4), left


@pytest.mark.parametrize("name", WITHERS)
def test_animals_are_as_high_as_in_life(name: str) -> None:
    shape = SPECIES[name].shape
    assert isinstance(shape, QuadrupedShape)
    trunk, height = WITHERS[name]
    top = (shape.fore.height + shape.trunk.withers * shape.trunk.depth) * trunk
    assert top == pytest.approx(height, rel=0.12)


def test_individuals_differ_in_proportions_alone(species: str) -> None:
    mean, one, other = pieces(species), pieces(species, 1), pieces(species, 2)
    assert mean.names == one.names == other.names
    assert (mean.mesh.faces == one.mesh.faces).all()
    apart = (one.mesh.vertices - other.mesh.vertices).norm(dim=1)
    assert 0.01 < float(apart.mean()) < 0.5
    assert (pieces(species, 1).mesh.vertices == one.mesh.vertices).all()
    # The same place of the body keeps its coordinate on the reference body.
    own = torch.tensor([not PARTS[k].endswith(("_eye", "head", "neck")) for k in mean.mesh.part.tolist()])
    moved = (mean.mesh.reference - one.mesh.reference).norm(dim=1)[own]
    assert float(moved.quantile(0.9)) < 0.05


def test_a_giraffes_knee_has_the_coordinate_of_a_cats_knee() -> None:
    def knee(name: str) -> torch.Tensor:
        found = pieces(name)
        joint = found.skeleton.joints[found.skeleton.index("left_knee")]
        leg = (found.piece == found.names.index("left_hind_leg")).nonzero()[:, 0]
        near = leg[(found.mesh.vertices[leg] - joint).norm(dim=1).argsort()[:12]]
        return found.mesh.reference[near].mean(0)

    assert float((knee("giraffe") - knee("cat")).norm()) < 0.06
    assert float((knee("giraffe") - knee("elephant")).norm()) < 0.06
