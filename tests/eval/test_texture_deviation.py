"""Deviation over seeds: of the texels that any rule painted, by the formula, and of one atlas alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from zoetrope.eval.texture_deviation import texture_deviation
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.scenes.error import InputError
from zoetrope.scenes.subject import Subject, save_subject


@pytest.fixture
def wear(tmp_path: Path) -> Callable[[str, np.ndarray], Path]:
    """Writes a run of that name with that texture."""
    ball, faces = icosphere(1)
    skeleton = template("quadruped").skeleton
    weights = torch.zeros(len(ball), len(skeleton))
    weights[:, 0] = 1
    mesh = SkinnedMesh(ball, faces, weights, torch.zeros(len(ball), dtype=torch.int64), ball, ball[:, :2] / 2, faces)

    def write(name: str, texture: np.ndarray) -> Path:
        subject = Subject(mesh, skeleton, torch.tensor(texture))
        save_subject(tmp_path / name / "checkpoints" / "subject.safetensors", subject)
        return tmp_path / name

    return write


def test_the_same_texels_count_for_every_rule(wear: Callable[[str, np.ndarray], Path]) -> None:
    plain = np.full((8, 8, 3), 100, dtype=np.uint8)
    run = wear("plain", plain)
    steady, wild = [], []
    for seed, level in enumerate((0, 30, 60)):
        one, other = plain.copy(), plain.copy()
        one[:4] = 160
        # One level of 255 is not moved, and does not count.
        one[6, :, 0] += 1
        other[2:6, :, 1] = 100 + level
        steady.append(wear(f"steady_{seed}", one))
        wild.append(wear(f"wild_{seed}", other))
    found = texture_deviation(run, {"steady": steady, "wild": wild, "single": wild[:1], "absent": []})
    assert found.keys() == {"steady", "wild"}
    assert found["steady"] == 0.0
    # Four of six painted rows stray, in one of three channels.
    assert found["wild"] == pytest.approx(4 / 6 / 3 * np.std([0, 30, 60], ddof=1) / 255)
    assert texture_deviation(run, {"nothing": [run, run]}) == {"nothing": 0.0}


def test_another_atlas_is_refused(wear: Callable[[str, np.ndarray], Path]) -> None:
    run, other = (wear(str(side), np.zeros((side, side, 3), dtype=np.uint8)) for side in (8, 16))
    with pytest.raises(InputError, match="16 has a texture of another size"):
        texture_deviation(run, {"dass": [other, other]})
