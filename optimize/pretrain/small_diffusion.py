"""The small latent diffusion model that is trained here: built from diffusers' and transformers' own classes.

What is stored is a folder as StableDiffusionPipeline.save_pretrained writes it, in half precision and in shards, and
loads as one. Latents are eight times smaller than pictures and have eight channels; the network answers with v, on the
schedule of Stable Diffusion; text is read by a small CLIP text model with a vocabulary of its own.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

MODEL = "model"
"""Folder beside the logs of its training."""
_TOKENS = 24
_SHARD = "12MB"


@dataclass(frozen=True, eq=False)
class SmallDiffusion:
    """Its parts; each is saved under the name it has here."""

    vae: Any
    unet: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any

    def pipeline(self) -> Any:
        """diffusers' pipeline of these parts."""
        from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

        return StableDiffusionPipeline(
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=self.scheduler,
            safety_checker=None,  # type: ignore[arg-type]
            feature_extractor=None,  # type: ignore[arg-type]
            requires_safety_checker=False,
        )

    def save(self, folder: Path) -> None:
        """Writes everything, weights in half precision; what loads them without further ado has float32."""
        vae, unet, text_encoder = (_half(part) for part in (self.vae, self.unet, self.text_encoder))
        small = SmallDiffusion(vae, unet, text_encoder, self.tokenizer, self.scheduler)
        small.pipeline().save_pretrained(folder, safe_serialization=True, max_shard_size=_SHARD)
        # transformers would go by what it finds here, diffusers does not, and the two have to fit together.
        config = folder / "text_encoder" / "config.json"
        options = json.loads(config.read_text(encoding="utf-8"))
        options |= {"dtype": "float32"}
        config.write_text(json.dumps(options, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> SmallDiffusion:
        """What `save` wrote, in float32. Raises OSError where a part is missing."""
        from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

        found: Any = StableDiffusionPipeline.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
        return SmallDiffusion(found.vae, found.unet, found.text_encoder, found.tokenizer, found.scheduler)


def small_diffusion(size: int, captions: Iterable[str], seed: int) -> SmallDiffusion:
    """An untrained model for square pictures of `size` pixels, whose tokenizer knows the words of `captions`."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    tokenizer = make_tokenizer(captions)
    # Their annotations speak of tuples of one.
    autoencoder, network = cast(Any, AutoencoderKL), cast(Any, UNet2DConditionModel)
    vae = autoencoder(
        block_out_channels=(16, 32, 64, 128),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=8,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=size,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )
    unet = network(
        sample_size=size // 8,
        in_channels=8,
        out_channels=8,
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        # In this class the number of heads, whatever it is called.
        attention_head_dim=4,
        norm_num_groups=16,
    )
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )
    return SmallDiffusion(vae, unet, text_encoder, tokenizer, scheduler)


def _half(module: Any) -> Any:
    kind = type(module)
    copy = kind.from_config(module.config) if hasattr(kind, "from_config") else kind(module.config)
    copy.load_state_dict(module.state_dict())
    return copy.half()


def make_tokenizer(captions: Iterable[str]) -> Any:
    """A CLIP tokenizer whose byte pairs were merged on these captions; any text can be written with it."""
    from tokenizers import Tokenizer, pre_tokenizers, trainers
    from tokenizers.models import BPE
    from transformers import CLIPTokenizer

    learner = Tokenizer(BPE(end_of_word_suffix="</w>", unk_token=None))
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Punctuation(), pre_tokenizers.ByteLevel(False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=1200, min_frequency=2, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    learner.train_from_iterator(captions, trainer)
    merges = json.loads(learner.to_str())["model"]["merges"]
    pairs = [tuple(pair.split(" ")) if isinstance(pair, str) else tuple(pair) for pair in merges]
    words = [*alphabet, *(f"{letter}</w>" for letter in alphabet), *("".join(pair) for pair in pairs)]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(words))}
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        vocabulary_file, merges_file = Path(folder) / "vocab.json", Path(folder) / "merges.txt"
        vocabulary_file.write_text(json.dumps(vocabulary), encoding="utf-8")
        lines = ["#version: 0.2", *(" ".join(pair) for pair in pairs)]
        merges_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return CLIPTokenizer(str(vocabulary_file), str(merges_file), model_max_length=_TOKENS)


def parameter_count(module: nn.Module) -> int:
    """Weights of a network."""
    return sum(weight.numel() for weight in module.parameters())
