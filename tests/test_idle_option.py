"""An option that would change nothing is refused in one line, whatever the command."""

import json
from pathlib import Path

import pytest

from zoetrope.cli import main
from zoetrope.optimize.config import FitConfig

FIT = ["fit", "PHOTOS", "--out", "RUN/new", "--device", "cpu"]
ANIMATE, TURNTABLE = ["animate", "RUN"], ["turntable", "RUN"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*FIT, "--rule", "sds"], "--rule sds needs a diffusion prior, and there is none (preset quick"),
        ([*FIT, "--rule", "dass"], "--rule dass needs a diffusion prior"),
        ([*FIT, "--diffusion", "none", "--preset", "full", "--rule", "sds"], "there is none (--diffusion none)"),
        ([*FIT, "--tiny-autoencoder", "a/b"], "--tiny-autoencoder a/b needs a diffusion prior"),
        ([*FIT, "--category", "fox"], "--category fox needs a diffusion prior"),
        ([*FIT, "--category", "axolotl", "--diffusion", "embedded"], "--category axolotl says nothing to the embedded"),
        ([*FIT, "--clean-up"], "--clean-up needs a diffusion prior"),
        ([*FIT, "--without", "silhouette"], "--without silhouette changes nothing: preset quick does without it"),
        ([*FIT, "--preset", "artic3d", "--without", "gaits"], "--without gaits changes nothing: preset artic3d"),
        ([*FIT, "--preset", "artic3d", "--without", "species"], "--without species changes nothing: preset artic3d"),
        ([*FIT, "--preset", "artic3d", "--without", "strides"], "--without strides changes nothing: preset artic3d"),
        ([*FIT, "--preset", "artic3d", "--without", "lens"], "--without lens changes nothing: preset artic3d"),
        ([*FIT, "--without", "semantic"], "--without semantic changes nothing: there are no feature maps"),
        *(
            ([*FIT, "--semantic", "none", "--without", name], f"--without {name} changes nothing: there is no")
            for name in ("canonical", "view", "occlusion", "species")
        ),
        ([*FIT, "--template", "discover", "--without", "species"], "--template discover tries no bodies of species"),
        ([*ANIMATE, "--diffusion", "embedded"], "--diffusion is about a prior that refines"),
        ([*ANIMATE, "--category", "fox"], "--category is about a prior that refines"),
        ([*ANIMATE, "--seed", "3"], "--seed is about a prior that refines"),
        ([*ANIMATE, "--device", "cpu"], "--device is about a prior that refines"),
        ([*ANIMATE, "--bake"], "--bake carries back what a prior changes"),
        ([*TURNTABLE, "--frames", "8", "--seconds", "2"], "--frames 8 and --seconds 2 both say how long"),
        ([*TURNTABLE, "--skinning", "dual"], "--skinning dual changes nothing at rest"),
        ([*TURNTABLE, "--light", "side", "--passes", "normals", "parts"], "--light side changes nothing in"),
        (["eval", "RUN", "--category", "fox"], "--category fox is what a network is to see, and none is asked"),
        (["eval", "RUN", "--category", "axolotl", "--features", "embedded"], "--category axolotl says nothing"),
        (["eval", "RUN", "--allow-download"], "--allow-download has nothing to fetch"),
        (["eval", "RUN", "--allow-download", "--features", "embedded"], "--allow-download has nothing to fetch"),
        (["eval", "RUN", "--against", "RUN"], "--against RUN is the run itself"),
        (["bench", "--zoo", "--diffusion", "embedded"], "--diffusion embedded is the prior of --rules"),
        (["bench", "--diffusion", "embedded", "--rules", "none"], "--diffusion embedded is the prior of --rules"),
        (["bench", "--rules", "dass", "--presets", "full"], "--presets has no say with --rules"),
        (["bench", "--zoo", "horse", "--seeds", "0"], "--seeds is 0"),
        (["speed", "--precision", "float16"], "--precision float16 is of a diffusion model"),
        (["dataset", "lassie", "PHOTOS", "--out", "new", "--subjects", "3"], "subjects are named by id in COCO"),
    ],
)  # fmt: skip
def test_what_changes_nothing_is_refused(
    arguments: list[str],
    message: str,
    small_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "RUN").mkdir()
    config = FitConfig(photos=small_photos, out=tmp_path / "RUN")
    (tmp_path / "RUN" / "config.json").write_text(json.dumps(config.to_json()))
    monkeypatch.chdir(tmp_path)
    assert main([str(small_photos) if word == "PHOTOS" else word for word in arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "RUN" / "new").exists()


@pytest.fixture(scope="session")
def small_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of a fox, 48 pixels, whose focal lengths are not recorded."""
    from zoetrope.scenes.zoo.zoo import write_zoo

    folder = tmp_path_factory.mktemp("small") / "photos"
    write_zoo("fox", folder, photo_count=3, size=48, seed=1)
    return folder
