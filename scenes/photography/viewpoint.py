"""Where the photographer stands and which lens is on the camera, so that the subject fills its share of the frame.

A camera at direction (azimuth, elevation) and distance D from the subject has its subject at the pixel (u, v); with the
ray r = ((u - cx)/f, -(v - cy)/f, -1), |r| = 1, a level camera sees it there if its pitch is

    pitch = atan2(r_y, -r_z) - asin(w_y / hypot(r_y, r_z))        w = direction from the camera to the subject,

and its heading what is left. Roll turns r beforehand and the camera afterwards. D and the aim follow from a few rounds
of projecting the posed vertices and correcting by what their box on the picture still lacks.

A photo is either a whole frame, perhaps with its focal length on record, or cut from a larger frame, with its optical
axis off the middle and no record.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.camera import RigidCamera
from ...representations.tensor_structure import TensorStructure

_SHAPES = (1.0, 4 / 3, 3 / 2, 3 / 4)
_ROUNDS = 6
_FILM_WIDTH_MM = 36.0


@dataclass(frozen=True)
class ViewpointConfig:
    """From where and how large the subject is taken."""

    azimuth_deg: tuple[float, float] = (0.0, 360.0)
    """Between which cameras stand: 0 looks at the front, 90 at the left."""
    elevation_deg: tuple[float, float] = (-1.0, 25.0)
    """Height of most cameras over the horizontal through the subject."""
    high_elevation_deg: tuple[float, float] = (25.0, 55.0)
    high_share: float = 0.12
    """Share of photos that look down from `high_elevation_deg`."""
    roll_deg: float = 2.5
    """Standard deviation of the camera's tilt."""
    field_of_view_deg: tuple[float, float] = (15.0, 60.0)
    """Over the longer side of the whole frame."""
    fill: tuple[float, float] = (0.45, 0.95)
    """Longer side of the subject's box over that side of the photo."""
    recorded_share: float = 0.4
    """Share of photos that carry their focal length."""
    cropped_share: float = 0.25
    """Share of photos that are cut from a larger frame; they carry nothing."""
    square: bool = False
    """All photos square; else some are 4:3, 3:2 or 3:4."""


class Viewpoints(TensorStructure):
    """B cameras. Photos lie in the top left corner of a canvas that is as wide and high as the longest side."""

    camera: RigidCamera
    focal: Float[Tensor, " B"]
    """In pixels."""
    centre: Float[Tensor, "B 2"]
    """Where the optical axis meets the photo, (column, row) in pixels; not the middle of a photo that was cut out."""
    sizes: tuple[tuple[int, int], ...]
    """Width and height of each photo in pixels."""
    focal_35mm: tuple[int | None, ...]
    """What the camera records, exact where it does."""

    def position(self) -> Float[Tensor, "B 3"]:
        """Camera centres in the world."""
        return -(self.camera.rotations.transpose(1, 2) @ self.camera.translations[..., None])[..., 0]

    def clip_from_world(self, canvas: int) -> Float[Tensor, "B 4 4"]:
        """OpenGL clip space of the whole canvas (its size in pixels of the photo), w the depth."""
        zero, one = torch.zeros_like(self.focal), torch.ones_like(self.focal)
        scale = 2 * self.focal / canvas
        rows = [
            [scale, zero, 1 - 2 * self.centre[:, 0] / canvas, zero],
            [zero, scale, 2 * self.centre[:, 1] / canvas - 1, zero],
            [zero, zero, -one, zero],
            [zero, zero, -one, zero],
        ]
        return torch.stack([torch.stack(row, -1) for row in rows], -2) @ self.camera.camera_from_world()


def draw_viewpoints(
    vertices: Float[Tensor, "B V 3"],
    size: int,
    config: ViewpointConfig,
    cut: Float[Tensor, "B 2"],
    ground: Float[Tensor, " B"],
    generator: torch.Generator,
) -> Viewpoints:
    """One viewpoint for each posed body: azimuths in even steps over their range, shuffled and jittered.

    `cut`: how far the subject is moved out of the frame, in sizes of its own box, (right, up); zero keeps it inside.
    `ground`: height of the ground plane, above which every camera stays.
    """
    count = vertices.shape[0]

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    first, last = config.azimuth_deg
    step = (last - first) / count
    azimuth = step * (torch.randperm(count, generator=generator) + uniform(-0.4, 0.4))
    # A circle has no first step, an arc keeps its ends.
    turn = uniform(0, 1)[0] if last - first == 360 else 0.5
    azimuth = azimuth + step * turn + first
    high = uniform(0, 1) < config.high_share
    elevation = torch.where(high, uniform(*config.high_elevation_deg), uniform(*config.elevation_deg))
    roll = config.roll_deg * torch.randn(count, generator=generator)
    sizes = _sizes(size, config.square, count, generator)
    focal, centre, focal_35mm = _lenses(sizes, config, generator)
    frame = torch.tensor(sizes, dtype=torch.float32)
    fill = torch.where(cut.abs().amax(1) > 0, uniform(0.75, 1.15), uniform(*config.fill))
    # Where the box leaves room, it need not stand in the middle; where it is cut, it hangs over the edge.
    place = 2 * torch.rand(count, 2, generator=generator) - 1
    azimuth, elevation, roll = (torch.deg2rad(angle) for angle in (azimuth, elevation, roll))

    target, aim, distance = frame / 2, vertices.mean(dim=1), torch.full((count,), 3.0)
    # One vertex in three is enough to know a box.
    sample = vertices[:, ::3]
    camera = _look(aim, distance, azimuth, elevation, roll, target, focal, centre)
    for _ in range(_ROUNDS):
        # Below the ground nobody stands.
        lowest = ((ground + 0.04 - aim[:, 1]) / distance).clamp(-0.9, 0.9).asin()
        elevation = torch.maximum(elevation, lowest)
        camera = _look(aim, distance, azimuth, elevation, roll, target, focal, centre)
        low, top = _box(sample, camera, focal, centre)
        extent = top - low
        distance = (distance * ((extent / frame).amax(1) / fill).clamp(0.5, 2.0)).clamp_min(1.1)
        room = (frame - extent).clamp_min(0) / 2
        outside = cut * torch.tensor([1.0, -1.0]) * (extent + frame - (frame - extent).abs()) / 2
        wanted = frame / 2 + 0.8 * place * room * (cut == 0) + outside + torch.sign(outside) * room
        target = (target + wanted - (low + top) / 2).clamp(-frame, 2 * frame)
    camera = _look(aim, distance, azimuth, elevation, roll, target, focal, centre)
    return Viewpoints(camera, focal, centre, sizes, focal_35mm)


def _sizes(size: int, square: bool, count: int, generator: torch.Generator) -> tuple[tuple[int, int], ...]:
    drawn = torch.randint(0, len(_SHAPES), (count,), generator=generator).tolist()
    shapes = [1.0 if square else _SHAPES[k] for k in drawn]
    return tuple((round(size * min(1.0, s)), round(size / max(1.0, s))) for s in shapes)


def _lenses(
    sizes: tuple[tuple[int, int], ...], config: ViewpointConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, tuple[int | None, ...]]:
    """Focal lengths, even on a logarithmic scale, and optical axes; whole millimetres, as cameras record them."""
    widest, longest = (
        _FILM_WIDTH_MM / 2 / math.tan(math.radians(angle / 2)) for angle in reversed(config.field_of_view_deg)
    )
    focal, centre, recorded = [], [], []
    for (width, height), draw in zip(sizes, torch.rand(len(sizes), 5, generator=generator).tolist(), strict=True):
        even = widest * (longest / widest) ** draw[0]
        millimetres = max(math.ceil(widest - 1e-6), math.floor(even + 1e-6))
        cropped = draw[1] < config.cropped_share
        enlarged = 1.15 + 0.5 * draw[2] if cropped else 1.0
        focal.append(millimetres / _FILM_WIDTH_MM * max(width, height) * enlarged)
        # The photo's corner in the larger frame, so that all of the photo lies in it.
        corner = [(enlarged - 1) * side * where for side, where in zip((width, height), draw[3:], strict=True)]
        centre.append([enlarged * width / 2 - corner[0], enlarged * height / 2 - corner[1]])
        kept = not cropped and draw[1] < config.cropped_share + config.recorded_share
        recorded.append(millimetres if kept else None)
    return torch.tensor(focal), torch.tensor(centre), tuple(recorded)


def _look(
    aim: Tensor,
    distance: Tensor,
    azimuth: Tensor,
    elevation: Tensor,
    roll: Tensor,
    target: Tensor,
    focal: Tensor,
    centre: Tensor,
) -> RigidCamera:
    """Cameras that see the point `aim` from there at the pixel `target`; angles in radians."""
    x, y = (target - centre).T / focal
    sine, cosine = roll.sin(), roll.cos()
    ray = torch.stack([cosine * x + sine * y, sine * x - cosine * y, -torch.ones_like(x)], dim=-1)
    ray = torch.nn.functional.normalize(ray, dim=-1)
    length = torch.hypot(ray[:, 1], ray[:, 2])
    pitch = torch.atan2(ray[:, 1], -ray[:, 2]) - torch.asin((-elevation.sin() / length).clamp(-0.999, 0.999))
    forward = ray[:, 1] * -pitch.sin() + ray[:, 2] * pitch.cos()
    heading = azimuth + math.pi - torch.atan2(ray[:, 0], forward)
    sh, ch, sp, cp = heading.sin(), heading.cos(), pitch.sin(), pitch.cos()
    right = torch.stack([ch, torch.zeros_like(ch), -sh], -1)
    up = torch.stack([-sh * sp, cp, -ch * sp], -1)
    back = torch.stack([sh * cp, sp, ch * cp], -1)
    c, s = cosine[:, None], sine[:, None]
    rotation = torch.stack([c * right + s * up, c * up - s * right, back], dim=-2)
    towards = torch.stack([azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], dim=-1)
    position = aim + distance[:, None] * towards
    return RigidCamera(rotation, -(rotation @ position[..., None])[..., 0])


def _box(vertices: Tensor, camera: RigidCamera, focal: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Corners (left, top) and (right, bottom) of the vertices on the picture; what is too near counts as near."""
    local = vertices @ camera.rotations.transpose(1, 2) + camera.translations[:, None]
    depth = (-local[..., 2:]).clamp_min(0.05)
    pixels = centre[:, None] + focal[:, None, None] * local[..., :2] * torch.tensor([1.0, -1.0]) / depth
    return pixels.amin(1), pixels.amax(1)
