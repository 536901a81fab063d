"""Species as templates: bodies in the rest frame that look like the species, and that fits can start from."""

import pytest
import torch

from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.zoo.blueprint import assemble
from zoetrope.scenes.zoo.species import SPECIES, draw_individual
from zoetrope.scenes.zoo.species_template import species_template


@pytest.mark.parametrize("name", SPECIES)
def test_every_species_is_a_template(name: str) -> None:
    start = species_template(name)
    skeleton = start.skeleton
    assert start.build == name
    assert skeleton.plan == SPECIES[name].plan
    assert bool((start.radius > 0).all())
    mirror = torch.tensor(skeleton.mirror)
    assert torch.equal(start.radius, start.radius[mirror])
    # Parts as they come cover the species' own body: the same box, within a tenth of its longest side.
    drawn = assemble(draw_individual(SPECIES[name].shape)).mesh.vertices
    low, high = drawn.amin(0), drawn.amax(0)
    body = (drawn - (low + high) / 2) / (high - low).max()
    parts = PartSurfaces(start, 1).shared().vertices.detach()
    torch.testing.assert_close(parts.amin(0), body.amin(0), atol=0.1, rtol=0)
    # Antlers have no bones.
    torch.testing.assert_close(parts.amax(0), body.amax(0), atol=0.15, rtol=0)


def test_parts_are_about_as_thick_as_the_body() -> None:
    """Radii come from the right bones: a neck's points lie about as far from its bone as those of the body drawn."""
    for name in ("giraffe", "bear"):
        start = species_template(name)
        pieces = assemble(draw_individual(SPECIES[name].shape))
        scale = 1 / (pieces.mesh.vertices.amax(0) - pieces.mesh.vertices.amin(0)).max()
        parts = PartSurfaces(start, 1)
        mesh = parts.shared()
        for bone in ("neck", "chest", "left_hip"):
            joint, other = start.skeleton.index(bone), pieces.skeleton.index(bone)
            ours = mesh.vertices[parts.piece == joint].detach()[:, 0]
            theirs = pieces.mesh.vertices[pieces.mesh.weights.argmax(1) == other][:, 0] * scale
            assert float(ours.max() - ours.min()) == pytest.approx(float(theirs.max() - theirs.min()), rel=0.35)
