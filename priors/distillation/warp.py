"""Frames of a video tied together: what is one point of the subject is to look alike in all of them.

Of frames x_f, what they are to stay near y_f, and warps W_k that look frame g_k up where the points of frame f_k are,

    agreed(y) = argmin_x  sum_f |x_f - y_f|^2 + weight sum_k s_k |x_(f_k) - W_k x_(g_k)|^2

with s_k = 1 where a point is seen in both, solved by steps of Jacobi's in which each frame takes the others as they are
(ties come in pairs, there and back, so that none is pulled without pulling).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from ...representations.tensor_structure import TensorStructure


class Warp(TensorStructure):
    """For each of F frames where its pixels' points are in another one."""

    frame: Int[Tensor, " F"]
    """The other one."""
    place: Float[Tensor, "F h w 2"]
    """In it, right and down, from -1 to 1 over the picture, edge to edge."""
    seen: Float[Tensor, "F h w"]
    """1 where it is seen there as well, 0 where it is not."""

    @staticmethod
    def of(frame: Int[Tensor, " F"], shift: Float[Tensor, "F h w 2"], seen: Float[Tensor, "F h w"]) -> Warp:
        """From shifts in pixels, right and down."""
        height, width = shift.shape[1:3]
        ticks = (torch.arange(side, device=shift.device) for side in (height, width))
        rows, columns = torch.meshgrid(*ticks, indexing="ij")
        centres = torch.stack([columns, rows], dim=-1).to(shift) + 0.5
        return Warp(frame, 2 * (centres + shift) / shift.new_tensor([width, height]) - 1, seen)

    def __call__(self, frames: Float[Tensor, "F C h w"]) -> Float[Tensor, "F C h w"]:
        """Each frame made of the other one; what is not seen there is made of what is nearest."""
        return grid_sample(frames[self.frame], self.place, padding_mode="border", align_corners=False)

    def resized(self, size: tuple[int, int]) -> Warp:
        """For frames of another (height, width): places are means over those that are seen."""
        weights = self.seen[:, None]
        sums = interpolate(self.place.permute(0, 3, 1, 2) * weights, size, mode="area")
        seen = interpolate(weights, size, mode="area")
        rows, columns = ((torch.arange(n, device=seen.device).to(seen) + 0.5) * (2 / n) - 1 for n in size)
        still = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))
        place = torch.where(seen > 1e-3, sums / seen.clamp_min(1e-3), still)
        return Warp(self.frame, place.permute(0, 2, 3, 1), seen[:, 0])


def agreed(
    frames: Float[Tensor, "F C h w"],
    warps: Sequence[Warp],
    weight: float,
    steps: int,
    covered: Float[Tensor, "F h w"] | None = None,
) -> Float[Tensor, "F C h w"]:
    """The frames that agree where they show the same, see above; nothing changes where nothing is seen twice.

    `covered`: how far each pixel is part of what is tied; a warp looks nothing up beyond it.
    """
    with torch.no_grad():
        found = frames
        shown = torch.ones_like(frames[:, :1]) if covered is None else covered[:, None]
        ties = [(warp, warp(shown)) for warp in warps]
        for _ in range(steps):
            pull, whole = frames, torch.ones_like(shown)
            for warp, there in ties:
                share = weight * warp.seen[:, None] * there
                pull, whole = pull + share * warp(found * shown) / there.clamp_min(1e-6), whole + share
            found = pull / whole
        return found


def warping_error(frames: Float[Tensor, "F C h w"], warps: Sequence[Warp]) -> float:
    """Mean absolute difference of what is one point in two frames: the warping error of Lai et al. (ECCV 2018)."""
    with torch.no_grad():
        sums = [((frames - warp(frames)).abs().mean(1) * warp.seen).sum() for warp in warps]
        return float(torch.stack(sums).sum() / torch.stack([warp.seen.sum() for warp in warps]).sum().clamp_min(1e-6))
