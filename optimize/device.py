"""The device a fit runs on, from the word the user gave."""

from __future__ import annotations

import torch

from ..scenes.error import InputError


def choose_device(name: str) -> torch.device:
    """The device called `name`: auto, cpu, cuda, cuda:N or mps; auto is the first GPU there is, else the CPU.

    Raises InputError for another word and for a device that this machine does not have.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda:0" if cuda else "mps" if mps else "cpu")
    present = ["cpu", *(f"cuda:{index}" for index in range(cuda)), *(["mps"] if mps else [])]
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in present:
        raise InputError(f"--device {name} is not on this machine; it has {', '.join(present)} (or say auto)")
    return torch.device(wanted)
