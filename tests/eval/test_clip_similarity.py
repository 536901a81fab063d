"""CLIP similarity on a small CLIP of made-up weights, saved and loaded as the real one is."""

import json
import shutil
import socket

import numpy as np
import pytest
import torch

from zoetrope.eval.clip_similarity import Clip, clip_similarity, load_clip, orbit_views, square_on_white
from zoetrope.representations.mesh import SkinnedMesh, icosphere
from zoetrope.scenes.error import InputError


@pytest.fixture(scope="session")
def clip(clip_folder):
    return load_clip(clip_folder)


def pictures(seed, count=3, size=48):
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear").permute(0, 2, 3, 1)


def test_embeddings_are_those_of_the_model(clip, clip_folder):
    from transformers import CLIPModel, CLIPProcessor

    model, processor = CLIPModel.from_pretrained(clip_folder).eval(), CLIPProcessor.from_pretrained(clip_folder)
    given = (pictures(0) * 255).round().to(torch.uint8)
    inputs = processor(
        text=["A photo of a fox", "A photo of b"], images=list(given.numpy()), return_tensors="pt", padding=True
    )
    with torch.no_grad():
        expected = model(**inputs)
    assert torch.allclose(clip.embed_pictures(given / 255), expected.image_embeds, atol=1e-5)
    assert torch.allclose(clip.embed_texts(["A photo of a fox", "A photo of b"]), expected.text_embeds, atol=1e-5)


def test_similarities_are_means_of_all_cosines(clip):
    renderings, photos = pictures(1, count=4), pictures(2, count=3, size=60)
    found = clip_similarity(clip, renderings, photos, "fox")
    seen, shown = clip.embed_pictures(renderings), clip.embed_pictures(photos)
    prompt = clip.embed_texts(["A photo of fox"])[0]
    cosines = [float(a @ b) for a in seen for b in shown]
    assert found.image == pytest.approx(np.mean(cosines), abs=1e-6)
    assert found.text == pytest.approx(float((seen @ prompt).mean()), abs=1e-6)
    assert (found.prompt, found.model) == ("A photo of fox", clip.name)
    alone = clip_similarity(clip, renderings[:1], renderings[:1], "fox")
    assert alone.image == pytest.approx(1, abs=1e-5)
    assert clip_similarity(clip, renderings, photos, "zebra").text != pytest.approx(found.text, abs=1e-4)


def test_long_texts_are_cut(clip):
    long, longer = clip.embed_texts(["a " * 40, "a " * 60])
    assert torch.allclose(long, longer)


def test_nothing_is_fetched_unasked(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        InputError, match=r"'nobody/no-such-clip' is not on this machine; .*allow_download=True"
    ) as error:
        load_clip("nobody/no-such-clip")
    assert "\n" not in str(error.value)


def test_other_models_and_halves_are_refused(clip_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    with pytest.raises(InputError, match="is not a folder of a CLIP model"):
        load_clip(tmp_path)
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="is a model of type bert, not clip"):
        load_clip(tmp_path / "bert")
    (tmp_path / "half").mkdir()
    for path in clip_folder.iterdir():
        (tmp_path / "half" / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "half" / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, tmp_path / "half" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"not a whole CLIP: 1 weights such as visual_projection.weight are missing"):
        load_clip(tmp_path / "half")


def test_views_go_round_the_subject_from_thirty_degrees_above():
    ball, faces = icosphere(3)
    # A red snout in front, a green one at the left, a hat on top: which way is which shows.
    body = ball * torch.tensor([0.6, 0.4, 1.0])
    one = torch.ones(len(body), 1)
    uv = torch.stack([(body[:, 0] > 0.25).float() * 0.5 + 0.25, (body[:, 2] > 0.4).float() * 0.5 + 0.25], 1)
    mesh = SkinnedMesh(body, faces, one, torch.zeros(len(body), dtype=torch.int64), body, uv=uv, uv_faces=faces)
    texture = torch.tensor([[[0.1, 0.1, 0.9], [0.1, 0.9, 0.1]], [[0.9, 0.1, 0.1], [0.9, 0.1, 0.1]]])
    views = orbit_views(body + torch.tensor([3.0, 1, 0]), mesh, texture, size=48)
    assert views.shape == (36, 48, 48, 3)
    assert (views[:, 0, :] > 0.999).all()
    ink = (views < 0.99).any(-1)
    assert ink.any(1).any(1).all()
    redness = ((views[..., 0] > views[..., 1] + 0.2) & (views[..., 0] > views[..., 2] + 0.2)).sum((1, 2))
    greenness = ((views[..., 1] > views[..., 0] + 0.2) & (views[..., 1] > views[..., 2] + 0.2)).sum((1, 2))
    assert redness.argmax() in (0, 1, 35)
    assert redness[18] < 0.2 * redness[0]
    assert int(greenness.argmax()) in range(6, 15)
    assert greenness[27] == 0
    # Seen from 30 degrees above, the ellipsoid's outline from the front is sqrt((0.4 cos)^2 + (1.0 sin)^2) high.
    rows, columns = ink[0].any(1).sum(), ink[0].any(0).sum()
    height = (0.4**2 * 0.75 + 1.0**2 * 0.25) ** 0.5
    assert rows / columns == pytest.approx(height / 0.6, rel=0.12)


def test_photos_are_cut_out_on_white():
    picture = torch.zeros(60, 100, 3)
    picture[..., 2] = 0.5
    mask = torch.zeros(60, 100)
    mask[10:30, 40:80] = 1
    square = square_on_white(picture, mask, size=100)
    ink = (square < 0.99).any(-1)
    rows, columns = torch.nonzero(ink.any(1))[:, 0], torch.nonzero(ink.any(0))[:, 0]
    assert (columns.min(), columns.max()) == pytest.approx((8, 91), abs=1.5)
    assert (rows.min(), rows.max()) == pytest.approx((29, 70), abs=1.5)
    assert torch.allclose(square[50, 50], torch.tensor([0.0, 0, 0.5]), atol=1e-3)
    assert (square[0] == 1).all()
    with pytest.raises(ValueError, match="marks no subject"):
        square_on_white(picture, torch.zeros(60, 100))


def test_a_clip_is_named_by_its_folder(clip, clip_folder):
    assert isinstance(clip, Clip)
    assert clip.name == clip_folder.name


def test_nothing_is_unpickled(clip_folder, tmp_path):
    """Weights in PyTorch's own format are refused, sound ones as well."""
    from safetensors.torch import load_file

    folder = tmp_path / "pickled"
    shutil.copytree(clip_folder, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    assert load_clip(folder).name == "pickled"
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="in safetensors") as error:
        load_clip(folder)
    assert "\n" not in str(error.value)
