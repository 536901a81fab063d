"""What the subject of one run gives that of another: texture, pose, shape; each a GLB and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.motion.clip import Clip
from ...scenes.atomic import atomic_write
from ...scenes.error import InputError
from ...scenes.export.gltf_export import write_glb
from ...scenes.export.write_subject import export_subject
from ...scenes.gltf.file import GltfFile
from ...scenes.gltf.node import read_nodes
from ...scenes.photos.resample import to_bytes
from ...scenes.preview.animation import Animation, AnimationConfig
from ...scenes.run_folder import RunFolder
from ...scenes.subject import Subject, load_subject
from ...scenes.transfer import pose_for, with_shape_of, with_texture_of
from ..path_fields import takes_strings

_VIEWS, _CELL = 5, 224


@takes_strings
@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """What goes where."""

    what: Literal["texture", "pose", "shape"]
    source: Path
    """Folder of the finished run that gives."""
    target: Path
    """Folder of the finished run that is given to, which is left as it is but for its export folder."""
    photo: str | None = None
    """pose: the photo of the source, by the stem of its name, whose pose is taken; by default the first."""
    share: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """shape: how far the target goes towards the source, 0 to 1; a GLB for each."""

    def __post_init__(self) -> None:
        if not self.share or not all(0 <= share <= 1 for share in self.share):
            raise InputError(f"--share is {' '.join(map(str, self.share))}; give numbers between 0 and 1")


def transfer(config: TransferConfig) -> list[Path]:
    """Writes the GLBs and the picture to TARGET/export and returns their paths, the picture last.

    Raises InputError where a run is not finished, the photo is unknown, or the subjects do not fit together.
    """
    source, target = (load_subject(RunFolder(run).exact_subject) for run in (config.source, config.target))
    name, out = config.source.resolve().name, RunFolder(config.target).export
    if config.what == "texture":
        dressed = with_texture_of(target, source)
        model = out / f"texture_of_{name}.glb"
        export_subject(dressed, model)
        rows = [_row(one) for one in (source, target, dressed)]
        return [model, _picture(out / f"texture_of_{name}.png", rows)]
    if config.what == "pose":
        stem, pose = _instance_pose(config.source, source.skeleton, config.photo)
        taken = pose_for(pose, source.skeleton, target.skeleton)
        model = out / f"pose_of_{name}_{stem}.glb"
        write_glb(
            model, target.mesh, target.skeleton, texture=target.texture, clips=target.clips, pose=taken, name=name
        )
        rows = [_row(source, pose), _row(target, taken)]
        return [model, _picture(model.with_suffix(".png"), rows)]
    mixed = [with_shape_of(target, source, share) for share in config.share]
    models = [out / f"shape_of_{name}_{round(100 * share):03d}.glb" for share in config.share]
    for one, path in zip(mixed, models, strict=True):
        export_subject(one, path)
    rows = [_row(one) for one in (target, *mixed, source)]
    return [*models, _picture(out / f"shape_of_{name}.png", rows)]


def _instance_pose(run: Path, skeleton: Skeleton, stem: str | None) -> tuple[str, Float[Tensor, "J 4"]]:
    """A photo's stem and its pose, from the run's GLB of that photo."""
    stems = sorted(path.stem for path in RunFolder(run).instances.glob("*.glb"))
    if not stems:
        raise InputError(f"{run} has no instances of photos; finish it with zoetrope fit --resume")
    chosen = stems[0] if stem is None else stem
    if chosen not in stems:
        raise InputError(f"--photo {chosen}: {run} has {', '.join(stems[:12])}{', ...' if len(stems) > 12 else ''}")
    file = GltfFile(RunFolder(run).instances / f"{chosen}.glb")
    nodes = read_nodes(file)
    if not set(skeleton.names) <= set(nodes.names):
        raise file.fail(f"lacks joints of {run}'s subject; run the fit again")
    index = [nodes.names.index(name) for name in skeleton.names]
    # (x, y, z, w) in the file.
    return chosen, torch.from_numpy(nodes.rotation[0, index]).float()[:, [3, 0, 1, 2]]


def _row(subject: Subject, pose: Float[Tensor, "J 4"] | None = None) -> Float[Tensor, "h w 3"]:
    """The subject from several sides, in a pose or at rest."""
    clip = None if pose is None else Clip("pose", torch.zeros(1), pose[None])
    config = AnimationConfig(size=_CELL, seconds=1.0, frames_per_second=_VIEWS, start_deg=30.0)
    mesh: SkinnedMesh = subject.mesh
    animation = Animation.of(mesh, subject.skeleton, clip, config)
    texture = None if subject.texture is None else subject.texture.float() / 255
    return torch.cat([frame for part in animation.parts() for frame in animation.draw(part, texture).color], dim=1)


def _picture(path: Path, rows: Sequence[Tensor]) -> Path:
    with atomic_write(path) as temporary:
        Image.fromarray(to_bytes(torch.cat(list(rows)))).save(temporary, format="PNG")
    return path
