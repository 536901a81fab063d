"""Everything a fit is told: one frozen dataclass, plain JSON on disk, and what of it is not implemented yet.

Imports nothing heavy, so that the command line can show its help and refuse a wrong option at once.
"""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..scenes.error import InputError
from .path_fields import takes_strings

CONFIG_FORMAT_VERSION = 1
"""Of `config.json`; raised when an option changes its meaning."""

CAMERA_WORDS = ("auto", "estimate")
"""What `cameras` may say besides the path of a file."""

_MODELS = ("diffusion", "tiny_autoencoder")
"""Options that name a diffusion model: a word, an id, or a folder, which is written as ./PATH from the run folder."""

_SEMANTIC_WORDS = ("auto", "none", "embedded", "timm")
"""What `semantic` may say, or begin with, besides the path of a file."""

Preset = Literal["quick", "full", "artic3d"]
TemplateChoice = Literal["auto", "discover", "quadruped", "biped", "bird"]
Switch = Literal[
    "pyramid", "silhouette", "outside", "color", "texture", "canonical", "view", "semantic", "pose", "pose_limit",
    "gaits", "collision", "rest_pose", "elevation", "roll", "deformation", "laplacian", "instance", "lens", "species",
    "occlusion", "outliers", "strides",
]  # fmt: skip
"""What `without` may name: terms of the loss by their weight (see `stage.Weights`), and gaits (motions of the body plan
say which poses are usual), lens (focal lengths that nobody recorded are fitted), outliers (photos that nothing explains
count little), occlusion (what may be hidden is unknown), species (bodies of likely species compete), strides (other
poses of legs are tried)."""
Representation = Literal["parts", "triplane", "spherical"]
RuleName = Literal["dass", "sds", "sdi", "ism", "csd", "nfsd", "bridge", "vsd", "rectified_flow"]
"""Files of `priors.distillation`."""
DEFAULT_RULE: RuleName = "dass"
"""Where a diffusion prior is used and no rule is named."""


@takes_strings
@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """All options of one fit. Raises InputError where a value is out of its bounds."""

    photos: Path
    """Folder of photos of one kind of animal or one character; optional in it: masks/, transforms.json."""
    out: Path
    """Run folder to be written; never inside the folder of photos."""
    category: str | None = None
    """What the subject is, in a word (fox): for a diffusion prior, without which there is nothing that reads it."""
    preset: Preset = "quick"
    """How much work: quick is minutes on two CPU cores, full is longer and finer, artic3d is close to ARTIC3D."""
    template: TemplateChoice = "auto"
    """Skeleton to start from; auto is the template the photos speak for, discover looks for a skeleton in them."""
    representation: Representation = "parts"
    """What the surface is: part surfaces, an SDF tri-plane or a spherical tri-plane."""
    init: Path | None = None
    """Mesh file or folder of another system to start from; none by default."""
    masks: str = "auto"
    """alpha, folder (files in masks/ or beside photos), or auto, which estimates what is not there; estimate and rembg
    do so for all."""
    cameras: str = "auto"
    """auto keeps the cameras of a transforms.json beside the photos, estimate ignores it, a FILE names another."""
    semantic: str = "auto"
    """Prior that tells body parts: none, embedded, timm:NAME, a FILE.safetensors of zoetrope pretrain, or auto."""
    diffusion: str = "auto"
    """Prior that judges novel views: auto, none, embedded, a local folder, or a model id that the hub's cache holds;
    auto is none in preset quick, and else a large model where there is a GPU and one is at hand, or the embedded."""
    rule: RuleName | None = None
    """How the diffusion prior's judgement becomes a pull on pictures; dass by default. nfsd and bridge need a model
    that reads any words, rectified_flow a flow-matching one."""
    clean_up: bool = False
    """Have the diffusion prior paint what photos hide of the subject, behind things and beyond the frame, and listen to
    that with reserve. Masks come out more complete; with the embedded prior fits come out worse (see README)."""
    tiny_autoencoder: str | None = None
    """Folder or id of a tiny autoencoder (TAESD) for the diffusion prior, in place of its own: less time and memory."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps; auto takes a GPU where there is one."""
    seed: int = 0
    """Any but 0 moves first guesses of cameras a little and draws the order of photos in mini-batches, so that several
    seeds show the spread of results; all decide what priors are asked. The same seed, machine and thread count give the
    same result, bit for bit."""
    effort: float = 1.0
    """Multiplies every stage's iterations; 0.1 gives a rough preview."""
    batch: int = 32
    """Most photos that one step looks at; those of larger collections take turns."""
    ground: bool = False
    """The subject stands or walks on level ground in every photo: feet are pulled to one height."""
    without: tuple[Switch, ...] = ()
    """Terms of the loss, and other parts of the method, to leave out, by name: to see what they are worth."""
    resume: bool = False
    """Go on from the last checkpoint in the run folder, with the options it was started with."""
    overwrite: bool = False
    """Replace the run that is already in the run folder."""
    offline: bool = False
    """Use nothing that is not on this machine; a fit downloads nothing unasked in any case."""

    def __post_init__(self) -> None:
        for name, options in _choices().items():
            if getattr(self, name) not in options:
                words = ", ".join(option for option in options if option is not None)
                raise InputError(f"--{name} is {getattr(self, name)!r}; it must be one of {words}")
        for name in self.without:
            if name not in get_args(Switch):
                raise InputError(f"--without names {name!r}; it may name {', '.join(get_args(Switch))}")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"--seed is {self.seed}; it must lie between 0 and 2^63 - 1")
        if not (math.isfinite(self.effort) and self.effort > 0):
            raise InputError(f"--effort is {self.effort}; it must be a positive number, 1 for the preset as it is")
        if self.batch < 1:
            raise InputError(f"--batch is {self.batch}; a step looks at one photo at least")
        if self.clean_up and self.semantic == "none":
            raise InputError(
                "--clean-up needs the canonical network, which --semantic none switches off: leave one out"
            )
        if self.resume and self.overwrite:
            raise InputError("--resume keeps the run and --overwrite throws it away; give one of them")

    def to_json(self) -> dict[str, Any]:
        """Plain data with a format version; paths are relative to the run folder, so that the two move together."""
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        options["without"] = list(self.without)
        del options["out"], options["resume"], options["overwrite"]  # they say how to start, not what to do
        options["photos"] = _relative(self.photos, self.out)
        if self.init is not None:
            options["init"] = _relative(self.init, self.out)
        if self.cameras not in CAMERA_WORDS:
            options["cameras"] = _relative(Path(self.cameras), self.out)
        if _names_file(self.semantic):
            options["semantic"] = _relative(Path(self.semantic), self.out)
        for name in _MODELS:
            if _names_folder(options[name]):
                path = _relative(Path(options[name]), self.out)
                options[name] = path if Path(path).is_absolute() else f"./{path}"
        return {"format_version": CONFIG_FORMAT_VERSION, "options": options}

    @classmethod
    def from_json(cls, data: dict[str, Any], out: Path) -> FitConfig:
        """The options written by `to_json`, for the run folder `out` they were read from.

        Raises InputError for another format version, an unknown option or a value out of its bounds.
        """
        if data.get("format_version") != CONFIG_FORMAT_VERSION:
            raise InputError(
                f"{out / 'config.json'} has format version {data.get('format_version')!r}; "
                f"this zoetrope reads {CONFIG_FORMAT_VERSION}: use the version that wrote it"
            )
        options = dict(data.get("options", {}))
        odd = sorted(set(options) - {field.name for field in dataclasses.fields(cls)})
        if odd or "photos" not in options:
            problem = f"has options unknown here: {', '.join(odd)}" if odd else "does not say where the photos are"
            raise InputError(f"{out / 'config.json'} {problem}; it was not written by this version of zoetrope")
        for name in ("photos", "init"):
            if options.get(name) is not None:
                options[name] = _resolved(options[name], out)
        if options.get("cameras", "auto") not in CAMERA_WORDS:
            options["cameras"] = str(_resolved(options["cameras"], out))
        if _names_file(options.get("semantic", "auto")):
            options["semantic"] = str(_resolved(options["semantic"], out))
        for name in _MODELS:
            if (options.get(name) or "").startswith("./"):
                options[name] = str(_resolved(options[name], out))
        options["without"] = tuple(options.get("without", ()))
        return cls(out=out, **options)  # an option that came later has the default that means what was done before

    @property
    def trained_prior(self) -> Path | None:
        """The file of a canonical network that `semantic` names; None where it says something else."""
        return Path(self.semantic) if _names_file(self.semantic) else None

    def differences(self, other: FitConfig) -> list[str]:
        """Options that decide the result and differ, in words. Where the folder of photos lies does not count, nor do
        order and repetition of names."""
        # Runs of earlier versions note the default rule.
        ours, theirs = (
            dataclasses.replace(one, rule=one.rule or DEFAULT_RULE).to_json()["options"] for one in (self, other)
        )
        names = [name for name in ours if name != "photos" and _same_names(ours[name]) != _same_names(theirs[name])]
        return [f"--{name} {_words(ours[name])} (the run has {_words(theirs[name])})" for name in names]


def check_supported(config: FitConfig) -> None:
    """Raises InputError naming the first option that is accepted but has no implementation yet."""
    for option, value, ready in (
        ("representation", config.representation, ("parts",)),
        ("init", None if config.init is None else str(config.init), (None,)),
        ("masks", config.masks, ("auto", "alpha", "folder", "estimate", "rembg")),
        ("semantic", "embedded" if config.trained_prior else config.semantic.partition(":")[0], _SEMANTIC_WORDS),
    ):
        if value not in ready:
            instead = " or ".join(str(choice) for choice in ready) if ready != (None,) else "no --init"
            raise InputError(f"not implemented yet: --{option} {value}; use {instead}")


def _choices() -> dict[str, tuple[str | None, ...]]:
    """What options that are one of several words may be; None where they may be left open."""
    found: dict[str, tuple[str | None, ...]] = {}
    for name, hint in get_type_hints(FitConfig).items():
        may_be_open = type(None) in get_args(hint)
        for kind in get_args(hint) if may_be_open else (hint,):
            if get_origin(kind) is Literal:
                found[name] = (*get_args(kind), None) if may_be_open else get_args(kind)
    return found


def _same_names(value: Any) -> Any:
    """A list of names as a set, anything else as it is."""
    return frozenset(value) if isinstance(value, list) else value


def _words(value: Any) -> str:
    """An option's value as it is written on the command line."""
    return (" ".join(value) or "nothing") if isinstance(value, list) else str(value)


def _names_file(semantic: str) -> bool:
    """Whether `semantic` is the path of a canonical network; networks of timm may lie in such files as well."""
    return semantic.endswith(".safetensors") and not semantic.startswith("timm:")


def _names_folder(model: str | None) -> bool:
    return model is not None and model not in ("auto", "none", "embedded") and Path(model).is_dir()


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive on Windows: there is no relative path
        return path.absolute().as_posix()


def _resolved(text: str, folder: Path) -> Path:
    return Path(os.path.normpath(folder / text))
