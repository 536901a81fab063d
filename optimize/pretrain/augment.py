"""Training batches: photos of a pool turned, mirrored and cut anew, and then made to look unlike the renderer's.

A network that is to read photos nobody here made must not learn how ours look. In the order of what is known to help:
spectra, blur, noise and colour are changed at random, subjects get other colours than animals have, things of no
meaning cover them. Mirroring swaps left and right in the labels, and only there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from ...representations.tensor_structure import TensorStructure
from ...scenes.photography.label import LEFT, NONE, RIGHT
from .pool import CANONICAL_XYZ_STEPS, Pool

_LEAST_ZOOM = 0.2
"""Of cuts round a subject of which next to nothing is in view."""


@dataclass(frozen=True)
class AugmentConfig:
    """How far photos are changed."""

    zoom: tuple[float, float] = (0.6, 1.2)
    """Photo pixels for one of the batch, over their ratio of sizes; above 1 the subject shrinks."""
    turn_deg: float = 10.0
    """Standard deviation of turns in the picture plane."""
    shift: float = 0.08
    """Standard deviation of shifts, in parts of the picture."""
    closer_share: float = 0.6
    """Photos cut round what is in view of the subject, as the prior looks at them once it has found it."""
    closer_margin: tuple[float, float] = (0.02, 0.4)
    """Beside it on each end, in parts of the longer side of its box."""
    closer_shift: float = 0.03
    """Standard deviation of shifts of such cuts, in parts of the picture."""
    strength: float = 0.5
    """Scales the chance of every change of colours and of covers; 0 leaves the photos as they are."""
    mask_share: float = 0.4
    """Photos that come with a mask."""


class Batch(TensorStructure):
    """B square pictures of side S and what is to be said of them; h = S / 2."""

    picture: Float[Tensor, "B 3 S S"]
    mask: Float[Tensor, "B S S"]
    """Given to the network; 0 where there is none."""
    given: Float[Tensor, " B"]
    visible: Float[Tensor, "B h h"]
    amodal: Float[Tensor, "B h h"]
    inside: Float[Tensor, "B h h"]
    """1 where the photo is; beyond its frame nobody knows what the subject covers."""
    part: Int[Tensor, "B h h"]
    """`NONE` where the subject is not in view."""
    left: Float[Tensor, "B h h"]
    """1 on the left half, 0 on the right, 0.5 in the middle and beside the subject."""
    canonical_xyz: Float[Tensor, "B 3 h h"]
    """On the reference body, the distance from its plane of symmetry first."""
    view: Float[Tensor, "B 2"]
    """Azimuth and elevation in degrees."""
    species: Int[Tensor, " B"]


def draw_batch(
    pool: Pool, index: Int[Tensor, " B"], size: int, config: AugmentConfig, generator: torch.Generator
) -> Batch:
    """Photos number `index` as a batch of `size` pixels; on the pool's device, drawn on the CPU by `generator`.

    Raises ValueError for a batch of no photos.
    """
    count, device = len(index), pool.photo.device
    if count == 0:
        raise ValueError(f"a batch of 0 photos was asked of a pool of {len(pool)}; give the index of at least one")
    index = index.to(device)
    mirrored = (torch.rand(count, generator=generator) < 0.5).to(device)
    theta = _cuts(pool.visible[index], mirrored, config, generator)

    def sampled(maps: Float[Tensor, "B C h w"], side: int, mode: str = "bilinear") -> Float[Tensor, "B C s s"]:
        # Larger photos are sampled twice as finely as needed, since what is shrunk would sparkle.
        finer = 2 if mode == "bilinear" and pool.photo.shape[1] > size else 1
        grid = functional.affine_grid(theta, [count, 1, finer * side, finer * side], align_corners=False)
        drawn = functional.grid_sample(maps, grid, mode=mode, align_corners=False)
        return functional.avg_pool2d(drawn, 2) if finer == 2 else drawn

    picture = sampled(pool.photo[index].permute(0, 3, 1, 2).float() / 255, size)
    soft = torch.stack([pool.visible[index], pool.amodal[index]], dim=1).float() / 255
    soft = torch.cat([soft, torch.ones_like(soft[:, :1])], dim=1)
    visible, amodal, inside = sampled(soft, size // 2).unbind(1)
    # Moved up by one, so that what lies beyond the frame is 0.
    kinds = torch.stack([pool.part[index], pool.side[index]], dim=1).float()
    kinds = torch.where(kinds == NONE, 0.0, kinds + 1)
    hard = torch.cat(
        [kinds, pool.canonical_xyz[index].permute(0, 3, 1, 2).float() / CANONICAL_XYZ_STEPS, soft[:, :1]], dim=1
    )
    hard = sampled(hard, size // 2, "nearest")
    hard[:, 0] *= hard[:, -1] > 0.5
    part, side, x, y, z, _ = hard.unbind(1)
    known = part > 0
    side = side - 1
    left = torch.where(side == LEFT, 1.0, torch.where(side == RIGHT, 0.0, 0.5))
    left = torch.where(mirrored[:, None, None], 1 - left, left)
    view = pool.view[index]
    view[:, 0] = torch.where(mirrored, -view[:, 0], view[:, 0]) % 360

    full = functional.interpolate(visible[:, None], scale_factor=2, mode="bilinear")[:, 0]
    if config.strength > 0:
        picture = _repainted(picture, full, config.strength, generator)
        picture, free = _covered(picture, config.strength, generator)
        full = full * free
        free = functional.avg_pool2d(free[:, None], 2)[:, 0]
        visible = visible * free
        known &= free > 0.5
        picture = _degraded(picture, config.strength, generator)
    given = (torch.rand(count, generator=generator) < config.mask_share).float().to(device)
    rough = torch.zeros_like(full)
    shown = given.nonzero()[:, 0]
    if len(shown):  # some FFT libraries, MKL among them, refuse an empty batch
        rough[shown] = _roughened(full[shown], generator)
    return Batch(
        picture=picture.clamp(0, 1),
        mask=rough,
        given=given,
        visible=visible,
        amodal=amodal,
        inside=inside,
        part=torch.where(known, part - 1, float(NONE)).long(),
        left=torch.where(known, left, 0.5),
        canonical_xyz=torch.stack([x.abs(), y, z], dim=1) * known[:, None],
        view=view,
        species=pool.species[index],
    )


def _cuts(
    visible: UInt8[Tensor, "B h h"], mirrored: Bool[Tensor, " B"], config: AugmentConfig, generator: torch.Generator
) -> Float[Tensor, "B 2 3"]:
    """From positions in the pictures to be drawn to those in photos, both spanning [-1, 1]."""
    count, device = len(visible), visible.device

    def uniform(low: float, high: float) -> Float[Tensor, " B"]:
        return (low + (high - low) * torch.rand(count, generator=generator)).to(device)

    def normal(deviation: float, *shape: int) -> Tensor:
        return (deviation * torch.randn(count, *shape, generator=generator)).to(device)

    zoom = uniform(math.log(config.zoom[0]), math.log(config.zoom[1])).exp()
    turn = torch.deg2rad(normal(config.turn_deg))
    shift = 2 * normal(config.shift, 2)
    if config.closer_share > 0:
        closer = uniform(0, 1) < config.closer_share
        centre, extent = _boxes(visible)
        side = (extent * (1 + 2 * uniform(*config.closer_margin))).clamp_min(_LEAST_ZOOM)
        zoom = torch.where(closer, side, zoom)
        wander = normal(config.closer_shift, 2)
        shift = torch.where(closer[:, None], centre + 2 * side[:, None] * wander, shift)
    sign = torch.where(mirrored, -1.0, 1.0)
    rows = (
        torch.stack([sign * zoom * turn.cos(), -zoom * turn.sin(), shift[:, 0]], dim=1),
        torch.stack([sign * zoom * turn.sin(), zoom * turn.cos(), shift[:, 1]], dim=1),
    )
    return torch.stack(rows, dim=1)


def _boxes(visible: UInt8[Tensor, "B h h"]) -> tuple[Float[Tensor, "B 2"], Float[Tensor, " B"]]:
    """Middles (column, row) of tight boxes and halves of their longer sides, where photos span [-1, 1]."""
    seen, side = visible > 127, visible.shape[1]
    ends = []
    for line in (seen.any(1), seen.any(2)):
        first, last = line.float().argmax(1), side - line.flip(1).float().argmax(1)
        ends.append(torch.stack([first, last], dim=1) * (2 / side) - 1)
    low, high = torch.stack(ends, dim=1).unbind(2)
    return (low + high) / 2, (high - low).amax(1) / 2


def _some(
    picture: Float[Tensor, "B 3 S S"],
    share: float,
    generator: torch.Generator,
    change: Callable[[Float[Tensor, "n 3 S S"]], Float[Tensor, "n 3 S S"]],
) -> Float[Tensor, "B 3 S S"]:
    """The pictures with a `share` of them changed, in place; what is not chosen costs nothing."""
    chosen = (torch.rand(len(picture), generator=generator) < share).nonzero()[:, 0].to(picture.device)
    return picture.index_copy_(0, chosen, change(picture[chosen])) if len(chosen) else picture


def _smooth_noise(
    count: int, channels: int, cells: int, size: int, generator: torch.Generator, device: torch.device
) -> Float[Tensor, "B C S S"]:
    """Uniform noise in [0, 1] on a coarse grid, linear in between."""
    coarse = torch.rand(count, channels, cells, cells, generator=generator).to(device)
    return functional.interpolate(coarse, (size, size), mode="bilinear")


def _repainted(
    picture: Float[Tensor, "B 3 S S"], subject: Float[Tensor, "B S S"], strength: float, generator: torch.Generator
) -> Float[Tensor, "B 3 S S"]:
    """Some subjects get colours that no animal has: two colours by brightness, with a large pattern of no meaning."""
    chosen = (torch.rand(len(picture), generator=generator) < 0.25 * strength).nonzero()[:, 0].to(picture.device)
    if len(chosen) == 0:
        return picture
    old, where = picture[chosen], subject[chosen, None]
    count, size, device = len(old), old.shape[2], old.device
    dark, bright = torch.rand(2, count, 3, 1, 1, generator=generator).to(device)
    cells = int(torch.randint(3, 12, (1,), generator=generator))
    pattern = _smooth_noise(count, 3, cells, size, generator, device)
    amount = torch.rand(count, 1, 1, 1, generator=generator).to(device)
    painted = torch.lerp(0.4 * dark, 0.5 + 0.5 * bright, old.mean(1, keepdim=True))
    painted = painted * (1 - amount + amount * (0.4 + 1.2 * pattern))
    return picture.index_copy_(0, chosen, torch.lerp(old, painted, where))


def _covered(
    picture: Float[Tensor, "B 3 S S"], strength: float, generator: torch.Generator
) -> tuple[Float[Tensor, "B 3 S S"], Float[Tensor, "B S S"]]:
    """Discs and bars in front of some pictures, filled with noise or with another picture; and where they are not."""
    size, device = picture.shape[2], picture.device
    free = torch.ones(len(picture), size, size, device=device)
    ticks = (torch.arange(size, device=device) + 0.5) / size
    for _ in range(2):
        chosen = (torch.rand(len(picture), generator=generator) < 0.25 * strength).nonzero()[:, 0].to(device)
        count = len(chosen)
        if count == 0:
            continue
        column, row, angle, width, length = torch.rand(5, count, 1, 1, generator=generator).to(device)
        across, along = 0.03 + 0.14 * width, 0.05 + 0.5 * length**2
        x, y = ticks - column, ticks[:, None] - row
        cos, sin = (math.pi * angle).cos(), (math.pi * angle).sin()
        u, v = (x * cos + y * sin) / along, (y * cos - x * sin) / across
        hit = (u.abs().maximum(v.abs()) if torch.rand(1, generator=generator) < 0.5 else u * u + v * v) < 1
        cells = int(torch.randint(1, 24, (1,), generator=generator))
        noise = _smooth_noise(count, 3, cells, size, generator, device)
        filling = noise if torch.rand(1, generator=generator) < 0.5 else picture[chosen - 1].flip(2)
        picture = picture.index_copy_(0, chosen, torch.where(hit[:, None], filling, picture[chosen]))
        free = free.index_copy_(0, chosen, torch.where(hit, 0.0, free[chosen]))
    return picture, free


def _degraded(picture: Float[Tensor, "B 3 S S"], strength: float, generator: torch.Generator) -> Tensor:
    """Other spectra, sharpness, colours and noise."""
    size, device = picture.shape[2], picture.device

    def normal(deviation: float, like: Tensor, *shape: int) -> Tensor:
        return (deviation * torch.randn(len(like), *shape, generator=generator)).to(device)

    def respaced(some: Tensor) -> Tensor:
        # Amplitudes of spatial frequencies, jittered smoothly, phases kept (Xu et al., CVPR 2021).
        spectrum = torch.fft.rfft2(some)
        gains = functional.interpolate(normal(0.35, some, 1, 5, 3), spectrum.shape[2:], mode="bilinear").exp()
        gains[..., 0, 0] = 1
        return torch.fft.irfft2(spectrum * gains, s=(size, size))

    def blurred(some: Tensor) -> Tensor:
        return _blurred(some, float(torch.rand(1, generator=generator)) * 1.2 * size / 160 + 0.3)

    def coarse(some: Tensor) -> Tensor:
        few = max(16, int(size * (0.3 + 0.6 * float(torch.rand(1, generator=generator)))))
        small = functional.interpolate(some, (few, few), mode="bilinear", antialias=True)
        return functional.interpolate(small, (size, size), mode="bilinear")

    def exposed(some: Tensor) -> Tensor:
        gamma, balance = normal(0.3, some, 1, 1, 1).exp(), normal(0.1, some, 3, 1, 1).exp()
        return some.clamp(1e-4, 1) ** gamma * balance

    def contrasted(some: Tensor) -> Tensor:
        return torch.lerp(some.mean((2, 3), keepdim=True), some, normal(0.3, some, 1, 1, 1).exp())

    def saturated(some: Tensor) -> Tensor:
        return torch.lerp(some.mean(1, keepdim=True), some, normal(0.4, some, 1, 1, 1).exp())

    def grey(some: Tensor) -> Tensor:
        return some.mean(1, keepdim=True).expand_as(some)

    def exchanged(some: Tensor) -> Tensor:
        return some[:, torch.randperm(3, generator=generator).to(device)]

    def drawn(some: Tensor) -> Tensor:
        tones = float(torch.randint(4, 12, (1,), generator=generator))
        return (some * tones).round() / tones

    def noisy(some: Tensor) -> Tensor:
        return some + normal(1.0, some, 3, size, size) * normal(0.03, some, 1, 1, 1).abs()

    for share, change in (
        (0.35, respaced), (0.3, blurred), (0.2, coarse), (0.7, exposed), (0.5, contrasted), (0.5, saturated),
        (0.1, grey), (0.1, exchanged), (0.08, drawn), (0.5, noisy),
    ):  # fmt: skip
        picture = _some(picture, share * strength, generator, change)
    return picture


def _blurred(picture: Float[Tensor, "B C S S"], sigma: float) -> Float[Tensor, "B C S S"]:
    """By a Gaussian, as its spectrum; what leaves on one side comes in on the other."""
    size = picture.shape[2]
    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)
    gains = torch.exp(-2 * (math.pi * sigma) ** 2 * (rows**2 + columns**2)).to(picture)
    return torch.fft.irfft2(torch.fft.rfft2(picture) * gains, s=(size, size))


def _roughened(mask: Float[Tensor, "B S S"], generator: torch.Generator) -> Float[Tensor, "B S S"]:
    """Masks as people and networks make them: a little too large or too small, with borders that wave."""
    count, size, device = len(mask), mask.shape[1], mask.device
    wave = _smooth_noise(count, 1, size // 8, size, generator, device)[:, 0] - 0.5
    offset = (0.5 + 0.15 * torch.randn(count, 1, 1, generator=generator)).to(device) + 0.5 * wave
    rough = (_blurred(mask[:, None], 1.2 * size / 128)[:, 0] > offset.clamp(0.1, 0.9)).to(mask)
    chosen = (torch.rand(count, generator=generator) < 0.6).to(device)
    return torch.where(chosen[:, None, None], rough, mask)
