"""The skeleton that a fit starts from: the one named, the one the photos speak for, or one found in them."""

from __future__ import annotations

import torch

from ..representations.skeleton import BodyPlan
from ..representations.template import BUILDS, Template, template
from .choose_template import choose_template
from .config import FitConfig
from .discover import discover
from .observe import Observations
from .semantic_prior import SemanticPrior
from .skeleton_evidence import Evidence

_SIZE = 256


def starting_template(config: FitConfig, observations: Observations, prior: SemanticPrior) -> tuple[Template, str]:
    """The template and a line on where it comes from. `observations` hold what the prior says of them."""
    if config.template not in ("auto", "discover"):
        return template(config.template), f"{config.template} template, as asked for"
    plan, line = _plan(observations, prior)
    if config.template == "auto":
        return template(plan), f"{plan} template: {line}"
    if plan != "quadruped":
        return template(plan), f"{plan} template: {line}; skeletons are found in photos of quadrupeds only"
    if observations.canonical is None and observations.features is None:
        return template(plan), f"{plan} template: nothing tells parts apart, so no skeleton can be found"
    found = discover(evidence(observations))
    if found.fault:
        return found.template, f"quadruped template: {found.fault}"
    assert found.reference is not None
    return found.template, f"skeleton found in {observations.photos[found.reference].path.name}; {line}"


def builds(start: Template) -> tuple[str, ...]:
    """The builds that compete: all those of a template's plan, or the one that was found."""
    own = BUILDS[start.skeleton.plan]
    return own if start.build in own else (start.build,)


def evidence(observations: Observations) -> Evidence:
    """What the observations say about the skeleton."""
    view, maps = observations.at(_SIZE), observations.canonical
    if maps is None:
        return Evidence(view.mask, features=observations.features, valid=view.valid)
    count = maps.view.shape[1]
    azimuth = (maps.view.sum(2).argmax(1).to(torch.float32) + 0.5) * (360 / count)
    return Evidence(
        view.mask, part=maps.part, left=maps.left, features=observations.features, azimuth_deg=azimuth, valid=view.valid
    )


def _plan(observations: Observations, prior: SemanticPrior) -> tuple[BodyPlan, str]:
    if observations.canonical is None or prior.canonical is None:
        return "quadruped", "no prior tells the body plan"
    choice = choose_template(observations.canonical.plan, prior.canonical.meaning.plans)  # type: ignore[arg-type]
    return choice.plan, choice.line
