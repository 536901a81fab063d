"""Photographs of a glTF subject at random moments of its clips."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..photography.photograph import PhotographyConfig, photograph
from ..photography.shot import Shot
from ..photography.sitter import Poses
from .subject import GltfSubject


def photograph_gltf(
    subject: GltfSubject, count: int, config: PhotographyConfig, generator: torch.Generator
) -> tuple[Poses, tuple[Shot, ...]]:
    """`count` photographs and the poses they show; the same arguments and state of `generator` give the same bytes."""
    poses = subject.poses(count, generator)
    # Nobody knows whether what is in a file has hair.
    return poses, photograph(subject.sitter(), poses, replace(config, fur=(0.0, 0.0)), generator)
