"""Speed, as ratios measured in one run, so that the machine and what else it does cancel out.

Rendering: one forward and backward pass over 20 pictures of 192x192 of a subject of about 20,000 faces (visibility,
interpolation, antialiasing, silhouette and colour loss) against one forward pass of a DINOv2-S over 20 photos of
224x224, random weights, both float32 on the same device. Visibility: the default backend against the torch reference.
Canonical prior: one look of its network at each photo, and the two of a fit (the photo and its mirror image, masks
given), against the same pass of DINOv2-S. Fit: one step over twenty photos against the rendering and the losses in it,
and against the same pass (`step_speed`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...priors.canonical import CanonicalPrior
from ...priors.embedded import CANONICAL
from ...representations.body.chart import VERSION
from ...representations.body.template import template
from ...representations.camera import Intrinsics, project
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.geometry.unite import unite
from ...representations.rendering import Topology, antialias, blur_pyramid_loss, rasterize
from ...representations.rendering.backends.backend_choice import choose_backend
from ...representations.rendering.interpolate import surface
from ...representations.surfaces.part_surface import PartSurfaces
from ...scenes.preview.turntable_camera import fitting_distance, orbit_cameras
from .step_speed import step_jobs

_PICTURES, _SIDE, _FACES = 20, 192, 20_000
_FIELD_OF_VIEW_DEG = 30.0
_TURN_SECONDS = 0.3


@dataclass(frozen=True)
class Ratio:
    """How much faster one thing is than another."""

    name: str
    fast_seconds: float
    slow_seconds: float
    required: float
    """Least ratio that the project promises."""

    @property
    def value(self) -> float:
        """Slow time over fast time."""
        return self.slow_seconds / self.fast_seconds

    def __str__(self) -> str:
        verdict = "met" if self.value >= self.required else "MISSED"
        times = f"{1e3 * self.fast_seconds:.1f} ms against {1e3 * self.slow_seconds:.1f} ms"
        return f"{self.name}: {self.value:.2f} times ({times}); at least {self.required:.3g}: {verdict}"


def measure_speed(device: torch.device | str = "cpu", repeats: int = 5) -> list[Ratio]:
    """Measures everything on `device`; medians of `repeats`, contestants taking turns. Takes some minutes."""
    clip, mesh = speed_scene(torch.device(device))
    faces, size = mesh.faces, (_SIDE, _SIDE)
    step = _render_step(clip, mesh)
    network = _network(torch.device(device))
    rendering, features = _in_turns(step, network, repeats=repeats)
    quick, reference = _in_turns(
        lambda: rasterize(clip, faces, size),
        lambda: rasterize(clip, faces, size, backend="torch"),
        repeats=min(repeats, 3),
    )
    photos = torch.rand(_PICTURES, 224, 224, 3, device=device)
    prior = CanonicalPrior.load(CANONICAL, VERSION, device)
    look, both, again = _in_turns(
        lambda: prior(photos, photos[..., 0], mirror=False), lambda: prior(photos, photos[..., 0]), network,
        repeats=repeats,
    )  # fmt: skip
    whole, bare = step_jobs(torch.device(device))
    step_seconds, bare_seconds, once_more = _in_turns(whole, bare, network, repeats=repeats)
    return [
        Ratio("canonical network over one DINOv2-S pass", look, again, required=4),
        Ratio("both looks of the canonical prior over one DINOv2-S pass", both, again, required=1.6),
        Ratio("render step over one DINOv2-S pass", rendering, features, required=25),
        Ratio("a fit's step over one DINOv2-S pass", step_seconds, once_more, required=10),
        Ratio("a fit's step over the rendering and the losses in it", step_seconds, bare_seconds, required=1 / 1.3),
        Ratio(
            f"visibility ({choose_backend(torch.device(device))}) over the torch reference",
            quick,
            reference,
            required=20,
        ),
    ]


def speed_scene(device: torch.device) -> tuple[Tensor, SkinnedMesh]:
    """Clip coordinates (20, V, 4) of a quadruped of about 20,000 faces seen from all round, and its mesh."""
    with torch.no_grad():
        parts = PartSurfaces(template("quadruped"), photo_count=1, level=3)
        mesh = unite(parts.shared(), parts.piece, target_faces=_FACES, symmetric=True).mesh.to(device)
        vertices = mesh.vertices.expand(_PICTURES, -1, -1)
        aim = orbit_cameras(_PICTURES, distance=1.0, device=device)
        distance = float(fitting_distance(vertices, aim, _FIELD_OF_VIEW_DEG, margin=0.1).max())
        camera = orbit_cameras(_PICTURES, distance=distance, device=device)
        lens = Intrinsics.from_field_of_view(_FIELD_OF_VIEW_DEG, _SIDE, _SIDE, _PICTURES, device=device)
        return project(vertices, camera, lens).contiguous(), mesh


def _render_step(clip: Tensor, mesh: SkinnedMesh) -> Callable[[], None]:
    topology, size = Topology.of(mesh.faces), (_SIDE, _SIDE)
    clip = clip.clone().requires_grad_()
    colours = (mesh.vertices + 0.5).clamp(0, 1).requires_grad_()
    mask = (rasterize(clip.detach(), mesh.faces, size).face >= 0).float().roll(5, dims=2)
    photo = mask[..., None].expand(-1, -1, -1, 3) * 0.5

    def step() -> None:
        clip.grad = colours.grad = None
        fragments = rasterize(clip, mesh.faces, size)
        painted = torch.cat([colours, torch.ones_like(colours[:, :1])], dim=1)
        seen = surface(painted, mesh.faces, fragments, clip, mesh.faces)
        picture = antialias(seen, fragments, clip, mesh.faces, topology)
        colour, coverage = picture.split([3, 1], dim=-1)
        loss = blur_pyramid_loss(coverage[..., 0], mask).sum() + torch.nn.functional.mse_loss(colour, photo)
        loss.backward()

    return step


def _network(device: torch.device) -> Callable[[], None]:
    import timm

    torch.manual_seed(0)
    model = timm.create_model("vit_small_patch14_dinov2", img_size=224, pretrained=False).eval().to(device)
    photos = torch.rand(_PICTURES, 3, 224, 224, device=device)

    def forward() -> None:
        with torch.inference_mode():
            model(photos)

    return forward


def _in_turns(*jobs: Callable[[], object], repeats: int) -> list[float]:
    """Median seconds of each job. A turn goes on for a while, since a fit's steps follow one another as well.

    What comes first in a turn, with the other job's data in the caches, does not count, nor does compiling.
    """
    times: list[list[float]] = [[] for _ in jobs]
    for job in jobs:
        job()
    for _ in range(repeats):
        for job, spent in zip(jobs, times, strict=True):
            job()
            runs = 0
            _wait()
            start = time.perf_counter()
            while time.perf_counter() - start < _TURN_SECONDS:
                job()
                _wait()
                runs += 1
            spent.append((time.perf_counter() - start) / runs)
    return [statistics.median(spent) for spent in times]


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
