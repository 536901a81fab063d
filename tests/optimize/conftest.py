"""What several tests of fits share: small collections of the package's own making."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.priors.diffusion.prior import DiffusionPrior


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a module's tests keep for later lies in a folder of theirs, and nothing of this machine is found there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def good_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four square photos of 64 pixels, all of one lens that no file records, with masks and truth."""
    from zoetrope.scenes.photography.photograph import PhotographyConfig
    from zoetrope.scenes.photography.viewpoint import ViewpointConfig
    from zoetrope.scenes.photography.write import write_zoo_collection
    from zoetrope.scenes.zoo.sitting import take_photos

    viewpoint = ViewpointConfig(
        field_of_view_deg=(30.0, 30.0), cropped_share=0, recorded_share=0, square=True, high_share=0, fill=(0.8, 0.95)
    )
    config = PhotographyConfig(size=64, viewpoint=viewpoint)
    sitting = take_photos("fox", 4, torch.Generator().manual_seed(0), config)
    folder = tmp_path_factory.mktemp("good") / "photos"
    write_zoo_collection(folder, sitting.sitter, sitting.poses, sitting.shots)
    # For scores alone; tests that are about it write one of their own.
    (folder / "keypoints.json").unlink()
    return folder


@dataclass(frozen=True)
class Turnaround:
    """A folder of photos of one still subject with known cameras, and where it stands in their world."""

    folder: Path
    world_from_rest: np.ndarray
    """Similarity, 4 x 4."""
    vertices: torch.Tensor
    """Of the true subject, at rest, which is how all photos show it."""


def _similarity(scale: float, yaw_deg: float, shift: Sequence[float], up_z: bool) -> np.ndarray:
    """Scale, heading and place of a subject in a world whose up is +Y, or +Z."""
    turn = np.radians(yaw_deg)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    if up_z:
        rotation = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ rotation
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = scale * rotation, shift
    return matrix


@pytest.fixture(scope="session")
def turnaround(good_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Turnaround]:
    """Writes such folders: azimuths of the cameras round the subject; its size, heading and place in their world."""
    from zoetrope.representations.camera import Intrinsics, OrbitCamera, project
    from zoetrope.representations.rendering.coverage import coverage
    from zoetrope.scenes.mesh_file import read_ply
    from zoetrope.scenes.photos.nerfstudio import CameraFrame, write_transforms

    vertices, faces = read_ply(good_photos / "truth" / "rest.ply")
    size, focal, middle = 64, (120.0, 126.0), (29.0, 36.0)

    def write(
        azimuths_deg: Sequence[float],
        scale: float = 1.0,
        yaw_deg: float = 0.0,
        shift: Sequence[float] = (0.0, 0.0, 0.0),
        up_z: bool = False,
    ) -> Turnaround:
        world_from_rest = _similarity(scale, yaw_deg, shift, up_z)
        folder = tmp_path_factory.mktemp("known") / "turnaround"
        (folder / "masks").mkdir(parents=True)
        count = len(azimuths_deg)
        azimuth, one = torch.tensor(azimuths_deg, dtype=torch.float32), torch.ones(count)
        elevation = torch.linspace(5, 20, count)
        # Cameras that look past the subject, through lenses whose middle is elsewhere.
        offset = torch.stack([torch.linspace(-0.1, 0.1, count), torch.linspace(0.1, -0.05, count)], dim=1)
        camera = OrbitCamera(azimuth, elevation, 0 * one, 2.6 * one, offset)
        lens = Intrinsics(focal[0] * one, focal[1] * one, middle[0] * one, middle[1] * one, size, size)
        clip = project(vertices.expand(count, -1, -1), camera, lens)
        seen = (255 * coverage(clip, faces, (size, size))).round().byte().numpy()
        matrices = camera.world_from_camera().double().numpy()
        frames = []
        for k in range(count):
            noise = np.random.default_rng(k).integers(0, 120, (size, size, 3), dtype=np.uint8)
            Image.fromarray(np.maximum(noise, seen[k, ..., None])).save(folder / f"{k}.png")
            Image.fromarray(seen[k]).save(folder / "masks" / f"{k}.png")
            pose = world_from_rest @ matrices[k]
            pose[:3, :3] /= scale
            frames.append(CameraFrame(f"{k}.png", pose, *focal, *middle, size, size))
        write_transforms(folder / "transforms.json", frames)
        return Turnaround(folder, world_from_rest, vertices)

    return write


@pytest.fixture
def small_prior(
    small_diffusion: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> DiffusionPrior:
    """A latent diffusion model of random weights that answers with v, for pictures of 32 pixels."""
    from zoetrope.priors.diffusion.load import load_diffusion_prior

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "rule_cache"))
    return load_diffusion_prior(str(small_diffusion("sd_v")))
