"""Where the camera stands and how the body is bent: a batch of hypotheses, one or several of each photo.

A silhouette alone can't tell some views apart: from the front left and from the rear left, with the head pointing the
same way in the picture, outlines are alike, and so are a view and its mirror image. So every photo starts with azimuths
all round, the rear included, and even the best hypothesis is compared with its mirror images before it is believed.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor, nn

from ...representations.body.skeleton import Skeleton
from ...representations.camera import Camera, Intrinsics
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rotation import quaternion_from_vector

LimbPair = Literal["front", "hind"]

AZIMUTH_JITTER = 0.1
"""Largest change of a first azimuth, in parts of the distance between neighbours on the circle."""


@runtime_checkable
class ColorEvidence(Protocol):
    """What the photos' colours say of B hypotheses, each of which has put its photo's pixels onto the surface."""

    def joint_loss(self, photo: Int[Tensor, " B"], loss: Float[Tensor, " B"], weight: float) -> Float[Tensor, " B"]:
        """`loss` and disagreement of colours together, photo by photo, the latter times `weight`."""
        ...

    def disagreement(self, rows: Bool[Tensor, " B"], photo: Int[Tensor, " B"]) -> Float[Tensor, " K"]:
        """Mean squared colour distance of the K hypotheses in `rows` to the others among them."""
        ...


class Hypotheses(nn.Module, ABC):
    """B hypotheses, each of one photo: a pose of its own, and a camera that subclasses say where to find."""

    per_hypothesis: ClassVar[frozenset[str]] = frozenset({"photo", "pose"})
    """Names of the tensors that have a row for each hypothesis; all others are shared."""

    def __init__(self, photo: Int[Tensor, " B"], joint_count: int, pose: Float[Tensor, "B J 3"] | None = None) -> None:
        super().__init__()
        self.photo: Tensor
        self.register_buffer("photo", photo)
        start = torch.zeros(len(photo), joint_count, 3, device=photo.device) if pose is None else pose.detach().clone()
        self.pose = nn.Parameter(start)
        """Rotation vectors of the joints on top of the shared rest pose; the root's row is not used."""

    def __len__(self) -> int:
        return self.photo.shape[0]

    def own_pose(self) -> Float[Tensor, "B J 3"]:
        """Rotation vectors of the joints on top of the shared rest pose, as they count (differentiable)."""
        return self.pose

    def rotations(self, shared: Float[Tensor, "J 3"]) -> Float[Tensor, "B J 4"]:
        """Joint rotations as quaternions: each photo's own pose added to the shared one; the root stays still."""
        vector = self.own_pose() + shared
        return quaternion_from_vector(torch.cat([torch.zeros_like(vector[:, :1]), vector[:, 1:]], dim=1))

    @abstractmethod
    def camera(self) -> Camera:
        """The cameras as the renderer takes them, in the body's frame (differentiable)."""

    def lens(self, intrinsics: Intrinsics) -> Intrinsics:
        """Intrinsics of all N photos as they stand, where they were `intrinsics` at first (differentiable)."""
        return intrinsics

    def part(self, index: Int[Tensor, " K"]) -> Hypotheses:
        """The hypotheses at `index` as they stand, for one look at them: gradients flow back to these hypotheses."""
        part = copy.copy(self)
        part._parameters, part._buffers = {}, {}
        for name, tensor in (*self.named_parameters(), *self.named_buffers()):
            setattr(part, name, tensor.index_select(0, index) if name in self.per_hypothesis else tensor)
        return part

    @abstractmethod
    def select(self, index: Int[Tensor, " K"]) -> Hypotheses:
        """New hypotheses that start from the hypotheses at `index`."""

    @abstractmethod
    def unposed(self, joint_count: int) -> Hypotheses:
        """The same hypotheses of an unbent body of so many joints."""

    @abstractmethod
    def follow(self, scale: float, centre: Float[Tensor, " 3"]) -> None:
        """Keeps every picture what it was when body points p become `scale * (p - centre)`."""

    @abstractmethod
    def restored(self, state: dict[str, Any]) -> Hypotheses:
        """The hypotheses, of this kind and about these photos, whose `state_dict` this is."""

    @abstractmethod
    def all_round(
        self,
        mesh: SkinnedMesh,
        intrinsics: Intrinsics,
        boxes: Float[Tensor, "N 4"],
        count: int,
        azimuth_deg: Float[Tensor, "N {count}"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Hypotheses:
        """`count` unposed hypotheses of each photo from all round the subject, whatever these ones are.

        The projected mesh fills the masks' boxes (left, top, right, bottom in crop pixels). `azimuth_deg`: where free
        cameras start, evenly spaced unless given. `generator`: moves each hypothesis a little, on the CPU. A fit should
        not hang on that, and how far results differ from seed to seed says what a difference between two fits means.
        """

    @abstractmethod
    def mirrored(self, mirror: Int[Tensor, " J"]) -> Hypotheses:
        """Each hypothesis followed by the three that it is most easily mistaken for; `mirror`: joints' other sides."""

    @abstractmethod
    def neighbours(self) -> Hypotheses:
        """Each hypothesis followed by views to either side of it, which start from the shared pose again."""

    @abstractmethod
    def limb_swaps(self, skeleton: Skeleton, pair: LimbPair) -> Hypotheses:
        """Each hypothesis followed by other poses of a pair of limbs. Raises ValueError where cameras are known."""

    @abstractmethod
    def best(self, loss: Float[Tensor, " B"], count: int) -> Int[Tensor, " K"]:
        """Rows of the `count` best hypotheses of each photo, of headings that differ; the best ones first."""

    @abstractmethod
    def responsibilities(self, loss: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """How much each hypothesis counts for what is shared; sums to one over a photo."""

    @abstractmethod
    def joint_loss(self, loss: Float[Tensor, " B"], colors: ColorEvidence, weight: float) -> Float[Tensor, " B"]:
        """Losses joined with how far photos agree on colours, by which hypotheses of a photo are told apart."""

    @abstractmethod
    def camera_penalties(self) -> dict[str, Tensor]:
        """How unusual cameras are, (B,) or () each, in squared standard deviations, by the name of their weight."""

    @abstractmethod
    def parameter_groups(self) -> dict[str, list[tuple[nn.Parameter, str]]]:
        """Parameters by the kind of variable that a stage may free, each with the name of its learning rate."""

    @property
    def one_shape(self) -> bool:
        """Whether all photos show the subject at one moment, so that no photo has a shape of its own."""
        return False

    @property
    def note(self) -> str | None:
        """What people should know of how cameras are treated, in a line."""
        return None

    def world_from_rest(self) -> Float64[np.ndarray, "4 4"] | None:
        """The similarity from the body's frame to the given world; None where no world is given."""
        return None

    def to_world(self, points: Float[Tensor, "B V 3"]) -> Float[Tensor, "B V 3"]:
        """Body points in the given world, on the CPU; as they are where none is given."""
        return points.cpu()


def either_way(generator: torch.Generator, *shape: int) -> Tensor:
    """A tensor of that shape, evenly distributed from -1 to 1, on the CPU."""
    return 2 * torch.rand(shape, generator=generator) - 1
