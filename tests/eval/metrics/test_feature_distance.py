from pathlib import Path

import pytest
import torch

from zoetrope.eval.metrics.feature_distance import (
    FeatureNetwork,
    feature_distance,
    frechet_feature_distance,
    load_mobilenet,
    name_of,
)
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection

ASSETS = Path(__file__).parents[3].parent / "shared" / "assets"
COLOURS = FeatureNetwork("colours", lambda pictures: [pictures, pictures.square()])


def flat(*colour):
    return torch.tensor(colour).expand(1, 8, 8, 3)


@pytest.fixture(scope="module")
def mobilenet():
    path = ASSETS / "weights" / "mobilenetv2" / "mobilenetv2_100.safetensors"
    if not path.is_file():
        pytest.skip("the development assets are not here")
    return load_mobilenet(path)


def photos(name, size=96):
    from torch.nn.functional import interpolate

    found = load_collection(ASSETS / "collections" / name, max_side=256).photos
    squares = [torch.from_numpy(photo.pixels.copy()).permute(2, 0, 1)[None] / 255 for photo in found[:10]]
    return torch.cat([interpolate(s, (size, size), mode="area") for s in squares]).permute(0, 2, 3, 1)


def test_known_distances():
    red, green, black = flat(1.0, 0, 0), flat(0, 1.0, 0), flat(0.0, 0, 0)
    assert feature_distance(COLOURS, red, green).item() == pytest.approx(1)
    assert feature_distance(COLOURS, red, 0.3 * red).item() == pytest.approx(0, abs=1e-6)
    assert feature_distance(COLOURS, black, black).item() == 0
    half = flat(0.5, 0.5, 0)
    assert feature_distance(COLOURS, red, half).item() == pytest.approx(1 - 0.5**0.5)


def test_the_name_says_whose_features_they_are():
    assert name_of("feature_distance", COLOURS) == "feature_distance(colours)"


def test_sets_of_flat_pictures():
    generator = torch.Generator().manual_seed(0)
    colours = torch.rand(20, 1, 1, 3, generator=generator)
    one = FeatureNetwork("mean", lambda pictures: [pictures])
    assert frechet_feature_distance(one, colours, colours) == pytest.approx(0, abs=1e-6)
    assert frechet_feature_distance(one, colours, colours + 0.5) == pytest.approx(0.75, rel=1e-4)


def test_mobilenet_tells_animals_apart(mobilenet):
    horses, foxes = photos("horse"), photos("fox")
    blurred = torch.nn.functional.avg_pool2d(horses.permute(0, 3, 1, 2), 5, 1, 2, count_include_pad=False)
    blurred = blurred.permute(0, 2, 3, 1)
    near, far = feature_distance(mobilenet, horses, blurred), feature_distance(mobilenet, horses, foxes)
    assert torch.allclose(feature_distance(mobilenet, horses, horses), torch.zeros(len(horses)), atol=1e-6)
    assert (near > 0).all()
    assert (near < far).float().mean() > 0.9
    same = frechet_feature_distance(mobilenet, horses[::2], horses[1::2])
    other = frechet_feature_distance(mobilenet, horses[::2], foxes[1::2])
    assert same < 0.7 * other


def test_mobilenet_sees_pixels_from_minus_one_to_one(mobilenet):
    """Its last stage is what the classifier sees, fed as it was trained: mean and deviation 0.5."""
    import timm
    from safetensors.torch import load_file

    classifier = timm.create_model("mobilenetv2_100", pretrained=False, pad_type="same").eval()
    stored = load_file(str(ASSETS / "weights" / "mobilenetv2" / "mobilenetv2_100.safetensors"))
    classifier.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in stored.items()})
    planes = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = classifier.blocks(classifier.bn1(classifier.conv_stem((planes - 0.5) / 0.5)))
        assert torch.allclose(mobilenet.stages(planes)[-1], expected, atol=1e-5)


def test_other_weights_are_refused(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(InputError, match="is no mobilenetv2_100"):
        load_mobilenet(tmp_path / "missing.safetensors")
    save_file({"conv_stem.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="is no mobilenetv2_100"):
        load_mobilenet(tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(InputError, match="is no mobilenetv2_100"):
        load_mobilenet(tmp_path / "broken.safetensors")
