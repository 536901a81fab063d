"""Shapes and types are checked while the tests run: every function of the package goes through jaxtyping and beartype.

The hook must stand before the first import of `zoetrope`, so this file imports nothing of it. Functions compiled by
numba or Triton are left as they are written: their compilers read the source, and a wrapper would not compile.

Besides: small networks of the real architectures with random weights, stored as timm's hub stores them.
"""

import ast
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jaxtyping
import pytest
from jaxtyping import _import_hook

# As the command line does it, see cli.main; before PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_COMPILED = {"njit", "jit", "lean_jit", "vectorize", "guvectorize", "cfunc", "overload", "register_jitable"}
# `float` accepts int, as the typing rules say (PEP 484); beartype refuses that unless told.
_TYPECHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"

_opts_out = _import_hook._is_no_type_check


def _opts_out_or_compiled(decorator: ast.AST) -> bool:
    name = decorator
    while isinstance(name, ast.Call):
        name = name.func
    attribute = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
    return attribute in _COMPILED or _opts_out(decorator)


if "zoetrope" in sys.modules:
    raise RuntimeError("zoetrope was imported before the shape-checking hook; import it in tests, not in plugins")
# jaxtyping has no list of decorators to leave alone, only @no_type_check in the source; this adds the compilers to it.
_import_hook._is_no_type_check = _opts_out_or_compiled
jaxtyping.install_import_hook("zoetrope", _TYPECHECKER)


@pytest.fixture(scope="session")
def pretended() -> ModuleType:
    """The module `pretended_gpu` beside this file: a GPU for machines that have none."""
    spec = importlib.util.spec_from_file_location("pretended_gpu", Path(__file__).with_name("pretended_gpu.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def gpu(pretended: ModuleType) -> Iterator[Any]:
    """The device of a pretended GPU, which is there as long as the test lasts."""
    with pretended.pretended_gpu() as device:
        yield device


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Stores a network of random weights: hub_folder(architecture, **its arguments) gives the folder."""

    import timm
    import torch
    from safetensors.torch import save_file

    def made(architecture: str, **arguments) -> Path:
        torch.manual_seed(0)
        network = timm.create_model(architecture, pretrained=False, **arguments)
        folder = tmp_path_factory.mktemp(architecture)
        config = {"architecture": architecture, "model_args": arguments}
        config["pretrained_cfg"] = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
        (folder / "config.json").write_text(json.dumps(config))
        save_file(network.state_dict(), folder / "model.safetensors")
        return folder

    return made


@pytest.fixture(scope="session")
def small_vit(hub_folder: Callable[..., Path]) -> Path:
    """A DINOv2 with registers, two layers deep."""
    return hub_folder("vit_small_patch14_reg4_dinov2", embed_dim=24, depth=2, num_heads=3, img_size=56)


@pytest.fixture(scope="session")
def small_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Stores a latent diffusion model of random weights: small_diffusion(kind) gives the folder, made once.

    Kinds are sd, sd_v (v-prediction), sdxl, sd3 and flux: the real architectures with their text encoders, tokenizers
    and schedulers, a few channels wide, for pictures of 32 pixels.
    """
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            _small_pipeline(kind, made[kind]).save_pretrained(made[kind], safe_serialization=True)
        return made[kind]

    return folder


def _small_pipeline(kind: str, folder: Path) -> Any:
    import diffusers
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

    torch.manual_seed(0)
    flow = kind in ("sd3", "flux")
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=32,
        shift_factor=0.1 if flow else None,
        # As SDXL's says of itself.
        force_upcast=kind == "sdxl",
    )
    tokenizer = _clip_tokenizer(folder)

    def clip(width: int, projected: bool) -> Any:
        config = CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=width, intermediate_size=32, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=77, projection_dim=width, bos_token_id=54, eos_token_id=55,
        )  # fmt: skip
        return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()

    if kind in ("sd", "sd_v", "sdxl"):
        xl = kind == "sdxl"
        more = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8} if xl else {}
        unet = diffusers.UNet2DConditionModel(
            sample_size=4, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=4, attention_head_dim=8,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=40 if xl else 16,
            projection_class_embeddings_input_dim=6 * 8 + 24 if xl else None, **more,
        )  # fmt: skip
        scheduler = diffusers.DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1,
            prediction_type="v_prediction" if kind == "sd_v" else "epsilon",
        )  # fmt: skip
        if xl:
            return diffusers.StableDiffusionXLPipeline(
                vae, clip(16, False), clip(24, True), tokenizer, tokenizer, unet, scheduler
            )
        return diffusers.StableDiffusionPipeline(
            vae, clip(16, False), tokenizer, unet, scheduler, None, None, requires_safety_checker=False
        )
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    t5 = T5EncoderModel(
        T5Config(vocab_size=300, d_model=40, d_kv=8, d_ff=32, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu")
    ).eval()
    if kind == "sd3":
        transformer = diffusers.SD3Transformer2DModel(
            sample_size=4, patch_size=1, in_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=4,
            joint_attention_dim=40, caption_projection_dim=32, pooled_projection_dim=40, out_channels=4,
        )  # fmt: skip
        encoders = (clip(16, True), tokenizer, clip(24, True), tokenizer, t5, _t5_tokenizer(folder))
        return diffusers.StableDiffusion3Pipeline(transformer, scheduler, vae, *encoders)
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=40, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    return diffusers.FluxPipeline(scheduler, vae, clip(16, False), tokenizer, t5, _t5_tokenizer(folder), transformer)


def _clip_tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{one}</w>" for one in letters), "fo", "fox</w>", "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\nf o\nfo x</w>\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def _t5_tokenizer(folder: Path) -> Any:
    """Knows single letters."""
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "</s>", "<unk>", *(chr(code) for code in range(ord("a"), ord("z") + 1)), " "]
    core = Tokenizer(Unigram([(word, -1.0) for word in words], unk_id=2))
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
