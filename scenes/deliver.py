"""A finished subject as files for people and other programs: exports and turntables, chosen by the file's ending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .atomic import atomic_write
from .error import InputError
from .film import write_film
from .footage import FootageConfig
from .gltf_export import write_glb
from .mesh_file import to_bytes, write_obj, write_ply
from .subject import Subject
from .turntable import render_turntable
from .usd_export import USD_ENDINGS, write_usd
from .vrm_export import write_vrm, write_vrma

FILM_ENDINGS = (".mp4", ".gif", ".webp", ".png")
MESH_ENDINGS = (".glb", ".obj", ".ply", *USD_ENDINGS, ".vrm")
_STRIP = 8


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
    subject: Subject, paths: Sequence[Path], motion: str = "none", config: FootageConfig | None = None
) -> None:
    """Films of the subject turning once, rendered once for all `paths`: .mp4, .gif, .webp; .png is a strip of stills.

    `motion` names one of the subject's clips, or none. Raises InputError for another motion or ending.
    """
    for path in paths:
        if path.suffix not in FILM_ENDINGS:
            raise InputError(f"{path.name}: turntables are written as {', '.join(FILM_ENDINGS)}")
    config = FootageConfig() if config is None else config
    clip = None if motion == "none" else subject.clip(motion)
    texture = None if subject.texture is None else subject.texture.float() / 255
    rendered = render_turntable(subject.mesh, subject.skeleton, texture, clip=clip, config=config)
    frames = [to_bytes(frame) for frame in rendered]
    for path in paths:
        if path.suffix == ".png":
            chosen = [frames[k * len(frames) // _STRIP] for k in range(_STRIP)]
            with atomic_write(path) as temporary:
                Image.fromarray(np.concatenate(chosen, axis=1)).save(temporary)
        else:
            write_film(path, frames, config.frames_per_second)
