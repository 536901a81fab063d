import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from zoetrope.priors.timm_network import load_timm


def test_mean_and_std_come_from_the_configuration(small_vit):
    network = load_timm(f"timm:{small_vit}")
    assert network.mean == (0.4, 0.5, 0.6)
    grey = torch.full((1, 3, 2, 2), 0.5)
    assert torch.allclose(network.normalized(grey)[0, :, 0, 0], torch.tensor([0.5, 0.0, -1 / 3]))
    assert not network.module.training
    assert not any(parameter.requires_grad for parameter in network.module.parameters())


def test_half_precision_files_and_options_of_the_name(hub_folder, tmp_path):
    folder = hub_folder("mobilenetv2_035")
    stored = {name: value.half() for name, value in load_file(folder / "model.safetensors").items()}
    save_file(stored, tmp_path / "net.safetensors")
    network = load_timm(f"timm:mobilenetv2_035,pad_type=same,mean=0.5,std=0.25@{tmp_path / 'net.safetensors'}")
    assert network.mean == (0.5,) * 3
    assert network.std == (0.25,) * 3
    assert type(network.module.conv_stem).__name__ == "Conv2dSame"
    assert network.module.conv_stem.weight.dtype == torch.float32
    assert torch.equal(network.module.conv_stem.weight.half(), stored["conv_stem.weight"])


def test_identity_follows_weights_and_use_but_not_the_place(small_vit, tmp_path):
    for file in ("config.json", "model.safetensors"):
        (tmp_path / file).write_bytes((small_vit / file).read_bytes())
    there, here = load_timm(f"timm:{small_vit}"), load_timm(str(tmp_path))
    assert there.identity == here.identity
    config = json.loads((tmp_path / "config.json").read_text())
    config["pretrained_cfg"]["mean"] = [0.5, 0.5, 0.5]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load_timm(str(tmp_path)).identity != here.identity


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "7", "{}", '{"architecture": "x", "pretrained_cfg": 7}'])
def test_a_config_that_names_no_network_is_one_line(small_vit, tmp_path, text):
    (tmp_path / "model.safetensors").write_bytes((small_vit / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(OSError, match="does not name its architecture as timm's hub does"):
        load_timm(str(tmp_path))


def test_weights_of_another_network_are_refused(small_vit, hub_folder, tmp_path):
    deeper = hub_folder("vit_small_patch14_reg4_dinov2", embed_dim=24, depth=3, num_heads=3, img_size=56)
    (tmp_path / "config.json").write_text((small_vit / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes((deeper / "model.safetensors").read_bytes())
    with pytest.raises(OSError, match=r"is no vit_small_patch14_reg4_dinov2 in timm's layout: 0 of .* are unknown"):
        load_timm(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(OSError, match="cannot be read as safetensors"):
        load_timm(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timm:no_such_network", "neither a network of timm"),
        ("timm:no_such_network@net.safetensors", "no architecture 'no_such_network'"),
        ("timm:mobilenetv2_035,crop=3@net.safetensors", "the option 'crop'"),
        ("timm:mobilenetv2_035,mean=dark@net.safetensors", "mean=dark, which is no number"),
        ("timm:mobilenetv2_035@net.pth", "may run code"),
        ("timm:mobilenetv2_035@net.safetensors", "cannot be read"),
    ],
)
def test_names_that_say_nothing(name, message):
    with pytest.raises((ValueError, OSError), match=message) as caught:
        load_timm(name)
    assert "\n" not in str(caught.value)
