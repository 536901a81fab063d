"""Starting, resuming and replacing runs, and never touching what is no run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zoetrope.cli import main
from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.run.open_run import changed_versions, open_run, read_config
from zoetrope.representations.atlas import unwrap
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.motion.gait import walk
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.gltf_export import write_glb
from zoetrope.scenes.run_folder import RunFolder, visible_names
from zoetrope.scenes.subject import Subject, save_subject


@pytest.fixture
def config(tmp_path: Path) -> FitConfig:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"photo")
    return FitConfig(photos=photos, out=tmp_path / "run", seed=4)


def start_run(config: FitConfig, **options: object) -> None:
    with open_run(config, **options) as run:  # type: ignore[arg-type]
        assert run.root == config.out


def _with(config: FitConfig, **changes: object) -> FitConfig:
    from dataclasses import replace

    return replace(config, **changes)  # type: ignore[arg-type]


def test_a_new_run_records_what_it_is(config: FitConfig) -> None:
    start_run(config, models={"semantic": "none"})
    data = json.loads((config.out / "config.json").read_text())
    assert data["options"]["seed"] == 4
    assert data["models"] == {"semantic": "none"}
    assert set(data["versions"]) >= {"python", "torch", "numpy", "zoetrope"}
    assert data["machine"]["threads"] >= 1
    assert read_config(config.out) == config
    assert changed_versions(config.out) == []


def test_other_versions_are_noticed(config: FitConfig) -> None:
    start_run(config)
    path = RunFolder(config.out).config
    data = json.loads(path.read_text())
    data["versions"]["torch"] = "1.0"
    data["machine"]["threads"] = 99
    path.write_text(json.dumps(data))
    changes = changed_versions(config.out)
    assert [change.split()[0] for change in changes] == ["torch", "threads"]
    assert changes[0].startswith("torch 1.0 -> ")


def test_a_full_folder_is_refused_and_left_alone(config: FitConfig) -> None:
    config.out.mkdir()
    (config.out / "thesis.tex").write_text("years of work")
    for options in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(InputError, match=r"another|leave --resume out"):
            start_run(_with(config, **options))
    assert [path.name for path in config.out.iterdir()] == ["thesis.tex"]


def test_an_empty_folder_and_a_hidden_file_are_fine(config: FitConfig) -> None:
    config.out.mkdir()
    (config.out / ".lock").touch()
    start_run(config)
    assert (config.out / "config.json").is_file()


def test_a_second_run_needs_a_word(config: FitConfig) -> None:
    start_run(config)
    with pytest.raises(InputError, match=r"--resume .* --overwrite"):
        start_run(config)


def test_overwrite_removes_the_run_and_nothing_else(config: FitConfig) -> None:
    start_run(config)
    run = RunFolder(config.out)
    for folder in (run.posed, run.instances, run.checkpoints, run.observations):
        folder.mkdir()
        (folder / "old").touch()
    old = [run.metrics, run.subject, run.cameras, config.out / "turntable.mp4", config.out / "events.out.tfevents.1.x"]
    for path in old:
        path.touch()
    (config.out / "notes.txt").write_text("mine")
    start_run(_with(config, overwrite=True, seed=5))
    assert visible_names(config.out) == ["config.json", "notes.txt"]
    assert read_config(config.out).seed == 5


def test_every_name_of_a_run_goes_and_names_like_them_stay(config: FitConfig) -> None:
    start_run(config)
    run, elsewhere = RunFolder(config.out), config.out.parent / "elsewhere"
    own = [getattr(run, name) for name, kind in vars(RunFolder).items() if isinstance(kind, property)]
    own += [run.turntable(ending) for ending in (".mp4", ".gif", ".webp", ".png")]
    own += [run.turntable(".mp4", "walk"), run.turntable(".png", "Läufe_2", "color", "parts")]
    own += [run.root / "events.out.tfevents.1764535342.host.77.0"]
    for path in own:
        if not path.suffix and not path.name.startswith("events"):
            path.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"old")
    for frames in (run.turntable(""), run.turntable("", "gallop", "skeleton")):
        frames.mkdir()
        (frames / "000.png").touch()
    # What a killed process leaves; a folder that was put elsewhere.
    (run.root / ".turntable_walk.0123456789ab.mp4").touch()
    (run.root / ".turntable_walk.0123456789ab").mkdir()
    elsewhere.mkdir()
    (elsewhere / "fox.glb").touch()
    run.export.rmdir()
    run.export.symlink_to(elsewhere)
    foreign = ["turntable.txt", "turntable-final.mp4", "my_turntable.mp4", "contact_sheet.psd", "scores.json.bak"]
    foreign += ["config.json~", "keypoints.json", "comparison.txt", ".hidden.png", "events.txt", "turntables.mp4"]
    for name in foreign:
        (run.root / name).write_text("mine")
    for folder in ("turntable_notes", "exported", "turntables"):
        (run.root / folder).mkdir()
        (run.root / folder / "mine.png").touch()
    (run.root / "turntable_notes" / "001.png").touch()
    start_run(_with(config, overwrite=True))
    left = {str(path.relative_to(run.root)) for path in run.root.rglob("*") if path.is_file()}
    folders = {"turntable_notes/mine.png", "exported/mine.png", "turntables/mine.png"}
    assert left == {"config.json", ".lock", *foreign, *folders}
    assert (elsewhere / "fox.glb").exists(), "the link goes, not what it names"
    assert not run.export.is_symlink()


@pytest.fixture
def shown_run(config: FitConfig) -> FitConfig:
    """A finished run of a ball on a biped's spine, with one photo's pose, and with all that commands write into it."""
    start_run(config)
    run = RunFolder(config.out)
    directions, faces = icosphere(2)
    atlas = unwrap(directions, faces, resolution=32)
    skeleton = template("biped").skeleton
    weights = torch.zeros(len(directions), len(skeleton))
    weights[:, skeleton.index("spine")] = 1
    part = torch.zeros(len(directions), dtype=torch.int64)
    mesh = SkinnedMesh(0.4 * directions, faces, weights, part, directions, atlas.uv, atlas.uv_faces)
    texture = torch.full((32, 32, 3), 90, dtype=torch.uint8)
    save_subject(run.exact_subject, Subject(mesh, skeleton, texture, (walk(skeleton),)))
    write_glb(run.instances / "beach.glb", mesh, skeleton, pose=torch.tensor([1.0, 0, 0, 0]).expand(len(skeleton), 4))
    small = ["--size", "16", "--seconds", "0.2", "--fps", "8"]
    every = ["--format", "mp4", "gif", "webp", "png", "frames"]
    for arguments in (
        ["turntable", *every, *small],
        ["turntable", "--motion", "walk", "--passes", "color", "normals", "--format", "webp", "frames", *small],
        *(["export", "--format", form] for form in ("obj", "vrm")),
        ["animate", "--motion", "idle", *small],
    ):
        assert main([arguments[0], str(config.out), *arguments[1:]]) == 0
    assert main(["transfer", "texture", str(config.out), str(config.out)]) == 0
    return config


def test_nothing_that_a_command_wrote_outlives_its_run(shown_run: FitConfig) -> None:
    written = {str(path.relative_to(shown_run.out)) for path in shown_run.out.rglob("*") if path.is_file()}
    assert {"turntable.mp4", "turntable_walk_color_normals.webp", "turntable/000.png", "export/subject.vrm"} <= written
    assert {"export/subject.mtl", "export/idle.mp4", "turntable_walk_color_normals/001.png"} <= written
    (shown_run.out / "notes.txt").write_text("mine")
    start_run(_with(shown_run, overwrite=True))
    assert sorted(path.name for path in shown_run.out.rglob("*")) == [".lock", "config.json", "notes.txt"]


def test_resume_leaves_everything_as_it_is(config: FitConfig) -> None:
    start_run(config)
    RunFolder(config.out).metrics.write_text("kept")
    before = RunFolder(config.out).config.read_bytes()
    start_run(_with(config, resume=True))
    assert RunFolder(config.out).metrics.read_text() == "kept"
    assert RunFolder(config.out).config.read_bytes() == before


def test_resume_with_other_options_names_them(config: FitConfig) -> None:
    start_run(config)
    with pytest.raises(InputError, match=r"--preset full \(the run has quick\); --seed 9 \(the run has 4\)"):
        start_run(_with(config, resume=True, seed=9, preset="full"))


def test_resume_of_nothing(config: FitConfig) -> None:
    with pytest.raises(InputError, match="finds no run"):
        start_run(_with(config, resume=True))
    assert not config.out.exists()


@pytest.mark.parametrize("inside", [".", "run", "deep/run"])
def test_the_photos_are_never_written_to(config: FitConfig, inside: str) -> None:
    with pytest.raises(InputError, match="inside the photos"):
        start_run(_with(config, out=config.photos / inside, overwrite=True))
    assert [path.name for path in config.photos.iterdir()] == ["a.jpg"]


def test_a_link_into_the_photos_is_seen_through(config: FitConfig, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(config.photos)
    with pytest.raises(InputError, match="inside the photos"):
        start_run(_with(config, out=tmp_path / "link" / "run"))


def test_a_file_in_the_way(config: FitConfig) -> None:
    config.out.write_text("")
    with pytest.raises(InputError, match="is a file"):
        start_run(config)


def test_no_run_and_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        read_config(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX file locks")
def test_one_writer_at_a_time(config: FitConfig) -> None:
    config.out.mkdir()
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print('held', flush=True); input()"
    command = [sys.executable, "-c", script, str(config.out / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="another process"):
            start_run(config)
        other.kill()
    start_run(config)
