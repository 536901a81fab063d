"""Starting, resuming and replacing runs, and never touching what is no run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.run_folder import RunFolder, changed_versions, open_run, read_config, visible_names
from zoetrope.scenes.error import InputError


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 100_000, "deep"),
        ("[]", "not an object"),
        ('{"format_version": 1, "options": {"photos": "p", "effort": NaN}}', "NaN"),
        ('{"format_version": 1, "options": {"photos": 7}}', "has odd options"),
        ('{"format_version": 1, "options": {"photos": "p", "effort": "much"}}', "has odd options"),
        ('{"format_version": 1, "options": [1]}', "has odd options"),
        ('{"format_version": 1, "options": {"photos": "p", "seed": -1}}', "--seed is -1"),
    ],
)
def test_an_odd_config_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_config(tmp_path)
    assert str(tmp_path) in str(caught.value) or message.startswith("--")
    assert "\n" not in str(caught.value)


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
