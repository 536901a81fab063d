"""The whole way: what a run folder holds, that it fits together, and that nothing but the photos decides it."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pygltflib import GLTF2
from safetensors.torch import load_file

from zoetrope.cli import main
from zoetrope.optimize.run.checkpoint import load_checkpoint, read_stages
from zoetrope.optimize.run.metrics_log import read_metrics
from zoetrope.optimize.texture.distill_texture import DistilConfig
from zoetrope.optimize.texture.unseen_sides import UnseenSides
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project
from zoetrope.representations.rendering.coverage import coverage
from zoetrope.scenes.mesh_file import read_ply
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.photos.nerfstudio import read_transforms
from zoetrope.scenes.preview.animation import AnimationConfig
from zoetrope.scenes.run_folder import RunFolder, visible_names
from zoetrope.scenes.subject import load_subject

STEMS = [f"{k:03d}" for k in range(4)]
BAD = ("broken.jpg", "notes.jpg", "shot.cr2", "twin.jpg", "no_subject.png")
"""Files of the shared collection that no fit can use."""
PATIENCE_SECONDS = 900
"""Far beyond what is needed, for busy machines."""


@dataclass(frozen=True)
class Finished:
    """A fit that went through, as a user sees it."""

    photos: Path
    out: Path
    code: int
    said: str


@dataclass(frozen=True)
class Thumbnail(AnimationConfig):
    """Videos take half the time of a small fit at their full size."""

    size: int = 48
    seconds: float = 0.5


@pytest.fixture(scope="module")
def mixed_photos(good_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same photos between files that are broken, no photos, or spoilt by their mask, and with keypoints."""
    folder = tmp_path_factory.mktemp("mixed") / "photos"
    shutil.copytree(good_photos, folder)
    whole = (folder / "000.jpg").read_bytes()
    (folder / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.jpg").write_text("a zebra, seen on Sunday")
    (folder / "shot.cr2").write_bytes(b"II*\0" + bytes(100))
    (folder / "twin.jpg").write_bytes(whole)
    photo = Image.open(folder / "001.jpg")
    photo.rotate(180).save(folder / "no_subject.png")
    Image.new("L", photo.size, 0).save(folder / "masks" / "no_subject.png")
    (folder / "keypoints.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    return folder


@pytest.fixture(scope="module")
def tiny_run(mixed_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The command line's own fit of that folder, with a fiftieth of the effort and a small video."""
    out = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as said:
        patch.setattr("zoetrope.scenes.export.write_subject.AnimationConfig", Thumbnail)
        code = main(["fit", str(mixed_photos), "--out", str(out), "--effort", "0.02", "--device", "cpu"])
    return Finished(mixed_photos, out, code, said.getvalue())


def test_bad_files_are_named_and_do_not_stop_the_others(tiny_run: Finished) -> None:
    assert tiny_run.code == 0, tiny_run.said
    for name in BAD:
        (line,) = [line for line in tiny_run.said.splitlines() if line.startswith(f"left out: {name} ")]
        assert len(line) > len(f"left out: {name} ") + 10
    assert "Traceback" not in tiny_run.said
    assert sorted(path.stem for path in (tiny_run.out / "posed").iterdir()) == STEMS


def test_the_folder_holds_what_the_design_says(tiny_run: Finished) -> None:
    found = {str(path.relative_to(tiny_run.out)) for path in tiny_run.out.rglob("*") if path.is_file()}
    wanted = {"config.json", "metrics.jsonl", "transforms.json", "rest.ply", "subject.glb", "contact_sheet.png"}
    wanted |= {"turntable.mp4", "turntable.gif", "turntable.webp"}
    wanted |= {"checkpoints/last.safetensors", "checkpoints/journal.json"}
    wanted |= {f"posed/{stem}.ply" for stem in STEMS} | {f"instances/{stem}.glb" for stem in STEMS}
    wanted |= {f"observations/{kind}/{stem}.png" for kind in ("crops", "masks", "valid") for stem in STEMS}
    assert wanted <= found
    assert all((tiny_run.out / name).stat().st_size > 0 for name in wanted)
    # All of it goes where the run is replaced.
    assert visible_names(tiny_run.out) == sorted(path.name for path in RunFolder(tiny_run.out).entries())
    # Nothing half-written is left behind.
    visible = {name for name in found if not Path(name).name.startswith(".")}
    assert visible - wanted <= {name for name in visible if "tfevents" in name} | {
        "checkpoints/subject.safetensors",
        "scores.json",
    }


def test_paths_are_relative_so_that_the_run_can_move(tiny_run: Finished) -> None:
    root = str(tiny_run.out.parents[1])
    for name in ("config.json", "transforms.json", "checkpoints/journal.json", "metrics.jsonl"):
        assert root not in (tiny_run.out / name).read_text(), name


def test_all_meshes_have_one_topology(tiny_run: Finished) -> None:
    rest, faces = read_ply(tiny_run.out / "rest.ply")
    low, high = rest.amin(0), rest.amax(0)
    assert float((high - low).max()) == pytest.approx(1, abs=1e-4)
    assert float((high + low).abs().max()) < 1e-4
    half_edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key, twin = half_edges @ torch.tensor([len(rest), 1]), half_edges @ torch.tensor([1, len(rest)])
    assert torch.equal(key.sort().values, twin.sort().values), "watertight"
    for stem in STEMS:
        posed, own = read_ply(tiny_run.out / "posed" / f"{stem}.ply")
        assert torch.equal(own, faces)
        assert posed.shape == rest.shape


def test_cameras_and_meshes_give_the_masks_of_the_original_photos(tiny_run: Finished) -> None:
    """transforms.json and posed/ alone, drawn by hand, overlap the masks as well as the fit said they do."""
    collection = {photo.stem: photo for photo in load_collection(tiny_run.photos).photos}
    frames = read_transforms(tiny_run.out / "transforms.json")
    assert [frame.stem for frame in frames] == STEMS
    overlaps = []
    for frame in frames:
        photo = collection[frame.stem]
        assert (frame.width, frame.height) == (photo.width, photo.height)
        vertices, faces = read_ply(tiny_run.out / "posed" / f"{frame.stem}.ply")
        camera = OrbitCamera.from_matrix(torch.from_numpy(frame.camera_to_world)[None].float())
        fx, fy, cx, cy = (torch.tensor([value]).float() for value in (frame.fx, frame.fy, frame.cx, frame.cy))
        lens = Intrinsics(fx, fy, cx, cy, frame.width, frame.height)
        seen = coverage(project(vertices[None], camera, lens), faces, (frame.height, frame.width))[0].numpy() > 0.5
        assert photo.mask is not None
        mask = photo.mask > 127
        overlaps.append((seen & mask).sum() / (seen | mask).sum())
    last = read_metrics(tiny_run.out / "metrics.jsonl")[-1]
    # Logged before the last step, which makes it better.
    assert float(np.mean(overlaps)) > last["iou"] - 0.05
    # A fiftieth of the effort on a thin fox: not good, but no accident either.
    assert min(overlaps) > 0.2


def test_the_rig_is_skinned_textured_and_moves(tiny_run: Finished) -> None:
    rest, faces = read_ply(tiny_run.out / "rest.ply")
    subject = load_subject(tiny_run.out / "checkpoints" / "subject.safetensors")
    assert torch.equal(subject.mesh.faces, faces)
    torch.testing.assert_close(subject.mesh.vertices, rest, atol=1e-6, rtol=0)
    assert {"hips", "muzzle", "left_elbow"} <= set(subject.skeleton.names)
    for name, clips in [("subject.glb", {clip.name for clip in subject.clips}), ("instances/002.glb", None)]:
        glb = GLTF2().load(str(tiny_run.out / name))
        assert glb is not None
        assert len(glb.skins) == 1
        assert len(glb.skins[0].joints) == len(subject.skeleton)
        assert len(glb.images) == 1
        assert all(getattr(image, "uri", None) is None for image in glb.images), "textures lie inside the file"
        names = {node.name for node in glb.nodes}
        assert set(subject.skeleton.names) <= names
        if clips is not None:
            assert {animation.name for animation in glb.animations} == clips
            assert "walk" in clips
    assert subject.texture is not None
    assert float(subject.texture.float().std()) > 5, "the texture shows something"


def test_every_step_is_logged_and_finite(tiny_run: Finished) -> None:
    lines = read_metrics(tiny_run.out / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(np.isfinite(line["loss"]) for line in lines)
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    journal = json.loads((tiny_run.out / "checkpoints" / "journal.json").read_text())
    assert [row["stage"] for row in journal] == stages
    assert journal[-1]["step"] == len(lines)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_elsewhere_and_without_truth_it_is_bit_equal(tiny_run: Finished, tmp_path: Path) -> None:
    """The same photos without truth, keypoints and bad files, at another place, killed twice on the way."""
    photos, out = tmp_path / "elsewhere", tmp_path / "out"
    shutil.copytree(tiny_run.photos, photos, ignore=shutil.ignore_patterns("truth", "keypoints.json", *BAD))
    assert sorted(path.name for path in photos.iterdir()) == [*(f"{stem}.jpg" for stem in STEMS), "masks"]
    expected = _without_times(tiny_run.out)
    steps = len(expected)
    # In the middle of competing hypotheses, inside the last stage, and once the last checkpoint is there, which is what
    # all files of a run are made from.
    resume: tuple[str, ...] = ()
    for step in (7, steps - 1):
        _kill_when(partial(_has_logged, step, out), photos, out, *resume)
        resume = ("--resume",)
        written = _without_times(out)
        assert written == expected[: len(written)]
        checkpoint = load_checkpoint(out / "checkpoints")
        assert checkpoint is not None
        assert 0 < checkpoint.place.step < steps, "nothing to resume from, or nothing left to do"
    _kill_when(partial(_has_saved, steps, out), photos, out, "--resume")
    assert _without_times(out) == expected
    ours, theirs = (load_file(run / "checkpoints" / "last.safetensors") for run in (out, tiny_run.out))
    assert sorted(ours) == sorted(theirs)
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def _kill_when(reached: Callable[[], bool], photos: Path, out: Path, *more: str) -> None:
    """Starts the command in a process of its own and kills it with SIGKILL as soon as `reached` says so."""
    start = (
        "import sys; from zoetrope.cli import main; import zoetrope.optimize.fit; "
        "sys.modules['zoetrope.optimize.fit'].CHECKPOINT_INTERVAL = 1; sys.exit(main())"
    )
    options = ["--out", str(out), "--effort", "0.02", "--device", "cpu", *more]
    command = [sys.executable, "-c", start, "fit", str(photos), *options]
    with (out.parent / "said.txt").open("w+") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            give_up = time.monotonic() + PATIENCE_SECONDS
            while not reached():
                assert process.poll() is None, f"ended too early: {(out.parent / 'said.txt').read_text()}"
                assert time.monotonic() < give_up, "what the fit was to be killed at did not come in time"
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)


def _has_logged(step: int, out: Path) -> bool:
    lines = read_metrics(out / "metrics.jsonl")
    return bool(lines) and lines[-1]["step"] >= step


def _has_saved(step: int, out: Path) -> bool:
    stages = read_stages(out / "checkpoints")
    return bool(stages) and stages[-1].step >= step


def _without_times(out: Path) -> list[dict[str, Any]]:
    lines = read_metrics(out / "metrics.jsonl")
    return [{name: value for name, value in line.items() if name != "time"} for line in lines]


def test_a_diffusion_prior_paints_what_no_photo_shows(
    good_photos: Path,
    small_diffusion: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("zoetrope.scenes.export.write_subject.AnimationConfig", Thumbnail)
    paint = UnseenSides.painted
    soon = DistilConfig(rounds=8, batch=2)
    monkeypatch.setattr(UnseenSides, "painted", lambda self, *given: paint(replace(self, distil=soon), *given))
    out, model = tmp_path / "run", str(small_diffusion("sd_v"))
    options = ["--effort", "0.02", "--device", "cpu", "--preset", "artic3d", "--template", "quadruped"]
    words = ["--diffusion", model, "--category", "fox", "--rule", "sds"]
    assert main(["fit", str(good_photos), "--out", str(out), *options, *words]) == 0
    said = capsys.readouterr().err
    assert "a subject called 'fox', as --category says" in said
    told = read_metrics(out / "distillation" / "metrics.jsonl")
    assert [line["step"] for line in told] == list(range(1, 9))
    assert told[-1]["changed"] > 0
    pictures = sorted((out / "distillation").glob("round_*.png"))
    assert len(pictures) >= 6
    assert Image.open(pictures[0]).size == (2 * 192, 2 * 192)
    noted = json.loads((out / "config.json").read_text())
    assert noted["models"]["diffusion"] == model
    assert noted["options"]["rule"] == "sds"
    # The last stage listens to it as well.
    losses = [line for line in read_metrics(out / "metrics.jsonl") if "diffusion" in line]
    assert {line["stage"] for line in losses} == {"joint"}
    assert max(line["diffusion"] for line in losses) > 0
    _paint_anew(out, tmp_path / "painted", model)


def _paint_anew(run: Path, out: Path, model: str) -> None:
    """The same body in other textures, and the first run as it was."""
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    assert main(["paint", str(run), "--out", str(out), "--diffusion", model, "--rule", "dass", "--device", "cpu"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    for name in ("rest.ply", "posed/000.ply", "transforms.json"):
        assert (out / name).read_bytes() == (run / name).read_bytes(), name
    ours, theirs = (load_subject(one / "checkpoints" / "subject.safetensors") for one in (out, run))
    assert ours.texture is not None
    assert theirs.texture is not None
    assert not torch.equal(ours.texture, theirs.texture)
    noted = json.loads((out / "config.json").read_text())
    assert noted["options"]["rule"] == "dass"
    assert noted["painted"] == {"run": "../run", "seed": 0}
    again = ["paint", str(run), "--out", str(out), "--diffusion", model]
    assert main(again) == 2
    assert main([*again[:3], str(out / "new"), "--diffusion", "nobody/has-this"]) == 2
    assert not (out / "new").exists()


def test_photos_are_left_as_they_were(tiny_run: Finished, good_photos: Path) -> None:
    for path in good_photos.rglob("*"):
        if path.is_file():
            assert (tiny_run.photos / path.relative_to(good_photos)).read_bytes() == path.read_bytes()
    extra = {path.name for path in tiny_run.photos.iterdir()} - {path.name for path in good_photos.iterdir()}
    assert extra == {*BAD, "keypoints.json"}


@pytest.mark.parametrize("azimuths", [[20, 110], [30]], ids=["two", "one"])
def test_known_cameras_stay_as_they_are_and_the_subject_goes_into_their_world(
    azimuths: list[float],
    turnaround: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # What costs most after the descent: videos, the harmonics of a fine mesh, large textures.
    monkeypatch.setattr("zoetrope.scenes.export.write_subject.AnimationConfig", Thumbnail)
    monkeypatch.setattr("zoetrope.representations.surfaces.part_surface._UNIFIED_FACES", 1500)
    monkeypatch.setattr("zoetrope.optimize.texture.texture_scene.TEXTURE_SIZE", 64)
    # Photos with more than the usual loss are named as outliers.
    monkeypatch.setattr("zoetrope.optimize.descent.OUTLIER", 1.0)
    made = turnaround(azimuths, scale=20.0, yaw_deg=130, shift=(50, 7, -90))
    out = tmp_path / "out"
    code = main(["fit", str(made.folder), "--out", str(out), "--effort", "0.06", "--device", "cpu"])
    assert code == 0
    said = capsys.readouterr().err
    assert "known cameras" in said
    given, written = (read_transforms(folder / "transforms.json") for folder in (made.folder, out))
    assert len(written) == len(azimuths)
    for theirs, ours in zip(given, written, strict=True):
        assert ours.stem == theirs.stem
        # Rotations are made orthonormal anew by every reading, to the last digit.
        np.testing.assert_allclose(ours.camera_to_world, theirs.camera_to_world, rtol=0, atol=1e-12)
        assert (ours.fx, ours.fy, ours.cx, ours.cy) == (theirs.fx, theirs.fy, theirs.cx, theirs.cy)
    # The posed meshes, seen through the given cameras, cover the masks: scores are made from these files alone.
    scores = json.loads((out / "scores.json").read_text())
    assert scores["mask_iou"] > 0.6
    named = {
        stem: float(times) for stem, times in re.findall(r"(\d)\.png is explained badly, with ([\d.]+) times", said)
    }
    assert named == {stem: round(times, 1) for stem, times in scores["outliers"].items()}
    assert named
    # The stored similarity leads from the rest frame to the meshes in the world.
    rest, _ = read_ply(out / "rest.ply")
    posed, _ = read_ply(out / "posed" / "0.ply")
    matrix = np.array(json.loads((out / "transforms.json").read_text())["world_from_rest"])
    moved = rest.double().numpy() @ matrix[:3, :3].T + matrix[:3, 3]
    size = np.cbrt(np.linalg.det(matrix[:3, :3]))
    assert float(np.linalg.norm(moved - posed.double().numpy(), axis=1).mean()) < 0.15 * size, "posed, not elsewhere"
    if len(azimuths) > 1:
        assert np.linalg.norm(matrix[:3, 3] - made.world_from_rest[:3, 3]) < 0.2 * 20
        assert size == pytest.approx(20, rel=0.2)


def test_known_cameras_are_ignored_where_they_are_to_be_estimated(
    turnaround: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = turnaround([20, 110])
    arguments = ["fit", str(made.folder), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*arguments, "--cameras", "estimate"]) == 2
    assert "3 are needed without known cameras" in capsys.readouterr().err
    assert main([*arguments, "--plan"]) == 0
    shown = capsys.readouterr().out
    assert "2 photos, 2 with a mask, known cameras" in shown
    assert "16 headings of the subject" in shown


def test_photos_without_masks_end_with_2_and_are_named(
    good_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(good_photos, photos)
    (photos / "masks" / "002.png").unlink()
    assert main(["fit", str(photos), "--out", str(tmp_path / "out"), "--semantic", "none"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("zoetrope: 002.jpg: no mask, and --semantic none has none estimated")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_nothing_but_bad_files_ends_with_2(
    mixed_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("broken.jpg", "notes.jpg", "shot.cr2", "000.jpg"):
        shutil.copy(mixed_photos / name, photos / name)
    assert main(["fit", str(photos), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "1 usable photo " in line
    assert all(name in line for name in ("broken.jpg", "notes.jpg", "shot.cr2"))
