"""A scene: one surface on one skeleton, and for every photo a camera, a pose and that individual's own shape."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..representations.mesh import SkinnedMesh
from ..representations.part_surface import PartSurfaces
from ..representations.skeleton import Skeleton, forward_kinematics, mirrored_pose, posed_joints
from ..representations.skinning import skin
from ..representations.template import template
from ..representations.united_surface import UnitedSurface
from .placement import Accounts


class Scene(nn.Module):
    """What a fit fits. `placement` may hold several accounts of one photo while a fit is still in doubt."""

    def __init__(self, surface: PartSurfaces | UnitedSurface, placement: Accounts) -> None:
        super().__init__()
        self.surface = surface
        self.placement = placement
        self._start = surface.template if isinstance(surface, PartSurfaces) else None
        skeleton = surface.skeleton()
        self.rest_pose = nn.Parameter(torch.zeros(len(skeleton), 3, device=placement.photo.device))
        """Rotation vectors that all photos share, on top of the template's rest pose; see `shared_pose`."""
        self.register_buffer("_mirror", torch.tensor(skeleton.mirror, device=placement.photo.device))

    def shared_pose(self) -> Float[Tensor, "J 3"]:
        """The mean pose of the collection, made mirror symmetric."""
        mirror = self.get_buffer("_mirror")
        return 0.5 * (self.rest_pose + mirrored_pose(self.rest_pose, mirror))

    def rotations(self) -> Float[Tensor, "B J 4"]:
        """Joint rotations of every entry, unit quaternions; the root's is the identity."""
        return self.placement.rotations(self.shared_pose())

    def posed(self, mesh: SkinnedMesh, *, own_shape: bool = True) -> Float[Tensor, "B V 3"]:
        """Vertices of every entry in its pose, `mesh` being `surface.shared()`; with its own shape unless told not."""
        vertices = mesh.vertices
        if own_shape:
            vertices = vertices + self.surface.instance(self.placement.photo)
        return skin(vertices, mesh.weights, self.transforms())

    def transforms(self) -> Float[Tensor, "B J 3 4"]:
        """Rest-to-posed maps of the joints of every entry."""
        return forward_kinematics(self.surface.skeleton(), self.rotations())

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
        if not isinstance(self.surface, UnitedSurface):
            raise ValueError("only a united subject is normalised: the parts' joints are tied to their template")
        scale, centre = self.surface.normalise()
        self.placement.follow(scale, centre)

    def state(self) -> dict[str, Any]:
        """All tensors of the scene, and whether its parts are united."""
        return {
            "united": isinstance(self.surface, UnitedSurface),
            "build": self.surface.template.build if isinstance(self.surface, PartSurfaces) else None,
            "surface": self.surface.state_dict(),
            "placement": self.placement.state_dict(),
            "rest_pose": self.rest_pose.detach(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned; the scene must have been made for the same body plan and photos."""
        if state["united"]:
            self.surface = UnitedSurface(self.surface.skeleton(), state["surface"])
        else:
            self.begin(state["build"])
            self.surface.load_state_dict(state["surface"])
        self.placement = self.placement.restored(state["placement"])
        with torch.no_grad():
            self.rest_pose.copy_(state["rest_pose"])

    def begin(self, build: str) -> None:
        """Puts untouched parts in the place of the present ones: of the scene's first build, or of another of its plan.

        Raises ValueError if the parts have been united, or if the plan has no such build.
        """
        parts = self.surface
        if not isinstance(parts, PartSurfaces) or self._start is None:
            raise ValueError(f"build {build!r} cannot be begun: the parts have been united, and there is no way back")
        start = self._start if build == self._start.build else template(self._start.skeleton.plan, build)
        fresh = PartSurfaces(start, parts.instance_coefficients.shape[0], level=parts.level, degree=parts.degree)
        fresh.cutoff = parts.cutoff
        self.surface = fresh.to(self.placement.photo.device)

    def keep(self, index: Int[Tensor, " K"]) -> None:
        """Drops all entries of the placement but those at `index`."""
        self.placement = self.placement.select(index)
