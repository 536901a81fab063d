"""A finished run in motion: a video, and a GLB that carries the motion; refined by a diffusion prior where asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ...eval.embedded_judge import likeliest_species, load_embedded_judge
from ...eval.metrics.clip_similarity import orbit_views
from ...priors.diffusion.guidance import GuidanceConfig
from ...scenes.error import InputError
from ...scenes.export.write_subject import export_subject
from ...scenes.motion.choose_motion import choose_motion, require_repeats
from ...scenes.preview.animation import Animation, AnimationConfig
from ...scenes.preview.video import write_video
from ...scenes.run_folder import RunFolder
from ...scenes.subject import Subject, load_subject
from ..config import FitConfig
from ..device import choose_device
from ..run.open_run import read_config
from ..texture.diffusion_source import SURE, DiffusionSource, diffusion_source, understood
from ..texture.unseen_sides import EMBEDDED_GUIDANCE
from .animate_config import DEFAULT_SECONDS, AnimateConfig
from .refine_animation import RefineConfig, RefinedAnimation, baked, refine_animation

ANIMAL = "animal"


def animate(config: AnimateConfig) -> list[Path]:
    """Writes RUN/export/MOTION.glb, with the motion first and the subject's own clips after it, and MOTION.mp4; returns
    both.

    Raises InputError where the run is not finished, the motion is not to be had, or the prior is not on this machine.
    """
    told, run = read_config(config.run_folder), RunFolder(config.run_folder)
    diffusion = config.diffusion or "embedded"
    # What the run was told about its own prior is none of this command's options.
    tiny = told.tiny_autoencoder if diffusion == told.diffusion else None
    how = {"diffusion": diffusion, "category": config.category, "device": config.device or "auto"}
    asked = replace(told, **how, tiny_autoencoder=tiny, rule=None, clean_up=False)
    device = choose_device(asked.device)
    source = diffusion_source(asked, device) if config.refine != "none" else None
    subject = load_subject(run.exact_subject)
    clip = choose_motion(subject, config.motion, limit=config.limit, hold_feet=config.hold_feet)
    for note in clip.notes:
        print(f"note: {config.motion}: {note}", file=sys.stderr)
    require_repeats(clip, config.seconds)
    animation = Animation.of(
        subject.mesh,
        subject.skeleton,
        clip,
        AnimationConfig(
            size=config.size,
            seconds=config.seconds or DEFAULT_SECONDS,
            frames_per_second=config.fps,
            skinning=config.skinning,
            turns=config.turns,
            elevation_deg=config.elevation,
            start_deg=config.azimuth,
        ),
    )
    texture = None if subject.texture is None else subject.texture.float() / 255
    refined = None
    if source is not None and config.refine != "none":
        if texture is None:
            raise InputError(f"{run.root} has a subject without a texture, which --refine is about")
        prior = source.load(asked, device)
        assert prior is not None
        rules = RefineConfig(kind=config.refine, negatives=not source.embedded)
        if source.embedded:
            rules = replace(rules, guidance=GuidanceConfig(scale=EMBEDDED_GUIDANCE))
        word, why = _subject_words(config, told, source, subject)
        print(f"diffusion prior: {source.line}; a subject called {word!r}, {why}", file=sys.stderr)
        generator = torch.Generator().manual_seed(config.seed or 0)
        refined = refine_animation(animation, texture, prior, word, rules, generator)
        if config.bake:
            texture = baked(animation, texture, refined)
            subject = replace(subject, texture=(texture * 255).round().to(torch.uint8))
            refined = None
    others = tuple(one for one in subject.clips if one.name != clip.name)
    stem = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in clip.name)
    model, video = (run.export / f"{stem}.{ending}" for ending in ("glb", "mp4"))
    export_subject(replace(subject, clips=(clip, *others)), model)
    write_video(video, _frames(animation, texture, refined), config.fps)
    return [model, video]


def _subject_words(
    config: AnimateConfig, told: FitConfig, source: DiffusionSource, subject: Subject
) -> tuple[str, str]:
    """What the subject is called when a prior is asked about it, and who says so."""
    said = config.category or told.category
    if said and understood(said, source):
        return said, "as --category says"
    assert subject.texture is not None
    views = orbit_views(subject.mesh.vertices, subject.mesh, subject.texture.float() / 255)
    name, odds = likeliest_species(load_embedded_judge(), views)
    if odds < SURE:
        return ANIMAL, "since nothing says what it is; --category does"
    return name, f"as the canonical network says ({odds:.0%})"


def _frames(animation: Animation, texture: Tensor | None, refined: RefinedAnimation | None) -> Iterator[Tensor]:
    for part in animation.parts():
        frames = animation.draw(part, texture).color
        yield from frames if refined is None else refined.over(frames, int(part[0]))
