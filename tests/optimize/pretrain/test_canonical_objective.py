"""The objective is least where the network says what is true."""

import math
from dataclasses import replace

import pytest
import torch

from zoetrope.optimize.pretrain.augment import AugmentConfig, Batch, draw_batch
from zoetrope.optimize.pretrain.canonical import ELEVATION_EDGES_DEG, layout, meaning
from zoetrope.optimize.pretrain.canonical_objective import CanonicalObjective
from zoetrope.optimize.pretrain.pool import Pool
from zoetrope.optimize.pretrain.reference_key import reference_keys
from zoetrope.priors.canonical_network import CanonicalOutput
from zoetrope.scenes.photography.label import NONE


@pytest.fixture(scope="module")
def batch(pool: Pool) -> Batch:
    return draw_batch(pool, torch.arange(8), 64, AugmentConfig(strength=0.0), torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def objective() -> CanonicalObjective:
    return CanonicalObjective(reference_keys(64), torch.tensor(ELEVATION_EDGES_DEG), torch.arange(17) % 3)


def truth(batch: Batch, objective: CanonicalObjective) -> tuple[CanonicalOutput, torch.Tensor]:
    """What a perfect network would say, and the descriptors of the keys."""
    says = layout(meaning())
    sign = torch.where(batch.left < 0.5, -1.0, 1.0)
    signed = torch.cat([batch.canonical_xyz[:, :1] * sign[:, None], batch.canonical_xyz[:, 1:]], 1).permute(0, 2, 3, 1)
    # Descriptors of 64 dimensions, one for each key: that of the nearest.
    nearest = torch.cdist(signed.flatten(0, 2), objective.key_places).argmin(1)
    descriptor = torch.nn.functional.one_hot(nearest, 64).float().view(*signed.shape[:3], 64).permute(0, 3, 1, 2)
    part = 20.0 * torch.nn.functional.one_hot(torch.where(batch.part == NONE, 0, batch.part), says.part_count)
    blank = torch.zeros(8, says.azimuth_count, says.elevation_count)
    out = CanonicalOutput(
        foreground=(batch.visible.clamp(1e-4, 1 - 1e-4)).logit(),
        amodal=(batch.amodal.clamp(1e-4, 1 - 1e-4)).logit(),
        part=part.permute(0, 3, 1, 2).float(),
        left=(0.02 + 0.96 * batch.left).logit(),
        canonical_xyz=batch.canonical_xyz,
        log_spread=torch.full_like(batch.left, math.log(0.02)),
        descriptor=descriptor,
        view=blank,
        plan=8.0 * torch.nn.functional.one_hot(objective.plan_of_species[batch.species], 3),
        species=8.0 * torch.nn.functional.one_hot(batch.species, 17),
    )
    view = objective.view_target(batch.view, out).clamp_min(1e-9).log()
    return replace(out, view=view), torch.eye(64)


def terms(objective: CanonicalObjective, out: CanonicalOutput, keys: torch.Tensor, batch: Batch) -> dict[str, float]:
    found = objective(out, keys, batch, True, torch.Generator().manual_seed(1))
    return {name: float(value) for name, value in found.items()}


def test_every_lie_costs(batch: Batch, objective: CanonicalObjective) -> None:
    out, keys = truth(batch, objective)
    best = terms(objective, out, keys, batch)
    assert best["canonical_xyz"] == pytest.approx(math.log(0.02), abs=1e-5)
    assert best["dice"] < 0.6, "pixels at the border are half covered, which Dice does not know"
    lies = {
        "foreground": replace(out, foreground=-out.foreground),
        "dice": replace(out, foreground=-out.foreground),
        "amodal": replace(out, amodal=-out.amodal),
        "part": replace(out, part=out.part.roll(1, 1)),
        "left": replace(out, left=-out.left),
        "canonical_xyz": replace(out, canonical_xyz=out.canonical_xyz + 0.1),
        "descriptor": replace(out, descriptor=out.descriptor.roll(1, 1)),
        "view": replace(out, view=out.view.roll(18, 1)),
        "plan": replace(out, plan=out.plan.roll(1, 1)),
        "species": replace(out, species=out.species.roll(1, 1)),
    }
    assert set(lies) == set(best)
    for name, lie in lies.items():
        told = terms(objective, lie, keys, batch)
        assert told[name] > best[name] + 0.01, name
        others = {key for key in best if abs(told[key] - best[key]) > 1e-6} - {name}
        assert others <= {"foreground", "dice"}, f"{name} is said by {others} as well"


def test_only_what_is_in_view_counts(batch: Batch, objective: CanonicalObjective) -> None:
    out, keys = truth(batch, objective)
    beside = (batch.part == NONE)[:, None]
    odd = replace(
        out,
        part=torch.where(beside, out.part.roll(1, 1), out.part),
        canonical_xyz=torch.where(beside, out.canonical_xyz + 3, out.canonical_xyz),
    )
    assert terms(objective, odd, keys, batch) == terms(objective, out, keys, batch)


def test_a_pixel_is_compared_by_the_descriptor_of_the_cell_that_it_lies_in(
    batch: Batch, objective: CanonicalObjective
) -> None:
    out, keys = truth(batch, objective)
    best = terms(objective, out, keys, batch)["descriptor"]
    coarser = out.descriptor[:, :, ::2, ::2]
    near = terms(objective, replace(out, descriptor=coarser), keys, batch)["descriptor"]
    far = terms(objective, replace(out, descriptor=coarser.roll(4, 3)), keys, batch)["descriptor"]
    assert best < near < best + 0.5 * (far - best)


def test_doubt_pays_where_the_place_is_wrong(batch: Batch, objective: CanonicalObjective) -> None:
    out, keys = truth(batch, objective)
    wrong = replace(out, canonical_xyz=out.canonical_xyz + 0.2)
    spreads = {b: replace(wrong, log_spread=torch.full_like(out.log_spread, math.log(b))) for b in (0.1, 0.2, 0.4)}
    losses = {b: terms(objective, one, keys, batch)["canonical_xyz"] for b, one in spreads.items()}
    assert min(losses, key=lambda b: losses[b]) == 0.2, "the Laplace scale that fits is the mean error"


def test_keys_lie_all_over_the_body_on_both_sides() -> None:
    keys = reference_keys(256)
    assert torch.equal(keys[:64], reference_keys(64))
    assert 0.35 < float((keys[:, 0] > 0.04).float().mean()) < 0.65
    gaps = torch.cdist(keys, keys).fill_diagonal_(9).amin(1)
    assert float(gaps.min()) > 0.05
    assert float(keys[:, 2].max()) > 1.6
    assert float(keys[:, 2].min()) < -1.4
