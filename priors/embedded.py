"""Where the weights lie that the package carries, trained by its own commands (`zoetrope pretrain`)."""

from __future__ import annotations

from pathlib import Path

_WEIGHTS = Path(__file__).resolve().parent / "weights"
CANONICAL = _WEIGHTS / "canonical.safetensors"
"""File of the canonical network."""
DIFFUSION = _WEIGHTS / "diffusion"
"""Folder of the diffusion model, in diffusers' layout."""
