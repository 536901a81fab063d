"""The command line: exit codes, one clear line for what is wrong, and no work before the options are right."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from zoetrope import __version__
from zoetrope.cli import main


def _line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line a refusal prints on stderr."""
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("zoetrope: ")
    assert printed.out == ""
    return line


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for command in (
        "demo",
        "fit",
        "turntable",
        "export",
        "eval",
        "doctor",
        "animate",
        "transfer",
        "zoo",
        "pretrain",
        "models",
        "report",
        "view",
        "fleet",
    ):
        assert command in shown


def test_fit_help_shows_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    shown = capsys.readouterr().out
    options = (
        "out category preset template representation init masks cameras semantic diffusion device seed resume plan"
    )
    for option in [*options.split(), "offline", "overwrite", "effort"]:
        assert f"--{option} " in shown
    assert "positional arguments" in shown


@pytest.mark.parametrize("arguments", [["view", "RUN"], ["fleet", "--help"], ["models", "list"]])
def test_planned_commands_say_so(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert f"not implemented yet: {arguments[0]}" in _line(capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bogus"],
        ["fit"],
        ["fit", "photos"],
        ["fit", "photos", "--out", "run", "--preset", "slow"],
        ["fit", "photos", "--out", "run", "--seed", "x"],
        ["fit", "photos", "--out", "run", "--sharpness", "3"],
    ],
)
def test_wrong_words_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "-1"], "--seed is -1"),
        (["--effort", "0"], "--effort is 0.0"),
        (["--resume", "--overwrite"], "give one of them"),
        (["--representation", "triplane"], "not implemented yet: --representation triplane"),
        (["--init", "a.glb"], "not implemented yet: --init a.glb"),
        (["--semantic", "clip"], "not implemented yet: --semantic clip"),
        (["--diffusion", "no/such-model"], "--diffusion no/such-model: no/such-model is neither a folder nor a model"),
        (["--device", "gpu"], "--device gpu is not on this machine"),
        ([], "does not exist; expected a folder of photos"),
    ],
)
def test_refusals_come_in_one_line_and_leave_nothing(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(tmp_path / "photos"), "--out", str(tmp_path / "run"), *options]) == 2
    assert message in _line(capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["turntable", "RUN"], "RUN is no run"),
        (["turntable", "RUN", "--motion", "dance.glb#Jig"], "RUN is no run"),
        (["turntable", "RUN", "--size", "0"], "--size 0 must be"),
        (["turntable", "RUN", "--frames", "0"], "--frames 0 must be 1 to"),
        (["turntable", "RUN", "--elevation", "95"], "--elevation 95 must be -89 to 89"),
        (["turntable", "RUN", "--background", "sky"], "--background is 'sky'; choose studio, white, black"),
        (["turntable", "RUN", "--light", "45,north"], "--light is '45,north'; choose studio, flat, key"),
        (["export", "RUN"], "RUN is no run"),
        (["animate", "RUN"], "RUN is no run"),
        (["animate", "RUN", "--bake"], "--bake carries back what a prior changes"),
        (["animate", "RUN", "--fps", "0"], "--fps 0 (1 to 240)"),
        (["transfer", "texture", "RUN", "RUN2"], "RUN/checkpoints/subject.safetensors is missing"),
        (["transfer", "shape", "RUN", "RUN2", "--share", "2"], "--share is 2.0"),
        (["export", "RUN", "--format", "usd"], "RUN is no run"),
        (["eval", "RUN"], "RUN is no run"),
        (["eval", "RUN", "--against", "RUN2"], "RUN is no run"),
        (["demo", "--photo-count", "2"], "--photo-count is 2"),
    ],
)
def test_what_is_no_run_is_named(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in _line(capsys)
    assert list(tmp_path.iterdir()) == []


def test_doctor_names_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for name in (
        "zoetrope",
        "python",
        "torch",
        "numba",
        "threads",
        "memory",
        "auto",
        "ffmpeg",
        "rasterizer auto",
        "numba on cpu",
        "rasterizer triton",
        "nvdiffrast",
        "pytorch3d",
        "kernels",
    ):
        assert name in shown


def test_an_interruption_tells_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zoetrope.optimize.bench.doctor.examine", interrupted)
    assert main(["doctor"]) == 130
    assert "--resume" in _line(capsys)


@pytest.mark.skipif(os.name != "posix", reason="closes a pipe as POSIX shells do")
@pytest.mark.parametrize("line_count", [3, 3000], ids=["still buffered", "more than a pipe holds"])
def test_a_reader_that_leaves_is_no_error(line_count: int) -> None:
    """As in `zoetrope eval RUN | head`."""
    script = (
        "import sys\n"
        "import zoetrope.optimize.bench.doctor as doctor\n"
        "from zoetrope.cli import main\n"
        f"doctor.examine = lambda: [('topic', 'name', 60 * 'x')] * {line_count}\n"
        "sys.exit(main(['doctor']))"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        done.stdout.close()
        assert done.stderr.read() == b""
    assert done.returncode == 141


def test_a_broken_pipe_of_our_own_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise BrokenPipeError("ffmpeg has ended")

    monkeypatch.setattr("zoetrope.optimize.bench.doctor.examine", broken)
    with pytest.raises(BrokenPipeError, match="ffmpeg"):
        main(["doctor"])


def test_help_says_what_leaves_the_turntables_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["paint", "--help"])
    shown = " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    assert "--no-videos Whether turntables are written as well; --no-videos leaves them out." in shown


def test_our_own_faults_end_with_1_and_a_traceback() -> None:
    script = (
        "import sys\n"
        "import zoetrope.optimize.bench.doctor as doctor\n"
        "from zoetrope.cli import main\n"
        "doctor.examine = lambda: 1 / 0\n"
        "sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr
