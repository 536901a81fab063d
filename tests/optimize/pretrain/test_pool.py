"""Pools hold what the photographer saw, grow where they were left, and never take a test's seed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from zoetrope.optimize.pretrain.mesh_pool import fill_mesh_pool
from zoetrope.optimize.pretrain.pool import CANONICAL_XYZ_STEPS, Pool, fill_pool, read_pool
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photography.label import NONE
from zoetrope.scenes.zoo.species import SPECIES
from zoetrope.scenes.zoo.split import FIRST_TEST_SEED
from zoetrope.scenes.zoo.stream import StreamConfig, training_sitting


def test_a_pool_holds_what_the_photographer_saw(pool: Pool, recipe: StreamConfig) -> None:
    assert len(pool) == 8
    for k, shot in enumerate(training_sitting(1, recipe).shots, start=4):
        assert np.array_equal(pool.photo[k].numpy(), shot.photo)
        # A pixel of the masks is the mean of four of the photo, to the nearest step.
        mean = shot.visible.reshape(32, 2, 32, 2).astype(float).mean((1, 3))
        assert np.abs(pool.visible[k].numpy() - mean).max() <= 0.5
        assert shot.labels.part is not None
        assert shot.labels.reference is not None
        assert np.array_equal(pool.part[k].numpy(), shot.labels.part[1::2, 1::2])
        canonical_xyz = pool.canonical_xyz[k].numpy() / CANONICAL_XYZ_STEPS
        assert (
            np.abs(canonical_xyz - shot.labels.reference[1::2, 1::2].astype(float)).max() <= 0.51 / CANONICAL_XYZ_STEPS
        )
        assert pool.view[k].tolist() == pytest.approx([shot.azimuth_deg, shot.elevation_deg], abs=1e-4)
    names = {list(SPECIES)[k] for k in pool.species.tolist()}
    assert names <= {"fox", "zebra"}
    assert (pool.part != NONE).float().mean() > 0.05


def test_a_pool_grows_where_it_was_left(pool_folder: Path, recipe: StreamConfig) -> None:
    before = {path: path.stat().st_mtime_ns for path in pool_folder.glob("*.safetensors")}
    said: list[int] = []
    fill_pool(pool_folder, recipe, 9, said.append, process_count=1)
    assert said == [8, 12]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(read_pool(pool_folder, 100)) == 12
    assert len(read_pool(pool_folder, 8)) == 8


def test_a_pool_can_begin_at_another_seed(pool: Pool, recipe: StreamConfig, tmp_path: Path) -> None:
    fill_pool(tmp_path, recipe, 4, lambda _: None, process_count=1, first_seed=1)
    assert torch.equal(read_pool(tmp_path, 4).photo, pool.photo[4:])
    # The first photos of a folder are what is read, so one folder has one first seed.
    with pytest.raises(InputError, match="made by another recipe"):
        fill_pool(tmp_path, recipe, 4, lambda _: None, process_count=1)


def test_another_recipe_is_another_pool(pool_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="made by another recipe"):
        fill_pool(pool_folder, StreamConfig(size=96), 8, lambda _: None)
    with pytest.raises(InputError, match="holds no photos to train on"):
        read_pool(tmp_path, 4)


def test_photos_of_a_mesh_have_outlines_and_views_and_no_parts(
    pool_folder: Path, rigged_folder: Path, recipe: StreamConfig, tmp_path: Path
) -> None:
    file = rigged_folder / "walker.glb"
    fill_mesh_pool(tmp_path, file, recipe, 8, lambda _: None)
    both = read_pool(pool_folder, 4, [tmp_path])
    assert both.species.tolist()[4:] == [-1] * 8
    assert both.species[:4].min() >= 0
    meshes = slice(4, None)
    assert (both.part[meshes] == NONE).all()
    assert (both.side[meshes] == NONE).all()
    share = (both.visible[meshes] > 127).float().mean((1, 2))
    assert ((share > 0.02) & (share < 0.9)).all()
    assert len({round(float(azimuth)) for azimuth in both.view[meshes, 0]}) > 4
    with pytest.raises(InputError, match="made by another recipe"):
        fill_mesh_pool(tmp_path, file, StreamConfig(size=96), 8, lambda _: None)


def test_seeds_of_tests_are_refused(recipe: StreamConfig) -> None:
    with pytest.raises(ValueError, match="is not for training"):
        training_sitting(FIRST_TEST_SEED, recipe)
    with pytest.raises(ValueError, match="expected some of"):
        StreamConfig(species=("unicorn",))
