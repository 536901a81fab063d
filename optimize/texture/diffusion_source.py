"""Which diffusion prior a fit uses, and in which words it is asked about the subject.

`embedded` is the small model that the package carries, which knows the zoo's species alone; an id or a folder is any
model that `priors.diffusion.load` reads. `auto` is none in preset quick. In the others it is the large model where
there is a GPU and the hub's cache on this machine holds it, and else the embedded one. Nothing is downloaded.

Options that the prior has no use for, and rules that need what it lacks, are refused here, before any work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import torch

from ...priors.canonical import CanonicalPrior
from ...priors.diffusion.load import DiffusionConfig, load_diffusion_prior, model_kind
from ...priors.diffusion.model_description import check_tiny_autoencoder, describe_model
from ...priors.diffusion.prior import DiffusionPrior
from ...priors.distillation.requirement import Capability
from ...priors.embedded import DIFFUSION
from ...scenes.error import InputError
from ...scenes.zoo.species import SPECIES, species_key
from ..config import DEFAULT_RULE, FitConfig, RuleName
from ..observe.observations import Observations
from .distillation_rule import REQUIREMENTS, lacks

LARGE = "stable-diffusion-v1-5/stable-diffusion-v1-5"
SURE = 0.25
"""Mean odds over the photos from which on the canonical network's word for the species is taken; of collections whose
species it knows the right one has .3 to .9 and the next .02 to .3."""


@dataclass(frozen=True)
class DiffusionSource:
    """A model that is there, not loaded yet; or none."""

    name: str | None
    """Folder or id."""
    line: str
    """Which and why, for people."""

    @property
    def embedded(self) -> bool:
        """Whether it knows the zoo's words alone."""
        return self.name == str(DIFFUSION)

    @property
    def models(self) -> dict[str, str]:
        """Ids by what they are for, as a run notes them."""
        return {} if self.name is None else {"diffusion": "embedded" if self.embedded else self.name}

    def load(self, config: FitConfig, device: torch.device) -> DiffusionPrior | None:
        """The model, in half precision on a GPU. Raises InputError where a part of it is missing or broken."""
        if self.name is None:
            return None
        options = DiffusionConfig(
            precision="float16" if device.type == "cuda" else "float32",
            tiny_autoencoder=config.tiny_autoencoder,
            checkpointed=True,
        )
        try:
            return load_diffusion_prior(self.name, device, options)
        except (OSError, ValueError) as error:
            raise _refusal(config.diffusion, str(error)) from error


def diffusion_source(config: FitConfig, device: torch.device) -> DiffusionSource:
    """The model that `--diffusion` asks for.

    Raises InputError, in one line, where it is not on this machine, where there is to be none and another option needs
    one, where it cannot serve the rule, or where it has no use for another option.
    """
    source = _asked_for(config, device)
    if source.name is None:
        _refuse_without_prior(config, source)
        return source
    check_rule(config.rule or DEFAULT_RULE, source)
    if config.tiny_autoencoder is not None:
        try:
            check_tiny_autoencoder(config.tiny_autoencoder, source.name)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--tiny-autoencoder {config.tiny_autoencoder}: {error}; name a folder or an id of a TAESD for this "
                "model, or leave it out"
            ) from error
    check_category(config.category, source)
    return source


def check_rule(rule: RuleName, source: DiffusionSource) -> None:
    """Raises InputError where the model cannot serve the rule: it says what is missing, and which rules would do."""
    if rule not in REQUIREMENTS:
        return
    assert source.name is not None
    try:
        said = describe_model(source.name)
    except (OSError, ValueError) as error:
        raise _refusal("embedded" if source.embedded else source.name, str(error)) from error
    capability = Capability(said.prediction, free_text=not source.embedded, attention=said.attention)
    if lacking := lacks(rule, capability):
        others = ", ".join(other for other in get_args(RuleName) if not lacks(other, capability))
        raise InputError(
            f"rule {rule} cannot ask {source.line}: it needs {' and '.join(lacking)}; with it --rule may be {others}"
        )


def check_category(category: str | None, source: DiffusionSource) -> None:
    """Raises InputError for a word that says nothing to the embedded model."""
    if category is not None and not understood(category, source):
        raise InputError(
            f"--category {category} says nothing to the embedded model, which knows {', '.join(SPECIES)}: name one of "
            "these, leave it out, or give another --diffusion"
        )


def understood(category: str, source: DiffusionSource) -> bool:
    """Whether that word says anything to the model."""
    return not source.embedded or species_key(category) in SPECIES


def _refuse_without_prior(config: FitConfig, source: DiffusionSource) -> None:
    given = {
        "--clean-up": config.clean_up,
        f"--rule {config.rule}": config.rule is not None,
        f"--tiny-autoencoder {config.tiny_autoencoder}": config.tiny_autoencoder is not None,
        f"--category {config.category}": config.category is not None,
    }
    idle = next((option for option, is_given in given.items() if is_given), None)
    if idle is not None:
        raise InputError(
            f"{idle} needs a diffusion prior, and there is {source.line}: give --diffusion embedded, or leave it out"
        )


def _asked_for(config: FitConfig, device: torch.device) -> DiffusionSource:
    if config.diffusion == "none" or (config.diffusion == "auto" and config.preset == "quick"):
        why = "--diffusion none" if config.diffusion == "none" else "preset quick uses none unasked"
        return DiffusionSource(None, f"none ({why})")
    if config.diffusion == "auto":
        return _automatic(device)
    name = str(DIFFUSION) if config.diffusion == "embedded" else config.diffusion
    try:
        kind = model_kind(name)
    except (OSError, ValueError) as error:
        raise _refusal(config.diffusion, str(error)) from error
    return DiffusionSource(name, "the embedded one" if name == str(DIFFUSION) else f"{name} ({kind})")


def _automatic(device: torch.device) -> DiffusionSource:
    why = ""
    if device.type == "cuda":
        try:
            model_kind(LARGE)
            return DiffusionSource(LARGE, f"{LARGE}, from the hub's cache")
        except OSError:
            why = f", since {LARGE} is not in the hub's cache"
    if DIFFUSION.is_dir():
        return DiffusionSource(str(DIFFUSION), f"the embedded one{why}")
    return DiffusionSource(None, f"none (this installation carries no embedded one{why.replace(', since', ', and')})")


def subject_words(
    config: FitConfig, source: DiffusionSource, observations: Observations, canonical: CanonicalPrior | None
) -> tuple[str, str]:
    """What the subject is called when a model is asked about it, and a line on who says so.

    It is what `--category` says, or the species that the canonical network takes it for, or an animal. The embedded
    model is told of the zoo's species alone, as it knows no other words.
    """
    said = config.category
    unknown = f"{said} says nothing to the embedded model; " if said else ""
    if said and understood(said, source):
        return said, f"a subject called {said!r}, as --category says"
    if observations.canonical is not None and canonical is not None:
        odds = observations.canonical.species.mean(0)
        best = int(odds.argmax())
        name = canonical.meaning.species[best].replace("_", " ")
        if float(odds[best]) >= SURE:
            return name, f"{unknown}a subject called {name!r}, as the canonical network says ({float(odds[best]):.0%})"
    return "animal", f"{unknown}a subject called 'animal': nothing says what it is; --category does"


def _refusal(name: str, why: str) -> InputError:
    instead = "none" if name == "embedded" else "embedded"
    return InputError(f"--diffusion {name}: {why}; name a folder or an id that is there, or give --diffusion {instead}")
