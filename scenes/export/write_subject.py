"""A finished subject as files for people and other programs: exports and turntables, chosen by the file's ending."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..atomic import atomic_write
from ..error import InputError
from ..mesh_file import write_obj, write_ply
from ..motion.choose_motion import choose_motion
from ..photos.resample import to_bytes
from ..preview.animation import AnimationConfig
from ..preview.pass_name import Pass
from ..preview.turntable import render_turntable
from ..preview.video import NO_TRANSPARENT_MP4, check_frames_folder, write_frames, write_video
from ..subject import Subject
from .gltf_export import write_glb
from .usd_export import USD_ENDINGS, write_usd
from .vrm_export import write_vrm, write_vrma

VIDEO_ENDINGS = (".mp4", ".gif", ".webp", ".png", "")
MESH_ENDINGS = (".glb", ".obj", ".ply", *USD_ENDINGS, ".vrm")
_STRIP = 8
_WIDEST_FILM = 16383
"""Pixels: the limit of WebP."""


def export_subject(subject: Subject, path: Path) -> None:
    """Writes the subject at rest: .glb and .usdz with rig, texture and clips, .obj with texture, .ply the bare mesh.

    .usdc and .usda are as .usdz, with the texture beside them. .vrm is a humanoid in a T-pose; its clips stand beside
    it, each as NAME_CLIP.vrma. Raises InputError for another ending, where usd-core is not installed, or where what is
    to be a VRM is no humanoid.
    """
    mesh = subject.mesh
    if path.suffix == ".glb":
        write_glb(path, mesh, subject.skeleton, texture=subject.texture, clips=subject.clips)
    elif path.suffix == ".obj":
        write_obj(path, mesh.vertices, mesh.faces, mesh.uv, mesh.uv_faces, subject.texture)
    elif path.suffix == ".ply":
        write_ply(path, mesh.vertices, mesh.faces)
    elif path.suffix in USD_ENDINGS:
        write_usd(path, subject)
    elif path.suffix == ".vrm":
        write_vrm(path, subject)
        for clip in subject.clips:
            write_vrma(path.with_name(f"{path.stem}_{clip.name}.vrma"), subject, clip.name)
    else:
        raise InputError(f"{path.name}: meshes are written as {', '.join(MESH_ENDINGS)}")


def write_turntables(
    subject: Subject,
    paths: Sequence[Path],
    motion: str = "none",
    config: AnimationConfig | None = None,
    passes: Sequence[Pass] = ("color",),
) -> None:
    """Videos of the subject turning, rendered once for all `paths`: .mp4, .gif, .webp; .png is a strip of stills, and a
    path without ending a folder of all frames, 000.png and so on.

    `motion` is none or what `choose_motion` knows; passes stand side by side. Raises InputError for another motion or
    ending, an MP4 without background, frames too wide for videos, and a folder that holds anything but frames.
    """
    config = AnimationConfig() if config is None else config
    _check_videos(paths, config, len(passes))
    clip = None if motion == "none" else choose_motion(subject, motion)
    for note in () if clip is None else clip.notes:
        print(f"note: {motion}: {note}", file=sys.stderr)
    texture = None if subject.texture is None else subject.texture.float() / 255
    rendered = render_turntable(subject.mesh, subject.skeleton, texture, clip=clip, config=config, passes=passes)
    # One file takes frames as they are made, without keeping them.
    frames = map(to_bytes, rendered) if len(paths) == 1 else [to_bytes(frame) for frame in rendered]
    for path in paths:
        if path.suffix == ".png":
            frames = list(frames)
            chosen = [frames[k * len(frames) // _STRIP] for k in range(_STRIP)]
            with atomic_write(path) as temporary:
                Image.fromarray(np.concatenate(chosen, axis=1)).save(temporary)
        elif path.suffix:
            write_video(path, frames, config.frames_per_second)
        else:
            write_frames(path, frames)


def _check_videos(paths: Sequence[Path], config: AnimationConfig, pass_count: int) -> None:
    width = config.size * pass_count
    for path in paths:
        if path.suffix not in VIDEO_ENDINGS:
            known = ", ".join(ending for ending in VIDEO_ENDINGS if ending)
            raise InputError(f"{path.name}: turntables are written as {known}, or without ending as a folder of frames")
        if path.suffix == ".mp4" and config.studio.background is None:
            raise InputError(f"{path.name}: {NO_TRANSPARENT_MP4}")
        if path.suffix in (".mp4", ".webp") and width > _WIDEST_FILM:
            raise InputError(
                f"{path.name}: {pass_count} passes of {config.size} pixels are {width} wide; videos can have "
                f"{_WIDEST_FILM}, so make them smaller or fewer"
            )
        if not path.suffix:
            check_frames_folder(path)
