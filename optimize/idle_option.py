"""Options of a fit that would change nothing: refused, since who gives one expects that it does something.

What the options alone tell is refused before photos are read, the rest as soon as photos and prior are known. A term
that is there and happens to be zero is no idle one.
"""

from __future__ import annotations

from ..scenes.error import InputError
from ..scenes.photos.collection import Collection
from .config import FitConfig
from .observe.semantic_prior import SemanticPrior
from .schedule.stage import LIMB_SWAPS, Stage, Weights

_NEEDS_MAPS = ("canonical", "view", "occlusion", "species")
"""Names of `--without` that leave out what canonical maps say."""
_FREE_CAMERAS = ("elevation", "lens", "strides")
"""Those that are about cameras which have to be found."""
_SEVERAL_PHOTOS = ("color", "texture", "outliers")
"""Those that compare photos with each other."""


def refuse_idle_switches(config: FitConfig, stages: tuple[Stage, ...]) -> None:
    """Raises InputError where `--without` names what the preset does not have; `stages` are its own, with builds that
    compete if it has any do so."""
    for name in config.without:
        if not _is_there(name, stages):
            raise InputError(f"--without {name} changes nothing: preset {config.preset} does without it; leave it out")


def refuse_idle_options(config: FitConfig, collection: Collection, prior: SemanticPrior) -> None:
    """Raises InputError where an option has no meaning for these photos or this semantic prior."""
    why: dict[str, str] = {}
    if prior.canonical is None:
        why |= dict.fromkeys(_NEEDS_MAPS, "there is no canonical network")
    if not _has_features(config, prior):
        why["semantic"] = "there are no feature maps; --semantic timm:NAME adds some"
    if config.template == "discover":
        why["species"] = "--template discover tries no bodies of species"
    if collection.known_cameras:
        why |= dict.fromkeys(_FREE_CAMERAS, "the cameras are known")
    elif all(photo.focal_px is not None for photo in collection.photos):
        why["lens"] = "all focal lengths are recorded"
    if len(collection.photos) == 1:
        why |= dict.fromkeys(_SEVERAL_PHOTOS, "there is one photo")
    for name in config.without:
        if name in why:
            raise InputError(f"--without {name} changes nothing: {why[name]}; leave it out")


def _is_there(name: str, stages: tuple[Stage, ...]) -> bool:
    if name == "strides":
        return any(stage.propose in LIMB_SWAPS for stage in stages)
    if name == "lens":
        return any("lens" in stage.free for stage in stages)
    if name == "gaits":
        return any(stage.weights.pose > 0 for stage in stages)
    if name == "species":
        return len({stage.build for stage in stages if stage.build}) > 1
    if name in vars(Weights()):
        return any(getattr(stage.weights, name) > 0 for stage in stages)
    return True


def _has_features(config: FitConfig, prior: SemanticPrior) -> bool:
    return prior.network is not None or (config.preset == "artic3d" and prior.canonical is not None)
