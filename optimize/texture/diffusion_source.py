"""Which diffusion prior a fit uses, and in which words it is asked about the subject.

`embedded` is the small model that the package carries, which knows the zoo's species alone; an id or a folder is any
model that `priors.diffusion.load` reads. `auto` is none in preset quick. In the others it is the large model where
there is a GPU and the hub's cache on this machine holds it, and else the embedded one. Nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...priors.canonical import CanonicalPrior
from ...priors.diffusion.load import DiffusionConfig, load_diffusion_prior, model_kind
from ...priors.diffusion.prior import DiffusionPrior
from ...priors.embedded import DIFFUSION
from ...scenes.error import InputError
from ...scenes.zoo.species import SPECIES, species_key
from ..config import FitConfig
from ..observe.observations import Observations

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
    """The model that `--diffusion` asks for. Raises InputError, in one line, where it is not on this machine, or where
    there is to be none and another option needs one."""
    source = _asked_for(config, device)
    if source.name is None and config.clean_up:
        raise InputError(f"--clean-up needs a diffusion prior, and there is {source.line}: give --diffusion embedded")
    return source


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
    if said and not (source.embedded and species_key(said) not in SPECIES):
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
