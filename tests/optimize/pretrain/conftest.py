"""A very small pool of photos, made once."""

from pathlib import Path

import pytest

from zoetrope.optimize.pretrain.pool import Pool, fill_pool, read_pool
from zoetrope.representations.motion.library import motion
from zoetrope.scenes.export.gltf_export import write_glb
from zoetrope.scenes.zoo.body import make_body
from zoetrope.scenes.zoo.species import archetype
from zoetrope.scenes.zoo.stream import StreamConfig


@pytest.fixture(scope="session")
def recipe() -> StreamConfig:
    return StreamConfig(size=64, photo_count=4, noisy_share=0.0, species=("fox", "zebra"))


@pytest.fixture(scope="session")
def pool_folder(recipe: StreamConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    fill_pool(folder, recipe, 8, lambda _: None, process_count=1)
    return folder


@pytest.fixture(scope="session")
def pool(pool_folder: Path) -> Pool:
    return read_pool(pool_folder, 8)


@pytest.fixture(scope="session")
def rigged_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a rigged mesh that walks."""
    mean = archetype("fox")
    body = make_body(mean, mean.blueprint)
    folder = tmp_path_factory.mktemp("meshes")
    write_glb(folder / "walker.glb", body.mesh, body.skeleton, clips=[motion("walk", body.skeleton)])
    return folder
