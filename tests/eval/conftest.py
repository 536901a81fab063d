"""What several tests of scores share: runs made of a collection's own truth, as it is or spoilt in known ways."""

from collections.abc import Callable, Iterable
from pathlib import Path
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
        from zoetrope.scenes.nerfstudio import read_transforms, write_transforms

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
def scorer() -> ModuleType:
    """An independent scorer of the same protocols, as a module; skips where it is not here."""
    import importlib.util
    import sys

    path = SHARED / "tools" / "score.py"
    if not path.is_file():
        pytest.skip("needs the independent scorer")
    spec = importlib.util.spec_from_file_location("independent_scorer", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # numba looks its cached functions up by their module's name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
