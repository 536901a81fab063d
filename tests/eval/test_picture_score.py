"""What a run's pictures score, in the package and from the command line; the networks have made-up weights."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.cli import main
from zoetrope.eval.metrics.clip_similarity import clip_similarity, load_clip, orbit_views, square_on_white
from zoetrope.eval.metrics.feature_distance import FeatureNetwork
from zoetrope.eval.metrics.lpips import Lpips
from zoetrope.eval.picture_score import Judges, load_judges
from zoetrope.eval.run_score import score_run
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.subject import load_subject


def pixels(portraits, stem):
    with Image.open(portraits.photos / f"{stem}.png") as picture:
        return np.array(picture)


def scored(portraits, judges=None):
    return score_run(portraits.run, load_collection(portraits.photos), judges=judges)


def test_true_colours_score_high_and_wrong_ones_lower(portraits):
    true = scored(portraits)
    assert true["ssim"] > 0.97
    assert 25 < true["psnr_db"] <= 60
    portraits.wear("0", 255 - pixels(portraits, 0))
    portraits.wear("1", pixels(portraits, 2))
    portraits.wear("2", np.roll(pixels(portraits, 2), 6, axis=1))
    wrong = scored(portraits)
    for stem in "012":
        assert wrong["by_photo"][stem]["ssim"] < true["by_photo"][stem]["ssim"] - 0.05
        assert wrong["by_photo"][stem]["psnr_db"] < true["by_photo"][stem]["psnr_db"] - 5
    assert wrong["mask_iou"] == true["mask_iou"]
    assert wrong["ssim"] == pytest.approx(np.mean([row["ssim"] for row in wrong["by_photo"].values()]))


def test_leaving_a_photo_out_gains_nothing(portraits):
    portraits.wear("0", pixels(portraits, 1))
    with_it = scored(portraits)["by_photo"]["0"]
    (portraits.run / "posed" / "0.ply").unlink()
    without = scored(portraits)["by_photo"]["0"]
    assert without["ssim"] < with_it["ssim"]
    assert without["psnr_db"] < 10


def test_a_network_without_pictures_is_not_asked(portraits):
    (portraits.run / "checkpoints" / "subject.safetensors").unlink()
    scores = scored(portraits)
    assert "ssim" not in scores
    assert scores["mask_iou"] > 0.95
    assert any("pictures of the textured subject" in name for name in scores["missing"])


def test_features_carry_their_networks_name(portraits):
    colours = FeatureNetwork("colours", lambda pictures: [pictures])
    true_sets = scored(portraits, Judges(features=colours))
    portraits.wear("1", 255 - pixels(portraits, 1))
    wrong_sets = scored(portraits, Judges(features=colours))
    assert true_sets["frechet_distance(colours)"] < 0.001
    assert wrong_sets["frechet_distance(colours)"] > 5 * true_sets["frechet_distance(colours)"]
    true, wrong = true_sets["by_photo"], wrong_sets["by_photo"]
    name = "feature_distance(colours)"
    assert true["1"][name] < 0.02
    assert wrong["1"][name] > 2 * true["1"][name]
    assert wrong["0"][name] == true["0"][name]


def test_lpips_looks_at_the_same_pairs(portraits, monkeypatch):
    """LPIPS' path on its smallest network with made-up weights: no figure here is LPIPS."""
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
    from torchvision.models import squeezenet1_1

    with torch.random.fork_rng():
        torch.manual_seed(0)
        trunk = squeezenet1_1(weights=None)
    monkeypatch.setattr("torchvision.models.squeezenet1_1", lambda **_: trunk)
    lpips = Lpips("squeeze", LearnedPerceptualImagePatchSimilarity(net_type="squeeze", normalize=True).eval())
    true = scored(portraits, Judges(lpips=lpips))
    portraits.wear("2", pixels(portraits, 0))
    wrong = scored(portraits, Judges(lpips=lpips))
    assert wrong["by_photo"]["2"]["lpips"] > 2 * true["by_photo"]["2"]["lpips"] > 0
    assert wrong["by_photo"]["0"]["lpips"] == true["by_photo"]["0"]["lpips"]
    assert wrong["lpips"] > true["lpips"]


def test_clip_sees_the_subject_from_all_around(portraits, clip_folder):
    clip = load_clip(clip_folder)
    scores = scored(portraits, Judges(clip=clip, category="fox"))
    subject = load_subject(portraits.run / "checkpoints" / "subject.safetensors")
    views = orbit_views(subject.mesh.vertices, subject.mesh, subject.texture / 255)
    photos = load_collection(portraits.photos).photos
    cut = [square_on_white(torch.tensor(p.pixels) / 255, torch.tensor(p.mask) / 255) for p in photos]
    expected = clip_similarity(clip, views, torch.stack(cut), "fox")
    assert scores["clip_image_similarity"] == pytest.approx(expected.image, abs=1e-5)
    assert scores["clip_text_similarity"] == pytest.approx(expected.text, abs=1e-5)
    assert (scores["clip_model"], scores["clip_prompt"]) == (clip_folder.name, "A photo of fox")


def test_clip_from_the_command_line(portraits, clip_folder, capsys):
    assert main(["eval", str(portraits.run), "--clip", str(clip_folder), "--category", "ball"]) == 0
    shown = capsys.readouterr().out
    scores = json.loads((portraits.run / "scores.json").read_text())
    (line,) = [line for line in shown.splitlines() if line.startswith("CLIP, all around to photos")]
    assert line.split()[-2:] == [f"{scores['clip_image_similarity']:.4f}", clip_folder.name]
    assert scores["clip_prompt"] == "A photo of ball"
    assert f"{scores['psnr_db']:.1f} dB" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--clip", "nobody/no-such-clip"], "what the subject is; name it, such as --category fox"),
        (["--clip", "nobody/no-such-clip", "--category", "fox"], "'nobody/no-such-clip' is not on this machine"),
        (["--lpips"], "LPIPS needs alexnet-owt-7be5be79.pth"),
        (["--fid"], "FID needs weights-inception"),
        (["--features", "no_such_file.safetensors"], "no_such_file.safetensors is no mobilenetv2_100"),
    ],
)
def test_what_is_not_here_ends_in_one_line(portraits, capsys, monkeypatch, tmp_path, options, said):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    assert main(["eval", str(portraits.run), *options]) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert not (portraits.run / "scores.json").exists()


def test_clip_needs_masks_to_cut_photos_out(portraits, clip_folder):
    judges = load_judges(clip=clip_folder, category="ball")
    for path in portraits.photos.glob("masks/*"):
        path.unlink()
    (portraits.photos / "keypoints.json").write_text(
        json.dumps(
            {
                "categories": [{"id": 1, "keypoints": ["nose"]}],
                "images": [{"id": k, "file_name": f"{k}.png", "width": 96, "height": 80} for k in range(3)],
                "annotations": [{"image_id": k, "category_id": 1, "keypoints": [60, 50, 2]} for k in range(3)],
            }
        )
    )
    with pytest.raises(InputError, match="has a mask to cut it out by for CLIP"):
        score_run(portraits.run, load_collection(portraits.photos), portraits.photos, judges=judges)


def test_the_embedded_network_judges_from_the_command_line(portraits, capsys):
    assert main(["eval", str(portraits.run), "--features", "embedded", "--category", "fox"]) == 0
    shown = capsys.readouterr().out
    scores = json.loads((portraits.run / "scores.json").read_text())
    assert 0 <= scores["species_odds"] <= 1
    assert "all around, taken for its species" in shown
    before = scores["by_photo"]["2"]["feature_distance(canonical)"]
    portraits.wear("2", 255 - pixels(portraits, 2))
    assert main(["eval", str(portraits.run), "--features", "embedded"]) == 0
    scores = json.loads((portraits.run / "scores.json").read_text())
    assert scores["by_photo"]["2"]["feature_distance(canonical)"] > before
    assert "species_odds" not in scores
