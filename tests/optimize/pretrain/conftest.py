"""A very small pool of photos, made once."""

from pathlib import Path

import pytest

from zoetrope.optimize.pretrain.pool import Pool, fill_pool, read_pool
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
