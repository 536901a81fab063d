"""The subject turning before the camera, still or moving: what a zoetrope shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.motion.clip import Clip
from .animation import Animation, AnimationConfig
from .pass_name import Pass
from .passes import draw_passes


def render_turntable(
    mesh: SkinnedMesh,
    skeleton: Skeleton,
    texture: Float[Tensor, "H W 3"] | None = None,
    *,
    clip: Clip | None = None,
    config: AnimationConfig | None = None,
    passes: Sequence[Pass] = ("color",),
) -> Iterator[Float[Tensor, "S W C"]]:
    """Frames of a video, made one by one: write them with `video.write_video(path, frames, frames_per_second)`.

    `texture` is sRGB-encoded in [0, 1] and needs `mesh.uv`; without it the subject is of clay. `clip` moves it. Passes
    stand side by side; C is 4 where the studio has no background, else 3. Raises ValueError where a texture comes
    without uv.
    """
    if texture is not None and mesh.uv is None:
        raise ValueError("a texture needs texture coordinates; unwrap the mesh first (representations.atlas)")
    texture = None if texture is None else texture.detach().cpu()
    animation = Animation.of(mesh, skeleton, clip, AnimationConfig() if config is None else config)
    return draw_passes(animation, texture, passes)
