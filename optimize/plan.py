"""What a fit would do, said before it does it: `zoetrope fit ... --plan`."""

from __future__ import annotations

from ..representations.body.template import BUILDS
from ..scenes.photos.collection import Collection
from ..scenes.run_folder import visible_names
from .config import FitConfig, Preset, check_supported
from .idle_option import refuse_idle_switches
from .observe.estimated_masks import mask_estimator
from .prepare import prepare
from .schedule.artic3d_preset import artic3d
from .schedule.stage import Stage, full, grounded, quick, shortened, without


def check_options(config: FitConfig) -> None:
    """Raises InputError naming the first option that is not implemented yet, or that changes nothing in this preset."""
    check_supported(config)
    refuse_idle_switches(config, _preset(config.preset, ("one build", "another build"), contested=False))


def schedule(
    config: FitConfig, builds: tuple[str, ...], *, contested: bool = False, known_cameras: bool = False
) -> tuple[Stage, ...]:
    """The stages that the options ask for, with builds that compete, `effort` applied; see `quick` for `contested`,
    which preset artic3d knows nothing of.

    Hypotheses of photos with known cameras are judged as wholes, and one photo's legs decide nothing: no other strides
    are tried there.
    """
    check_supported(config)
    stages = _preset(config.preset, builds, contested)
    off = {*config.without, "strides"} if known_cameras else config.without
    stages = without(grounded(stages) if config.ground else stages, off)
    return stages if config.effort == 1 else shortened(stages, config.effort)


def _preset(name: Preset, builds: tuple[str, ...], contested: bool) -> tuple[Stage, ...]:
    if name == "artic3d":
        return artic3d(builds)
    return {"quick": quick, "full": full}[name](builds, contested)


def plan(config: FitConfig) -> list[str]:
    """Lines for people: photos found, photos left out and why, device, seed, stages. Reads the photos, writes nothing.

    Raises InputError as the fit itself would.
    """
    check_options(config)
    ready = prepare(config)
    photos, prior = ready.photos, ready.semantic
    known = config.template not in ("auto", "discover")
    builds = BUILDS[config.template if known else "quadruped"]  # type: ignore[index]
    stages = schedule(config, builds, known_cameras=photos.known_cameras)
    masks = mask_estimator(photos, config, prior)  # refuses what the fit would refuse
    lines = [f"{config.photos}: {_photos(photos)}"]
    lines += [f"  left out: {entry}" for entry in photos.rejected]
    lines += [f"  note: {note}" for note in photos.notes]
    if masks:
        lines.append(f"  masks to be estimated: {masks}")
    skeleton = {"auto": "template as the photos say", "discover": "skeleton from the photos"}
    start = skeleton.get(config.template, f"template {config.template}")
    lines.append(f"{start}, surface {config.representation}")
    lines.append(f"semantic prior: {prior.line}")
    lines.append(f"diffusion prior: {ready.source.line}")
    if not known:
        lines.append("stages below are those of a quadruped; other plans have fewer builds to try")
    if prior.canonical is not None:
        lines.append("bodies of species that the canonical network takes the subject for are tried as well")
        lines.append("where the canonical network is in doubt, a fit without its maps is tried as well")
    occupied = visible_names(config.out) and not (config.resume or config.overwrite)
    hint = ", which is not empty: add --resume or --overwrite" if occupied else ""
    lines.append(f"device {ready.device}, seed {config.seed}, into {config.out}{hint}")
    if len(photos.photos) > config.batch:
        lines.append(f"each iteration looks at {config.batch} photos at most, in turns")
    width = max(len(stage.name) for stage in stages)
    for stage in stages:
        what = "headings of the subject" if photos.known_cameras else "hypotheses of each photo"
        hypotheses = f", {stage.hypotheses_per_photo} {what}" if stage.hypotheses_per_photo > 1 else ""
        free = ", ".join(sorted(name.replace("_", " ") for name in stage.free))
        crops = f"{stage.iterations:4} iterations at {stage.size}x{stage.size}"
        lines.append(f"  {stage.name:<{width}} {crops}{hypotheses}; free: {free}")
    lines.append(f"{sum(stage.iterations for stage in stages)} iterations in all, then union, texture and export")
    return lines


def _photos(photos: Collection) -> str:
    count = len(photos.photos)
    masked = sum(photo.mask is not None for photo in photos.photos)
    cameras = "known cameras" if photos.known_cameras else "cameras to be estimated"
    return f"{count} photo{'s' * (count != 1)}, {masked} with a mask, {cameras}"
