"""Animation clips: one rotation per joint at increasing times, slerped in between.

The root joint stays at its rest place, unturned, for the camera takes up what a body does as a whole. What it would do
on its own, a gallop's bounce or the raised trunk of a sitting dog, is kept apart as `RootMotion`: with it the ground of
a clip is flat and still; without it feet meet the same ground as the trunk sees it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..rotation import multiply, slerp
from ..tensor_structure import TensorStructure


class RootMotion(TensorStructure):
    """How the root joint moves over the ground: turned about its rest place, then shifted."""

    turns: Float[Tensor, "T 4"]
    """Unit quaternions (w, x, y, z)."""
    shifts: Float[Tensor, "T 3"]
    """In units of the rest frame. What gets somewhere has no shift for it: the ground passes below."""


class Clip(TensorStructure):
    """T poses of J joints. Quaternions (w, x, y, z) of unit length, relative to the parent joint, as in `Skeleton`."""

    name: str
    times: Float[Tensor, " T"]
    """Seconds, strictly increasing, the first one 0."""
    rotations: Float[Tensor, "T J 4"]
    loop: bool = True
    """Whether the clip repeats; then its last pose is its first one again, so that it closes without a jump."""
    root: RootMotion | None = None
    """Of the T poses; None where the root rests."""
    notes: tuple[str, ...] = ()
    """What the user should know of how the clip was read from a file, one line each."""

    def __post_init__(self) -> None:
        count = self.times.shape[0]
        if count == 0 or self.rotations.shape[0] != count:
            raise ValueError(f"clip {self.name!r} has {count} times for {self.rotations.shape[0]} poses; give one each")
        if self.root is not None and not len(self.root.turns) == len(self.root.shifts) == count:
            raise ValueError(
                f"clip {self.name!r} has {count} poses but {len(self.root.turns)} turns and {len(self.root.shifts)} "
                "shifts of its root; give as many"
            )
        if float(self.times[0]) != 0 or not bool((self.times.diff() > 0).all()):
            raise ValueError(f"clip {self.name!r}: times must start at 0 and increase, found {self.times.tolist()}")
        off = float((self.rotations.norm(dim=-1) - 1).abs().max())
        if not off < 1e-3:
            raise ValueError(f"clip {self.name!r}: quaternions must have length 1; one is off by {off:.2g}")
        if self.loop:
            cosine = float((self.rotations[0] * self.rotations[-1]).sum(-1).abs().min())
            if cosine < 1 - 1e-4:
                raise ValueError(f"clip {self.name!r} loops, but its last pose is not its first; repeat it at the end")

    @property
    def duration(self) -> float:
        """Seconds from the first pose to the last."""
        return float(self.times[-1])

    def sample(self, times: Float[Tensor, " N"]) -> Float[Tensor, "N J 4"]:
        """Poses at any times in seconds: slerp along the shorter arc between neighbours.

        A looping clip repeats; another holds its first pose before the start and its last one after the end.
        """
        before, after, fraction = self._neighbours(times)
        rotations = self.rotations.to(times)
        return slerp(rotations[before], rotations[after], fraction[:, None, None])

    def sample_root(self, times: Float[Tensor, " N"]) -> RootMotion:
        """What the root does by itself at any times in seconds, as `sample` does for the joints."""
        if self.root is None:
            turns = times.new_tensor([1.0, 0, 0, 0]).expand(len(times), 4)
            return RootMotion(turns, torch.zeros_like(turns[:, 1:]))
        before, after, fraction = self._neighbours(times)
        turns, shifts = self.root.turns.to(times), self.root.shifts.to(times)
        return RootMotion(
            slerp(turns[before], turns[after], fraction[:, None]),
            torch.lerp(shifts[before], shifts[after], fraction[:, None]),
        )

    def rooted(self) -> tuple[Float[Tensor, "T J 4"], Float[Tensor, "T 3"]]:
        """The poses with what the root does by itself in its own rotation, and its shifts: as files have them, in which
        the ground is flat and still."""
        rotations = self.rotations
        if self.root is None:
            return self.continuous().rotations, torch.zeros_like(rotations[:, 0, :3])
        turned = multiply(self.root.turns.to(rotations), rotations[:, 0])
        whole = replace(self, rotations=torch.cat([turned[:, None], rotations[:, 1:]], dim=1), loop=False)
        return whole.continuous().rotations, self.root.shifts.to(rotations)

    def _neighbours(self, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Keys before and after each time, and how far it lies between them."""
        if self.duration == 0:
            none = torch.zeros_like(times)
            return none.long(), none.long(), none
        keys = self.times.to(times)
        times = torch.remainder(times, self.duration) if self.loop else times.clamp(0, self.duration)
        after = torch.searchsorted(keys, times, right=True).clamp(1, keys.shape[0] - 1)
        before = after - 1
        return before, after, (times - keys[before]) / (keys[after] - keys[before])

    def frame_times(self, frames_per_second: float) -> Float[Tensor, " N"]:
        """Evenly spaced times for a video, at least one; a loop leaves out its end, which is its start again."""
        count = max(1, round(self.duration * frames_per_second) + (0 if self.loop else 1))
        return torch.arange(count, dtype=torch.float32) / frames_per_second

    def continuous(self) -> Clip:
        """The same motion with signs chosen so that neighbouring quaternions lie on one side of the sphere.

        q and -q are the same rotation, but a reader that interpolates componentwise, as glTF's LINEAR may, goes the
        long way round between them.
        """
        dots = (self.rotations[1:] * self.rotations[:-1]).sum(-1)
        flips = torch.where(dots < 0, -torch.ones_like(dots), torch.ones_like(dots)).cumprod(dim=0)
        start = torch.where(self.rotations[0, :, 0] < 0, -1.0, 1.0).to(flips)
        signs = start * torch.cat([torch.ones_like(flips[:1]), flips]) if len(flips) else start[None]
        return replace(self, rotations=self.rotations * signs[..., None])
