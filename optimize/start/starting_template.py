"""The skeletons that a fit starts from: those of the plan named, those the photos speak for, or one found in them."""

from __future__ import annotations

import torch

from ...representations.body.skeleton import BodyPlan
from ...representations.body.template import BUILDS, Template, template
from ...scenes.zoo.species import SPECIES
from ...scenes.zoo.species_template import species_template
from ..config import FitConfig
from ..discover.discover import discover
from ..discover.skeleton_evidence import SkeletonEvidence
from ..observe.observations import Observations
from ..observe.semantic_prior import SemanticPrior
from .choose_template import choose_template

_SIZE = 256
_LIKELY = 0.15
"""Mean odds of a species over the photos from which on its body is tried."""
_MOST_SPECIES = 2


def starting_templates(
    config: FitConfig, observations: Observations, prior: SemanticPrior
) -> tuple[tuple[Template, ...], str]:
    """The templates that compete, and a line on where they come from. `observations` hold what the prior says of them.

    They are all builds of a body plan and the bodies of those species that the photos are likeliest of; or the one that
    was found.
    """
    if config.template not in ("auto", "discover"):
        return _candidates(config, config.template, observations, prior, f"{config.template} template, as asked for")
    plan, line = _plan(observations, prior)
    if config.template == "auto":
        return _candidates(config, plan, observations, prior, f"{plan} template: {line}")
    if plan != "quadruped":
        line = f"{plan} template: {line}; skeletons are found in photos of quadrupeds only"
        return _candidates(config, plan, observations, prior, line)
    if observations.canonical is None and observations.features is None:
        line = f"{plan} template: nothing tells parts apart, so no skeleton can be found"
        return _candidates(config, plan, observations, prior, line)
    found = discover(evidence(observations))
    if found.fault:
        return _candidates(config, "quadruped", observations, prior, f"quadruped template: {found.fault}")
    assert found.reference is not None
    return (found.template,), f"skeleton found in {observations.photos[found.reference].path.name}; {line}"


def _candidates(
    config: FitConfig, plan: BodyPlan, observations: Observations, prior: SemanticPrior, line: str
) -> tuple[tuple[Template, ...], str]:
    usual = tuple(template(plan, build) for build in BUILDS[plan])
    if observations.canonical is None or prior.canonical is None or "species" in config.without:
        return usual, line
    odds = observations.canonical.species.mean(0)
    known = [
        (share, name)
        for share, name in zip(odds.tolist(), prior.canonical.meaning.species, strict=True)
        if name in SPECIES and SPECIES[name].plan == plan and share >= _LIKELY
    ]
    likeliest = sorted(known, reverse=True)[:_MOST_SPECIES]
    if not likeliest:
        return usual, line
    said = " and ".join(f"the zoo's {name} ({share:.0%})" for share, name in likeliest)
    return usual + tuple(species_template(name) for _, name in likeliest), f"{line}; {said} tried as well"


def evidence(observations: Observations) -> SkeletonEvidence:
    """What the observations say about the skeleton, on the CPU, where it is looked for."""
    view, maps = observations.at(_SIZE), observations.canonical
    if maps is None:
        return SkeletonEvidence(view.mask, features=observations.features, valid=view.valid).to("cpu")
    count = maps.view.shape[1]
    azimuth = (maps.view.sum(2).argmax(1).to(torch.float32) + 0.5) * (360 / count)
    return SkeletonEvidence(
        view.mask, part=maps.part, left=maps.left, features=observations.features, azimuth_deg=azimuth, valid=view.valid
    ).to("cpu")


def _plan(observations: Observations, prior: SemanticPrior) -> tuple[BodyPlan, str]:
    if observations.canonical is None or prior.canonical is None:
        return "quadruped", "no prior tells the body plan"
    choice = choose_template(observations.canonical.plan, prior.canonical.meaning.plans)  # type: ignore[arg-type]
    return choice.plan, choice.line
