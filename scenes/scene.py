"""A scene: one surface on one skeleton, and for every photo a camera, a pose and that individual's own shape."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..representations.body.skeleton import Skeleton, forward_kinematics, mirrored_pose, posed_joints
from ..representations.body.skinning import skin
from ..representations.body.template import Template
from ..representations.geometry.mesh import SkinnedMesh
from ..representations.surfaces.surface import Surface
from .hypotheses.hypotheses import Hypotheses


class Scene(nn.Module):
    """What a fit fits. `hypotheses` may hold several hypotheses of one photo while a fit is still in doubt."""

    def __init__(self, surface: Surface, hypotheses: Hypotheses, templates: Sequence[Template] = ()) -> None:
        """`templates`: others that the subject may be tried in, see `begin`."""
        super().__init__()
        self.surface: Surface
        self.surface = surface
        self.hypotheses = hypotheses
        start = surface.template
        self._templates = {one.build: one for one in (*templates, start) if one is not None}
        self._build = None if start is None else start.build
        self.rest_pose: nn.Parameter
        """Rotation vectors that all photos share, on top of the template's rest pose; see `shared_pose`."""
        self._stand(surface.skeleton())

    def shared_pose(self) -> Float[Tensor, "J 3"]:
        """The mean pose of the collection, made mirror symmetric."""
        mirror = self.get_buffer("_mirror")
        return 0.5 * (self.rest_pose + mirrored_pose(self.rest_pose, mirror))

    def rotations(self) -> Float[Tensor, "B J 4"]:
        """Joint rotations of every hypothesis, unit quaternions; the root's is the identity."""
        return self.hypotheses.rotations(self.shared_pose())

    def posed(
        self, mesh: SkinnedMesh, transforms: Float[Tensor, "B J 3 4"] | None = None, *, own_shape: bool = True
    ) -> Float[Tensor, "B V 3"]:
        """Vertices of every hypothesis in its pose, `mesh` being `surface.shared()`; with its own shape unless told
        not.

        `transforms`: those of this very moment, worked out here if None.
        """
        vertices = mesh.vertices
        if own_shape:
            vertices = vertices + self.surface.instance(self.hypotheses.photo)
        return skin(vertices, mesh.weights, self.transforms() if transforms is None else transforms)

    def transforms(self, skeleton: Skeleton | None = None) -> Float[Tensor, "B J 3 4"]:
        """Rest-to-posed maps of the joints of every hypothesis; `skeleton`: that of this very moment, if it is at
        hand."""
        return forward_kinematics(self.surface.skeleton() if skeleton is None else skeleton, self.rotations())

    def landmarks(self, names: tuple[str, ...] | None = None) -> tuple[tuple[str, ...], Float[Tensor, "B K 3"]]:
        """Posed keypoints and their names, all that the skeleton knows or the given ones."""
        skeleton: Skeleton = self.surface.skeleton()
        chosen = tuple(skeleton.landmarks) if names is None else names
        transforms = self.transforms()
        starts, ends = posed_joints(transforms, skeleton.joints), posed_joints(transforms, skeleton.tips)
        points = [(ends if skeleton.landmarks[n][1] else starts)[:, skeleton.landmarks[n][0]] for n in chosen]
        return chosen, torch.stack(points, dim=1)

    def normalise(self) -> None:
        """Moves and scales the united rest subject into its gauge: box centred, longest side 1.

        Cameras follow, so that every picture stays what it was. The shared offsets become part of the mesh.
        """
        scale, centre = self.surface.normalise()
        self.hypotheses.follow(scale, centre)

    def state(self) -> dict[str, Any]:
        """All tensors of the scene, and whether its parts are united."""
        return {
            "united": self.surface.united,
            "build": self._build,
            "surface": self.surface.state_dict(),
            "hypotheses": self.hypotheses.state_dict(),
            "rest_pose": self.rest_pose.detach(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned; the scene must have been made with the same templates and photos."""
        if state["build"] is not None and not self.surface.united:
            self.begin(state["build"])
        if state["united"]:
            self.surface = self.surface.unified_from(state["surface"])
        else:
            self.surface.load_state_dict(state["surface"])
        self.hypotheses = self.hypotheses.restored(state["hypotheses"])
        with torch.no_grad():
            self.rest_pose.copy_(state["rest_pose"])

    def begin(self, build: str) -> None:
        """Puts untouched parts of another build in the place of the present ones and unbends all hypotheses.

        Raises ValueError if the parts have been united, or if no template of the scene has that build.
        """
        if self.surface.united:
            raise ValueError(f"build {build!r} cannot be begun: the parts have been united, and there is no way back")
        if build not in self._templates:
            raise ValueError(f"build is {build!r}; the scene has templates of {', '.join(self._templates)}")
        start = self._templates[build]
        self._build = build
        self.surface = self.surface.begun(start)
        self.hypotheses = self.hypotheses.unposed(len(start.skeleton))
        self._stand(start.skeleton)

    def _stand(self, skeleton: Skeleton) -> None:
        """Straightens up, as that skeleton rests."""
        device = self.hypotheses.photo.device
        self.rest_pose = nn.Parameter(torch.zeros(len(skeleton), 3, device=device))
        self.register_buffer("_mirror", torch.tensor(skeleton.mirror, device=device))

    def part(self, index: Int[Tensor, " K"]) -> Scene:
        """The hypotheses at `index` of this very scene, for one look at them: gradients flow back to it."""
        part = copy.copy(self)
        part._modules = {**self._modules, "hypotheses": self.hypotheses.part(index)}
        return part

    def keep(self, index: Int[Tensor, " K"]) -> None:
        """Drops all hypotheses of the hypotheses but those at `index`."""
        self.hypotheses = self.hypotheses.select(index)
