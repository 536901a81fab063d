"""What several tests of scores share: runs made of a collection's own truth, as it is or spoilt in known ways."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from types import ModuleType

import numpy as np
import pytest

SHARED = Path(__file__).parents[2].parent / "shared"
COLLECTIONS = SHARED / "assets" / "collections"


@pytest.fixture(scope="session")
def ready() -> Callable[[str], Path]:
    """Gives the folder of a ready collection by name; skips where the collections are not here."""

    def folder(name: str) -> Path:
        if not COLLECTIONS.is_dir():
            pytest.skip("needs the ready collections")
        return COLLECTIONS / name

    return folder


@pytest.fixture(scope="session")
def part_of(ready: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Gives a collection of the first few photos of a ready one, with their truth."""
    made: dict[tuple[str, int], Path] = {}

    def folder(name: str, count: int) -> Path:
        if (name, count) not in made:
            root, target = ready(name), tmp_path_factory.mktemp("part") / name
            for path in ("keypoints.json", "truth/transforms.json", "truth/rest.ply"):
                if (root / path).is_file():
                    (target / path).parent.mkdir(parents=True, exist_ok=True)
                    (target / path).write_bytes((root / path).read_bytes())
            (target / "masks").mkdir()
            for photo in sorted(root.glob("*.jpg"))[:count]:
                for path in (photo.name, f"masks/{photo.stem}.png", f"truth/{photo.stem}.ply"):
                    if (root / path).is_file():
                        (target / path).write_bytes((root / path).read_bytes())
            made[name, count] = target
        return made[name, count]

    return folder


@pytest.fixture
def truth_as_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a collection's truth as a run. `bend` gives each posed mesh other vertices; `without_mesh` and
    `without_camera` name photos that get none."""

    def write(
        collection: Path,
        bend: Callable[[np.ndarray, int], np.ndarray] | None = None,
        without_mesh: Iterable[str] = (),
        without_camera: Iterable[str] = (),
        name: str = "run",
    ) -> Path:
        import torch

        from zoetrope.scenes.mesh_file import read_ply, write_ply
        from zoetrope.scenes.photos.nerfstudio import read_transforms, write_transforms

        run, truth = tmp_path / name, collection / "truth"
        frames = read_transforms(truth / "transforms.json")
        write_transforms(run / "transforms.json", [frame for frame in frames if frame.stem not in without_camera])
        for k, frame in enumerate(frames):
            path = truth / f"{frame.stem}.ply"
            if path.is_file() and frame.stem not in without_mesh:
                vertices, faces = read_ply(path)
                if bend is not None:
                    vertices = torch.from_numpy(bend(vertices.double().numpy(), k)).float()
                write_ply(run / "posed" / path.name, vertices, faces)
        (run / "rest.ply").write_bytes((truth / "rest.ply").read_bytes())
        return run

    return write


@pytest.fixture(scope="session")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """An independent scorer of the same protocols, as a module; skips where it is not here."""
    import importlib.util
    import sys

    import numba

    path = SHARED / "tools" / "score.py"
    if not path.is_file():
        pytest.skip("needs the independent scorer")
    spec = importlib.util.spec_from_file_location("independent_scorer", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # numba looks its cached functions up by their module's name.
    sys.modules[spec.name] = module
    with pytest.MonkeyPatch.context() as patch:
        # Kept beside its file they would be looked up by this name when the scorer runs by itself.
        patch.setattr(numba.config, "CACHE_DIR", str(tmp_path_factory.mktemp("scorer")))
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of two layers with a vocabulary of letters, in transformers' layout."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clip")
    words = [
        *ascii_lowercase,
        *(f"{letter}</w>" for letter in ascii_lowercase),
        "of</w>",
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\no f</w>\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    image_processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(image_processor, tokenizer).save_pretrained(folder)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    end = len(words) - 1
    tokens = {"vocab_size": len(words), "bos_token_id": end - 1, "eos_token_id": end, "pad_token_id": end}
    config = CLIPConfig(
        text_config={**layers, **tokens, "max_position_embeddings": 24},
        vision_config={**layers, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        CLIPModel(config).save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Portraits:
    """A ball in three photos and a run that wears exactly their colours."""

    photos: Path
    run: Path
    wear: Callable[[str, np.ndarray], None]
    """Gives the run's instance of one photo another texture."""


@pytest.fixture
def portraits(tmp_path: Path) -> Portraits:
    """Photos of 96 x 80 pixels, smooth colours behind a disc; each texture is the photo itself, seen through it."""
    import torch
    from PIL import Image

    from zoetrope.optimize.config import FitConfig
    from zoetrope.representations.body.template import template
    from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
    from zoetrope.scenes.export.gltf_export import write_glb
    from zoetrope.scenes.mesh_file import write_ply
    from zoetrope.scenes.photos.nerfstudio import CameraFrame, write_transforms
    from zoetrope.scenes.subject import Subject, save_subject

    width, height, focal, distance, radius = 96, 80, 200.0, 4.0, 0.5
    folder, run = tmp_path / "photos", tmp_path / "run"
    (folder / "masks").mkdir(parents=True)
    columns, rows = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    disc = np.hypot(columns, rows) < focal * radius / np.sqrt(distance**2 - radius**2)
    ball, faces = icosphere(3)
    vertices = radius * ball
    depth = distance - vertices[:, 2]
    uv = torch.stack([focal * vertices[:, 0] / depth / width, -focal * vertices[:, 1] / depth / height], 1) + 0.5
    skeleton = template("quadruped").skeleton
    weights = torch.zeros(len(ball), len(skeleton))
    weights[:, 0] = 1
    mesh = SkinnedMesh(vertices, faces, weights, torch.zeros(len(ball), dtype=torch.int64), ball, uv, faces)
    pose = np.eye(4)
    pose[2, 3] = distance

    def wear(stem: str, texture: np.ndarray) -> None:
        write_glb(run / "instances" / f"{stem}.glb", mesh, skeleton, texture=texture)

    frames = []
    for k in range(3):
        coarse = np.random.default_rng(k).integers(0, 200, (4, 5, 3), dtype=np.uint8)
        pixels = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        Image.fromarray(pixels).save(folder / f"{k}.png")
        Image.fromarray(255 * disc.astype(np.uint8)).save(folder / "masks" / f"{k}.png")
        frames.append(CameraFrame(f"{k}.png", pose, focal, focal, width / 2, height / 2, width, height))
        write_ply(run / "posed" / f"{k}.ply", vertices, faces)
        wear(str(k), pixels)
        if k == 0:
            save_subject(run / "checkpoints" / "subject.safetensors", Subject(mesh, skeleton, torch.tensor(pixels)))
    write_transforms(run / "transforms.json", frames)
    write_ply(run / "rest.ply", vertices, faces)
    (run / "config.json").write_text(json.dumps(FitConfig(photos=folder, out=run).to_json()))
    return Portraits(folder, run, wear)
