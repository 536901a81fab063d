"""The posed body as the camera sees it: coat, fur, light and its own shadows, with soft edges, in linear light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int32, Int64, UInt8

from . import body_kernel as kernel
from .light import SceneLight, linear_array_from_srgb
from .noise import tiles
from .shadow import ShadowMaps
from .sitter import Sitter

_TEXTURE_SIDE = 2048


@dataclass(frozen=True, eq=False)
class SurfaceColors:
    """What of a sitter is the same in all its photos, as the kernels want it."""

    faces: Int32[np.ndarray, "F 3"]
    closed: bool
    """Nothing is ever seen from inside."""
    uv: Float32[np.ndarray, "T 2"]
    uv_faces: Int32[np.ndarray, "F 3"]
    texture: Float32[np.ndarray, "N 3"]
    """Texels and those of the halved copies, one after the other: albedo in linear light."""
    texture_sizes: Int64[np.ndarray, "L 3"]
    """First row in `texture`, height and width of each copy."""
    rest: Float32[np.ndarray, "V 3"]
    rest_normals: Float32[np.ndarray, "V 3"]

    @staticmethod
    def of(sitter: Sitter) -> SurfaceColors:
        """The coat of a sitter; its texture's halved copies are made here."""
        faces = sitter.faces.int().contiguous().numpy()
        rest = sitter.vertices.float().contiguous().numpy()
        return SurfaceColors(
            faces,
            _closed(rest, faces),
            sitter.uv.float().contiguous().numpy(),
            sitter.uv_faces.int().contiguous().numpy(),
            *_pyramid(sitter.texture.numpy()),
            rest,
            body_vertex_normals(rest, faces),
        )


def body_vertex_normals(
    vertices: Float32[np.ndarray, "V 3"], faces: Int32[np.ndarray, "F 3"]
) -> Float32[np.ndarray, "V 3"]:
    """Unit normals at the vertices of one body."""
    normals = np.empty_like(vertices)
    kernel.kernel_vertex_normals(vertices, faces, normals)
    return normals


def draw_fur(rng: np.random.Generator, fur: tuple[float, float], softness: float) -> Float[np.ndarray, " 5"]:
    """How one photo's coat takes light, in the kernel's order."""
    numbers = np.zeros(5)
    numbers[kernel.FUR] = rng.uniform(*fur)
    numbers[kernel.FUR_SCALE] = rng.uniform(1.4, 3.2)
    numbers[kernel.SHEEN] = rng.uniform(0.1, 0.6)
    numbers[kernel.GLOSS] = max(rng.uniform(-0.06, 0.14), 0.0)
    numbers[kernel.SOFTNESS] = softness
    return numbers


def draw_body(
    fine: tuple[Int32[np.ndarray, "S2 S2"], Float32[np.ndarray, "S2 S2"]],
    face: Int32[np.ndarray, "S S"],
    depth: Float32[np.ndarray, "S S"],
    clip: Float32[np.ndarray, "V 4"],
    normals: Float32[np.ndarray, "V 3"],
    coat: SurfaceColors,
    camera: Float[np.ndarray, "5 3"],
    light: SceneLight,
    bounce: Float[np.ndarray, " 3"],
    fur: Float[np.ndarray, " 5"],
    maps: ShadowMaps,
    index: int,
    size: tuple[int, int],
) -> tuple[Float32[np.ndarray, "H W 3"], Float32[np.ndarray, "H W"]]:
    """Linear light of the body, multiplied by the share of each pixel it covers, and that share.

    `face` and `depth` are the canvas's at pixel centres, `fine` both on a grid of 2 x 2 samples a pixel; `camera` as in
    `ground_kernel`.
    """
    width, height = size
    colour, coverage = np.empty((height, width, 3), np.float32), np.empty((height, width), np.float32)
    levels = np.empty(len(coat.faces), np.float32)
    side = int(coat.texture_sizes[0, 1])
    kernel.texture_levels(clip, coat.faces, coat.uv, coat.uv_faces, *face.shape, side, levels)
    upward = bounce * (light.sun * max(light.direction[1], 0.0) + light.sky) * 0.8
    lights = np.stack([light.direction, light.sun, light.sky, upward])
    matrices = np.stack([maps.sun[index], maps.zenith[index]])
    kernel.shade_body(
        *fine, face, depth, clip, coat.faces, coat.uv, coat.uv_faces, coat.texture, coat.texture_sizes, levels,
        normals, coat.rest, coat.rest_normals, camera, lights, fur,
        matrices, maps.sun_depth[index], maps.zenith_depth[index], tiles(), colour, coverage,
    )  # fmt: skip
    return colour, coverage


def _closed(vertices: Float32[np.ndarray, "V 3"], faces: Int32[np.ndarray, "F 3"]) -> bool:
    """Whether every edge has one face on either side, wound alike, and the faces look outward."""
    start, end = faces.reshape(-1).astype(np.int64), faces[:, [1, 2, 0]].reshape(-1).astype(np.int64)
    there, back = np.sort(start * len(vertices) + end), np.sort(end * len(vertices) + start)
    a, b, c = (vertices[faces[:, corner]].astype(np.float64) for corner in range(3))
    outward = float((a * np.cross(b, c)).sum()) > 0
    return outward and bool((np.diff(there) > 0).all()) and np.array_equal(there, back)


def _pyramid(texture: UInt8[np.ndarray, "H W 3"]) -> tuple[np.ndarray, np.ndarray]:
    """A texture in linear light, at most 2048 texels wide, with copies of half the size down to a few texels."""
    scale = _TEXTURE_SIDE / max(texture.shape[:2])
    if scale < 1:
        texture = cv2.resize(texture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    decode = linear_array_from_srgb(np.arange(256) / 255).astype(np.float32)
    steps: list[np.ndarray] = [decode[texture]]
    while min(steps[-1].shape[:2]) > 4:
        height, width = steps[-1].shape[:2]
        steps.append(cv2.resize(steps[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA))
    sizes = np.array([step.shape[:2] for step in steps])
    area = sizes.prod(axis=1)
    levels = np.concatenate([(area.cumsum() - area)[:, None], sizes], axis=1).astype(np.int64)
    return np.concatenate([step.reshape(-1, 3) for step in steps]), levels
