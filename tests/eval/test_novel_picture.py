"""Held-out views of a made-up fox against runs that are its own truth, in another world, as it is or spoilt."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch.nn.functional import interpolate

from zoetrope.cli import main
from zoetrope.eval.metrics.feature_distance import FeatureNetwork
from zoetrope.eval.metrics.image_quality import psnr
from zoetrope.eval.novel_picture import NovelPictureScore, UnseenScore, has_held_out_views, novel_picture_scores
from zoetrope.optimize.config import FitConfig
from zoetrope.representations.geometry.mesh import SkinnedMesh
from zoetrope.representations.rendering.shading import linear_from_srgb, srgb_from_linear
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.gltf_export import write_glb
from zoetrope.scenes.mesh_file import read_ply, write_ply
from zoetrope.scenes.photography.held_out import read_held_out
from zoetrope.scenes.photography.photograph import PhotographyConfig
from zoetrope.scenes.photography.write import write_zoo_collection
from zoetrope.scenes.photos.nerfstudio import read_transforms, write_transforms
from zoetrope.scenes.subject import Subject, save_subject
from zoetrope.scenes.zoo.sitting import Sitting, take_photos

COUNT, SIZE = 3, 96
POSES = ["000", "000", "000", "001", "001", "001", "002", "002"]
Spoil = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Foxes:
    """A collection of one fox and a run that is its truth, turned, shrunk and moved."""

    photos: Path
    run: Path
    sitting: Sitting

    def wear(self, change: Spoil) -> None:
        """Gives all instances a texture whose linear light was changed."""
        texture = srgb_from_linear(change(linear_from_srgb(self.sitting.sitter.texture.float() / 255)))
        for path in (self.run / "posed").glob("*.ply"):
            glb = self.run / "instances" / f"{path.stem}.glb"
            write_glb(glb, self.mesh, self.sitting.skeleton, texture=texture.numpy())

    @property
    def mesh(self) -> SkinnedMesh:
        sitter, joints = self.sitting.sitter, len(self.sitting.skeleton)
        assert sitter.part is not None
        assert sitter.reference is not None
        weights = torch.nn.functional.one_hot(torch.zeros(len(sitter.vertices), dtype=torch.int64), joints).float()
        return SkinnedMesh(
            sitter.vertices, sitter.faces, weights, sitter.part, sitter.reference, sitter.uv, sitter.uv_faces
        )

    def score(self) -> NovelPictureScore:
        return novel_picture_scores(self.run, self.photos)


@pytest.fixture(scope="module")
def sitting() -> Sitting:
    return take_photos("fox", COUNT, torch.Generator().manual_seed(3), PhotographyConfig(size=SIZE))


@pytest.fixture(scope="module")
def collection(sitting: Sitting, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("novel") / "foxes"
    write_zoo_collection(folder, sitting.sitter, sitting.poses, sitting.shots)
    return folder


@pytest.fixture(scope="module")
def truth(collection: Path, sitting: Sitting, tmp_path_factory: pytest.TempPathFactory) -> Foxes:
    run = tmp_path_factory.mktemp("truth") / "run"
    foxes = Foxes(collection, run, sitting)
    turn, scale, shift = Rotation.from_euler("y", 70, degrees=True).as_matrix(), 0.4, np.array([1.0, 2.0, -3.0])
    frames = []
    for frame in read_transforms(collection / "truth" / "transforms.json"):
        there = np.eye(4)
        there[:3, :3] = turn @ frame.camera_to_world[:3, :3]
        there[:3, 3] = scale * turn @ frame.camera_to_world[:3, 3] + shift
        frames.append(replace(frame, camera_to_world=there))
        vertices, faces = read_ply(collection / "truth" / f"{frame.stem}.ply")
        moved = torch.from_numpy(scale * vertices.double().numpy() @ turn.T + shift).float()
        write_ply(run / "posed" / f"{frame.stem}.ply", moved, faces)
    write_transforms(run / "transforms.json", frames)
    write_ply(run / "rest.ply", sitting.sitter.vertices, sitting.sitter.faces)
    subject = Subject(foxes.mesh, sitting.skeleton, sitting.sitter.texture)
    save_subject(run / "checkpoints" / "subject.safetensors", subject)
    (run / "config.json").write_text(json.dumps(FitConfig(photos=collection, out=run).to_json()))
    foxes.wear(lambda light: light)
    return foxes


@pytest.fixture(scope="module")
def whole(truth: Foxes) -> NovelPictureScore:
    """What the truth scores."""
    return truth.score()


@pytest.fixture
def foxes(truth: Foxes, tmp_path: Path) -> Foxes:
    """A run of one's own to spoil."""
    return replace(truth, run=Path(shutil.copytree(truth.run, tmp_path / "run")))


@pytest.fixture(scope="module")
def emptiness(collection: Path) -> list[float]:
    """PSNR of white pictures against the views, cut to the true subject's box."""
    found = []
    for view in read_held_out(collection / "truth" / "novel"):
        shown = (view.picture.coverage >= 0.5).numpy()
        rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
        true = torch.ones(max(32, np.ptp(rows) + 1), max(32, np.ptp(columns) + 1), 3)
        cut = view.picture.on_white()[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        true[: cut.shape[0], : cut.shape[1]] = cut
        found.append(float(psnr(torch.ones_like(true)[None], true[None])))
    return found


def test_the_truth_itself_scores_high_in_any_world(whole: NovelPictureScore, emptiness: list[float]) -> None:
    assert whole.psnr_db > 35
    assert min(view.psnr_db for view in whole.views) > 32
    assert whole.ssim > 0.99
    assert whole.gain == pytest.approx((1, 1, 1), abs=0.02)
    assert [view.view for view in whole.views] == [f"{k:03d}" for k in range(8)]
    assert [view.pose for view in whole.views] == POSES
    assert whole.psnr_db == pytest.approx(np.mean([view.psnr_db for view in whole.views]))
    assert max(emptiness) < 12


def test_a_darker_coat_in_brighter_light_is_the_same(foxes: Foxes, whole: NovelPictureScore) -> None:
    gain = torch.tensor([0.6, 0.8, 0.7])
    foxes.wear(lambda light: light * gain)
    after = foxes.score()
    assert after.gain == pytest.approx((1 / gain).tolist(), rel=0.03)
    # Eight bits of a darker coat hold a little less.
    assert after.psnr_db == pytest.approx(whole.psnr_db, abs=1)
    foxes.wear(lambda light: light * 0.1)
    dark = foxes.score()
    assert dark.gain == (3, 3, 3)
    assert dark.psnr_db < whole.psnr_db - 10


def test_wrong_colours_score_less(foxes: Foxes, whole: NovelPictureScore) -> None:
    """A coat whose red and blue are exchanged: more than a gain can mend."""
    foxes.wear(lambda light: light.flip(-1))
    swapped = foxes.score()
    assert swapped.psnr_db < whole.psnr_db - 10
    assert swapped.ssim < whole.ssim
    # The same colours elsewhere on the body: each one's mean is right.
    foxes.wear(lambda light: light.roll((170, 170), (0, 1)))
    assert foxes.score().psnr_db < whole.psnr_db - 10


def test_what_cannot_be_drawn_is_an_empty_picture(foxes: Foxes, emptiness: list[float]) -> None:
    (foxes.run / "instances" / "002.glb").write_bytes(b"glTF")
    frames = read_transforms(foxes.run / "transforms.json")
    write_transforms(foxes.run / "transforms.json", [frame for frame in frames if frame.stem != "000"])
    score = foxes.score()
    for view, empty in zip(score.views, emptiness, strict=True):
        if view.pose == "001":
            assert view.psnr_db > 30
        else:
            assert view.psnr_db == pytest.approx(empty)
    for path in (foxes.run / "posed").iterdir():
        path.unlink()
    nothing = foxes.score()
    assert [view.psnr_db for view in nothing.views] == pytest.approx(emptiness)
    assert nothing.gain == (1, 1, 1)


def test_what_cannot_be_scored_is_said(foxes: Foxes, tmp_path: Path) -> None:
    assert has_held_out_views(foxes.photos)
    assert not has_held_out_views(tmp_path)
    with pytest.raises(InputError, match=r"novel/transforms\.json cannot be read"):
        novel_picture_scores(foxes.run, tmp_path)
    (foxes.run / "checkpoints" / "subject.safetensors").unlink()
    with pytest.raises(InputError, match=r"subject\.safetensors is missing"):
        foxes.score()


def test_the_command_prints_it(foxes: Foxes, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(foxes.run)]) == 0
    shown = capsys.readouterr().out
    scores = json.loads((foxes.run / "scores.json").read_text())
    (line,) = [line for line in shown.splitlines() if line.startswith("held-out views, PSNR")]
    assert line.endswith(f"{scores['novel_psnr_db']:.1f} dB")
    (line,) = [line for line in shown.splitlines() if line.startswith("held-out views, SSIM")]
    assert line.endswith(f"{scores['novel_ssim']:.4f}")
    assert scores["novel_psnr_db"] > 35
    assert [row["pose"] for row in scores["novel_pictures"]] == POSES
    assert len(scores["novel_gain"]) == 3


def test_a_network_judges_the_same_pairs(truth: Foxes, whole: NovelPictureScore) -> None:
    assert whole.distance is None
    colours = FeatureNetwork("colours", lambda pictures: [pictures])
    score = novel_picture_scores(truth.run, truth.photos, features=colours)
    assert score.psnr_db == whole.psnr_db
    assert score.distance is not None
    assert 0 <= score.distance < 0.02
    assert score.distance == pytest.approx(np.mean([view.distance for view in score.views]))


def test_what_no_photo_shows_is_scored_apart(foxes: Foxes, whole: NovelPictureScore) -> None:
    """The rear half is said to be unseen, and loses its colours."""
    assert whole.unseen is None
    mesh = foxes.mesh
    front = (mesh.vertices[:, 2] > mesh.vertices[:, 2].median()).numpy()

    def score(seen: np.ndarray) -> UnseenScore:
        found = novel_picture_scores(foxes.run, foxes.photos, seen=seen).unseen
        assert found is not None
        return found

    everything = score(np.ones(len(front), bool))
    assert everything == UnseenScore(None, None, 0)
    half, nothing = score(front), score(np.zeros(len(front), bool))
    assert 0.2 < half.share < 0.8
    assert nothing.share == 1
    assert half.psnr_db is not None
    assert half.psnr_db > 30
    assert half.detail == pytest.approx(1, abs=0.1)
    foxes.wear(lambda light: 1 - light)
    spoilt = score(front)
    assert spoilt.psnr_db is not None
    assert spoilt.psnr_db < half.psnr_db - 10


def _speckled(light: torch.Tensor) -> torch.Tensor:
    """Spots of a few pixels of the held-out views."""
    spots = 2.0 * (torch.rand(64, 64, generator=torch.Generator().manual_seed(0)) > 0.5)
    return (light * interpolate(spots[None, None], light.shape[:2])[0, 0, ..., None]).clamp(0, 1)


def test_fine_detail_is_too_little_in_what_is_smooth_and_too_much_in_what_is_noisy(foxes: Foxes) -> None:
    def detail() -> float:
        found = novel_picture_scores(foxes.run, foxes.photos, seen=np.zeros(len(foxes.mesh.vertices), bool)).unseen
        assert found is not None
        assert found.detail is not None
        return found.detail

    foxes.wear(torch.ones_like)
    smooth = detail()
    foxes.wear(lambda light: light)
    true = detail()
    foxes.wear(_speckled)
    assert smooth < 0.1
    assert true == pytest.approx(1, abs=0.1)
    assert detail() > 1.5
