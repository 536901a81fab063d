import math

import pytest
import timm
import torch
from safetensors.torch import load_file
from torch.nn.functional import normalize

from zoetrope.priors.semantic import FeatureOptions, SemanticNetwork, load_semantic
from zoetrope.priors.timm_network import load_timm


def pictures(height, width, count=1, seed=0):
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(seed))


def network_input(picture, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)):
    planes = picture.permute(0, 3, 1, 2)
    return (planes - torch.tensor(mean).reshape(3, 1, 1)) / torch.tensor(std).reshape(3, 1, 1)


@pytest.fixture(scope="module")
def vit(small_vit):
    return load_semantic(f"timm:{small_vit}")


def test_tokens_are_those_of_timm_without_class_and_registers(vit, small_vit):
    picture = pictures(56, 56)
    plain = timm.create_model(
        "vit_small_patch14_reg4_dinov2", embed_dim=24, depth=2, num_heads=3, img_size=56, num_classes=0
    ).eval()
    plain.load_state_dict(load_file(small_vit / "model.safetensors"))
    tokens = plain.forward_features(network_input(picture))
    assert tokens.shape == (1, 5 + 16, 24)
    expected = normalize(tokens[:, 5:], dim=2).transpose(1, 2).unflatten(2, (4, 4))
    assert torch.allclose(vit.features(picture), expected, atol=1e-5)


@pytest.mark.parametrize("layer", [0, 1])
def test_keys_are_what_the_attention_computes(small_vit, layer):
    network = load_semantic(f"timm:{small_vit}", options=FeatureOptions(facet="keys", layer=layer))
    module = load_timm(f"timm:{small_vit}").module
    picture = pictures(56, 56)
    tokens = module._pos_embed(module.patch_embed(network_input(picture)))
    for block in module.blocks[:layer]:
        tokens = block(tokens)
    attention = module.blocks[layer].attn
    joint = module.blocks[layer].norm1(tokens) @ attention.qkv.weight.T + attention.qkv.bias
    keys = joint[:, 5:, 24:48]
    expected = normalize(keys, dim=2).transpose(1, 2).unflatten(2, (4, 4))
    assert torch.allclose(network.features(picture), expected, atol=1e-5)


def test_keys_pass_the_norm_of_a_network_that_has_one(hub_folder):
    folder = hub_folder("vit_small_patch16_224", embed_dim=24, depth=1, num_heads=3, img_size=32, qk_norm=True)
    network = load_semantic(str(folder), options=FeatureOptions(facet="keys"))
    heads = network.features(pictures(32, 32)).unflatten(1, (3, 8))
    # The norm brings each head's key to mean 0 and one length; the joint unit length shares it out evenly.
    assert torch.allclose(heads.mean(2), torch.zeros(1), atol=1e-5)
    assert torch.allclose(heads.norm(dim=2), torch.tensor(1 / math.sqrt(3)), atol=1e-3)


def test_attention_of_the_class_token(vit, small_vit):
    module, picture = load_timm(f"timm:{small_vit}").module, pictures(56, 56)
    attention = vit.describe(picture).attention
    assert attention.shape == (1, 4, 4)
    tokens = module._pos_embed(module.patch_embed(network_input(picture)))
    last = module.blocks[-1]
    query, key, _ = last.attn.qkv(last.norm1(module.blocks[0](tokens))).unflatten(2, (3, 3, 8)).unbind(2)
    weights = torch.einsum("bhd,bnhd->bhn", query[:, 0], key) / math.sqrt(8)
    assert torch.allclose(attention, weights.softmax(-1).mean(1)[:, 5:].unflatten(1, (4, 4)), atol=1e-5)


def test_position_encodings_keep_the_aspect(hub_folder):
    """A net whose patches say nothing but where they are: a wide grid samples the same field on its own axes."""
    folder = hub_folder("vit_small_patch14_dinov2", embed_dim=24, depth=1, num_heads=3, img_size=112)
    module = load_timm(str(folder))
    with torch.no_grad():
        module.module.patch_embed.proj.weight.zero_()
        ramp = torch.linspace(0, 1, 8)
        field = torch.zeros(8, 8, 24)
        field[..., 0], field[..., 1] = ramp[:, None], ramp
        module.module.pos_embed.zero_()
        module.module.pos_embed[0, 1:] = field.flatten(0, 1)
    seen = []
    handle = module.module.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0, 1:]))
    network = SemanticNetwork(module)
    assert network.features(pictures(14 * 4, 14 * 16)).shape == (1, 24, 4, 16)
    handle.remove()
    grid = (seen[0] - seen[0].mean(0)).reshape(4, 16, 24)
    rows, columns = grid[..., 0], grid[..., 1]
    assert torch.allclose(rows, rows[:, :1].expand(4, 16), atol=1e-4)
    assert torch.allclose(columns, columns[:1].expand(4, 16), atol=1e-4)
    # Both axes still run over the whole range that the square one had, whatever their number of cells.
    assert 0.75 < float(rows[-1, 0] - rows[0, 0]) < 1.02
    assert 0.9 < float(columns[0, -1] - columns[0, 0]) < 1.1


@pytest.mark.parametrize(
    ("architecture", "patch", "prefix"),
    [("vit_small_patch8_224", 8, 1), ("vit_small_patch14_dinov2", 14, 1), ("vit_small_patch14_reg4_dinov2", 14, 5)],
)
def test_any_size_gives_whole_cells(hub_folder, architecture, patch, prefix):
    folder = hub_folder(architecture, embed_dim=24, depth=1, num_heads=3, img_size=56)
    network = load_semantic(f"timm:{folder}")
    assert network.stride == patch
    assert network._module.num_prefix_tokens == prefix
    features = network.features(pictures(45, 61, count=2))
    assert features.shape == (2, 24, math.ceil(45 / patch), math.ceil(61 / patch))
    assert torch.allclose(features.norm(dim=1), torch.ones(1), atol=1e-5)


def test_batches_change_nothing(small_vit):
    one, many = (load_semantic(str(small_vit), options=FeatureOptions(batch=batch)) for batch in (1, 8))
    shown = pictures(42, 42, count=3)
    assert torch.allclose(one.features(shown), many.features(shown), atol=1e-5)
    assert one.identity == many.identity


def test_hypercolumns_hold_every_level_at_one_length(mobilenet):
    network = load_semantic(mobilenet)
    features = network.features(pictures(70, 100))
    assert features.shape == (1, 24 + 32 + 96 + 320, 9, 13)
    for level in features.split([24, 32, 96, 320], 1):
        assert torch.allclose(level.norm(dim=1), torch.tensor(0.5), atol=1e-4)


def test_levels_are_those_of_timm(mobilenet):
    network = load_semantic(mobilenet, options=FeatureOptions(levels=(2,)))
    plain = timm.create_model("mobilenetv2_100", pretrained=False, features_only=True, pad_type="same").eval()
    stored = load_file(mobilenet.split("@")[1])
    plain.load_state_dict({name: stored[name].to(value.dtype) for name, value in plain.state_dict().items()})
    shown = pictures(64, 64)
    level = plain(network_input(shown, (0.5,) * 3, (0.5,) * 3))[2]
    # Without the correction for where levels look, which mixes neighbours.
    network._step = 0.0
    assert torch.allclose(network.features(shown), normalize(level, dim=1), atol=1e-4)


def test_features_stand_where_the_picture_has_them(mobilenet):
    """A picture and its mirror picture have mirrored features, though the network's padding is lopsided."""
    network = load_semantic(mobilenet, options=FeatureOptions(levels=(1, 2)))
    coarse = pictures(16, 16).movedim(-1, 1)
    shown = torch.nn.functional.interpolate(coarse, size=(128, 128), mode="bicubic").clamp(0, 1).movedim(1, -1)

    def agreement():
        mirrored = network.features(shown.flip(1, 2)).flip(2, 3)
        return float((network.features(shown) * mirrored).sum(1)[:, 2:-2, 2:-2].mean())

    corrected = agreement()
    network._step = 0.0
    assert corrected > agreement() + 0.05


def test_what_cannot_be_had_ends_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(OSError, match=r"--semantic timm:vit_.*downloads are off; --semantic embedded") as caught:
        load_semantic("timm:vit_small_patch14_dinov2.lvd142m", offline=True)
    assert "\n" not in str(caught.value)


def test_options_that_do_not_fit(small_vit, mobilenet):
    with pytest.raises(ValueError, match=r"has 2 layers and layer 7 .* -2\.\.1"):
        load_semantic(str(small_vit), options=FeatureOptions(layer=7))
    with pytest.raises(ValueError, match=r"levels 0\.\.4 and \(9,\)"):
        load_semantic(mobilenet, options=FeatureOptions(levels=(9,)))
    with pytest.raises(ValueError, match="a stride of 6 does not fit"):
        load_semantic(mobilenet, options=FeatureOptions(stride=6))
