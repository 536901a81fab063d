"""Training batches: photos of a pool turned, mirrored and cut anew, and then made to look unlike the renderer's.

A network that is to read photos nobody here made must not learn how ours look. In the order of what is known to help:
spectra, blur, noise and colour are changed at random, subjects get other colours than animals have, things of no
meaning cover them. Mirroring swaps left and right in the labels, and only there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ...scenes.photography.label import LEFT, NONE, RIGHT
from .pool import PLACE_STEPS, Pool


@dataclass(frozen=True)
class AugmentConfig:
    """How far photos are changed."""

    zoom: tuple[float, float] = (0.6, 1.2)
    """Photo pixels for one of the batch, over their ratio of sizes; above 1 the subject shrinks."""
    turn_deg: float = 10.0
    """Standard deviation of turns in the picture plane."""
    shift: float = 0.08
    """Standard deviation of shifts, in parts of the picture."""
    strength: float = 1.0
    """Scales the chance of every change of colours and of covers; 0 leaves the photos as they are."""
    mask_share: float = 0.5
    """Photos that come with a mask."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B square pictures of side S and what is to be said of them; q = S / 4."""

    picture: Float[Tensor, "B 3 S S"]
    mask: Float[Tensor, "B S S"]
    """Given to the network; 0 where there is none."""
    given: Float[Tensor, " B"]
    visible: Float[Tensor, "B S/2 S/2"]
    amodal: Float[Tensor, "B S/2 S/2"]
    inside: Float[Tensor, "B S/2 S/2"]
    """1 where the photo is; beyond its frame nobody knows what the subject covers."""
    part: Int[Tensor, "B q q"]
    """`NONE` where the subject is not in view."""
    left: Float[Tensor, "B q q"]
    """1 on the left half, 0 on the right, 0.5 in the middle and beside the subject."""
    place: Float[Tensor, "B 3 q q"]
    """On the reference body, the distance from its plane of symmetry first."""
    view: Float[Tensor, "B 2"]
    """Azimuth and elevation in degrees."""
    species: Int[Tensor, " B"]


def draw_batch(
    pool: Pool, index: Int[Tensor, " B"], size: int, config: AugmentConfig, generator: torch.Generator
) -> Batch:
    """Photos number `index` as a batch of `size` pixels; on the pool's device, drawn on the CPU by `generator`."""
    count, device = len(index), pool.photo.device
    index = index.to(device)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return (low + (high - low) * torch.rand(count, *shape, generator=generator)).to(device)

    def normal(deviation: float, *shape: int) -> Tensor:
        return (deviation * torch.randn(count, *shape, generator=generator)).to(device)

    mirrored = uniform(0, 1) < 0.5
    zoom = uniform(math.log(config.zoom[0]), math.log(config.zoom[1])).exp()
    turn = torch.deg2rad(normal(config.turn_deg))
    shift = 2 * normal(config.shift, 2)
    sign = torch.where(mirrored, -1.0, 1.0)
    theta = torch.stack(
        [
            torch.stack([sign * zoom * turn.cos(), -zoom * turn.sin(), shift[:, 0]], dim=1),
            torch.stack([sign * zoom * turn.sin(), zoom * turn.cos(), shift[:, 1]], dim=1),
        ],
        dim=1,
    )

    def sampled(maps: Float[Tensor, "B C h w"], side: int, mode: str = "bilinear") -> Float[Tensor, "B C s s"]:
        grid = functional.affine_grid(theta, [count, 1, side, side], align_corners=False)
        return functional.grid_sample(maps, grid, mode=mode, align_corners=False)

    picture = sampled(pool.photo[index].permute(0, 3, 1, 2).float() / 255, size)
    soft = torch.stack([pool.visible[index], pool.amodal[index]], dim=1).float() / 255
    soft = torch.cat([soft, torch.ones_like(soft[:, :1])], dim=1)
    visible, amodal, inside = sampled(soft, size // 2).unbind(1)
    # Moved up by one, so that what lies beyond the frame is 0.
    kinds = torch.stack([pool.part[index], pool.side[index]], dim=1).float()
    kinds = torch.where(kinds == NONE, 0.0, kinds + 1)
    hard = torch.cat([kinds, pool.place[index].permute(0, 3, 1, 2).float() / PLACE_STEPS, soft[:, :1]], dim=1)
    hard = sampled(hard, size // 2, "nearest")
    hard[:, 0] *= hard[:, -1] > 0.5
    part, side, x, y, z, _ = _thinned(hard, generator).unbind(1)
    known = part > 0
    side = side - 1
    left = torch.where(side == LEFT, 1.0, torch.where(side == RIGHT, 0.0, 0.5))
    left = torch.where(mirrored[:, None, None], 1 - left, left)
    view = pool.view[index].clone()
    view[:, 0] = torch.where(mirrored, -view[:, 0], view[:, 0]) % 360

    full = functional.interpolate(visible[:, None], scale_factor=2, mode="bilinear")[:, 0]
    if config.strength > 0:
        picture = _repainted(picture, full, config.strength, generator)
        picture, free = _covered(picture, config.strength, generator)
        full = full * free
        visible = visible * functional.avg_pool2d(free[:, None], 2)[:, 0]
        known &= functional.avg_pool2d(free[:, None], 4)[:, 0] > 0.5
        picture = _degraded(picture, config.strength, generator)
    given = (uniform(0, 1) < config.mask_share).float()
    return Batch(
        picture=picture.clamp(0, 1),
        mask=_roughened(full, generator) * given[:, None, None],
        given=given,
        visible=visible,
        amodal=amodal,
        inside=inside,
        part=torch.where(known, part - 1, float(NONE)).long(),
        left=torch.where(known, left, 0.5),
        place=torch.stack([x.abs(), y, z], dim=1) * known[:, None],
        view=view,
        species=pool.species[index],
    )


def _thinned(labels: Float[Tensor, "B C h w"], generator: torch.Generator) -> Float[Tensor, "B C h/2 w/2"]:
    """One of each four pixels, any that is labelled (channel 0): what is thin is not lost between the others."""
    four = torch.stack([labels[..., row::2, column::2] for row in (0, 1) for column in (0, 1)])
    chance = torch.rand(4, *four.shape[-2:], generator=generator).to(labels.device)
    chosen = ((four[:, :, 0] > 0) + chance[:, None]).argmax(0)
    return four.gather(0, chosen[None, :, None].expand(1, *four.shape[1:]))[0]


def _chance(count: int, share: float, generator: torch.Generator, device: torch.device) -> Tensor:
    return (torch.rand(count, generator=generator) < share).to(device)


def _smooth_noise(
    count: int, channels: int, cells: int, size: int, generator: torch.Generator, device: torch.device
) -> Float[Tensor, "B C S S"]:
    """Uniform noise in [0, 1] on a coarse grid, smoothly in between."""
    coarse = torch.rand(count, channels, cells, cells, generator=generator).to(device)
    return functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)


def _repainted(
    picture: Float[Tensor, "B 3 S S"], subject: Float[Tensor, "B S S"], strength: float, generator: torch.Generator
) -> Float[Tensor, "B 3 S S"]:
    """Some subjects get colours that no animal has: two colours by brightness, with a large pattern of no meaning."""
    count, size, device = len(picture), picture.shape[2], picture.device
    chosen = _chance(count, 0.25 * strength, generator, device)[:, None, None, None]
    dark, bright = torch.rand(2, count, 3, 1, 1, generator=generator).to(device)
    grey = picture.mean(1, keepdim=True)
    cells = int(torch.randint(3, 12, (1,), generator=generator))
    pattern = _smooth_noise(count, 3, cells, size, generator, device)
    amount = torch.rand(count, 1, 1, 1, generator=generator).to(device)
    painted = torch.lerp(0.4 * dark, 0.5 + 0.5 * bright, grey)
    painted = painted * (1 - amount + amount * (0.4 + 1.2 * pattern))
    return torch.where(chosen, torch.lerp(picture, painted, subject[:, None]), picture)


def _covered(
    picture: Float[Tensor, "B 3 S S"], strength: float, generator: torch.Generator
) -> tuple[Float[Tensor, "B 3 S S"], Float[Tensor, "B S S"]]:
    """Discs and bars in front of some pictures, filled with noise or with another picture; and where they are not."""
    count, size, device = len(picture), picture.shape[2], picture.device
    ticks = (torch.arange(size, device=device) + 0.5) / size
    free = torch.ones(count, size, size, device=device)
    for _ in range(2):
        chosen = _chance(count, 0.25 * strength, generator, device)
        middle, angle, share = (torch.rand(n, count, generator=generator).to(device) for n in (2, 1, 2))
        angle = math.pi * angle[0]
        across, along = 0.03 + 0.14 * share[0], 0.05 + 0.5 * share[1] ** 2
        x, y = ticks[None, None] - middle[0, :, None, None], ticks[None, :, None] - middle[1, :, None, None]
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        u, v = (x * cos + y * sin) / along[:, None, None], (y * cos - x * sin) / across[:, None, None]
        hit = (u.abs().maximum(v.abs()) if torch.rand(1, generator=generator) < 0.5 else (u * u + v * v)) < 1
        free = torch.where(hit & chosen[:, None, None], 0.0, free)
    cells = int(torch.randint(1, 24, (1,), generator=generator))
    noise = _smooth_noise(count, 3, cells, size, generator, device)
    other = picture.roll(1, 0).flip(2)
    filling = torch.where(_chance(count, 0.5, generator, device)[:, None, None, None], noise, other)
    return torch.where(free[:, None] > 0, picture, filling), free


def _degraded(picture: Float[Tensor, "B 3 S S"], strength: float, generator: torch.Generator) -> Tensor:
    """Other spectra, sharpness, colours and noise."""
    count, size, device = len(picture), picture.shape[2], picture.device

    def some(share: float) -> Tensor:
        return _chance(count, share * strength, generator, device)[:, None, None, None]

    def normal(deviation: float, *shape: int) -> Tensor:
        return (deviation * torch.randn(count, *shape, generator=generator)).to(device)

    # Amplitudes of spatial frequencies, jittered smoothly, phases kept (Xu et al., CVPR 2021).
    spectrum = torch.fft.rfft2(picture)
    gains = functional.interpolate(normal(0.35, 1, 5, 3), spectrum.shape[2:], mode="bilinear").exp()
    gains[..., 0, 0] = 1
    picture = torch.where(some(0.35), torch.fft.irfft2(spectrum * gains, s=(size, size)), picture)
    # Out of focus, or enlarged from few pixels.
    sigma = float(torch.rand(1, generator=generator)) * 1.6 * size / 128 + 0.3
    picture = torch.where(some(0.3), _blurred(picture, sigma), picture)
    few = max(16, int(size * (0.3 + 0.6 * float(torch.rand(1, generator=generator)))))
    small = functional.interpolate(picture, (few, few), mode="bilinear", antialias=True)
    picture = torch.where(some(0.2), functional.interpolate(small, (size, size), mode="bilinear"), picture)
    # White balance, exposure, contrast, saturation, hue.
    picture = picture.clamp(1e-4, 1)
    picture = torch.where(some(0.7), picture ** normal(0.3, 1, 1, 1).exp() * normal(0.1, 3, 1, 1).exp(), picture)
    mean = picture.mean((2, 3), keepdim=True)
    picture = torch.where(some(0.5), mean + (picture - mean) * normal(0.3, 1, 1, 1).exp(), picture)
    grey = picture.mean(1, keepdim=True)
    picture = torch.where(some(0.5), grey + (picture - grey) * normal(0.4, 1, 1, 1).exp(), picture)
    picture = torch.where(some(0.1), grey.expand_as(picture), picture)
    swapped = picture[:, torch.randperm(3, generator=generator).to(device)]
    picture = torch.where(some(0.1), swapped, picture)
    # Few tones, as drawn; noise.
    tones = float(torch.randint(4, 12, (1,), generator=generator))
    picture = torch.where(some(0.08), (picture * tones).round() / tones, picture)
    noise = normal(1.0, 3, size, size) * normal(0.03, 1, 1, 1).abs()
    return torch.where(some(0.5), picture + noise, picture)


def _blurred(picture: Float[Tensor, "B 3 S S"], sigma: float) -> Tensor:
    reach = max(1, math.ceil(2.5 * sigma))
    ticks = torch.arange(-reach, reach + 1, device=picture.device, dtype=picture.dtype)
    kernel = torch.exp(-0.5 * (ticks / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    padded = functional.pad(picture, (reach, reach, reach, reach), mode="replicate")
    return functional.conv2d(functional.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def _roughened(mask: Float[Tensor, "B S S"], generator: torch.Generator) -> Float[Tensor, "B S S"]:
    """Masks as people and networks make them: a little too large or too small, with borders that wave."""
    count, size, device = len(mask), mask.shape[1], mask.device
    width = size / 128
    wave = _smooth_noise(count, 1, size // 8, size, generator, device)[:, 0] - 0.5
    offset = 0.5 + (0.3 * torch.randn(count, 1, 1, generator=generator)).to(device) * 0.5 + 0.5 * wave
    blurred = _blurred(mask[:, None].expand(-1, 3, -1, -1), 1.2 * width)[:, 0]
    rough = (blurred > offset.clamp(0.1, 0.9)).to(mask)
    return torch.where(_chance(count, 0.6, generator, device)[:, None, None], rough, mask)
