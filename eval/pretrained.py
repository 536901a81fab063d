"""Pretrained weights that other libraries keep in PyTorch's hub cache: there, and the very ones, or refused.

The names of these files end in the first digits of their SHA-256 (alexnet-owt-7be5be79.pth). A metric that is named
after its network must come from that network, so the digits are checked, not only the name.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import torch

from ..scenes.error import InputError, one_line


def pretrained_weights(url: str, *, metric: str, allow_download: bool) -> Path:
    """The file of `url` in PyTorch's hub cache, checked; downloaded first where it is missing and that is allowed.

    Raises InputError, one line naming `metric` and what to do, where it is missing or another file.
    """
    name = url.rsplit("/", 1)[-1]
    found = re.search(r"-([0-9a-f]{8,})\.", name)
    if found is None:
        raise ValueError(
            f"{name} does not carry its hash in its name; there is no telling whether it is the right file"
        )
    digits = found[1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():
        if not allow_download:
            raise InputError(
                f"{metric} needs {name}, which is not in {path.parent}; allow the download (--allow-download, "
                f"allow_download=True) or copy it there from {url}"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=digits, progress=False)
        except (URLError, OSError, RuntimeError) as fault:
            raise InputError(f"{metric} needs {url}, which cannot be downloaded ({one_line(fault)})") from fault
    if not sha256(path).startswith(digits):
        raise InputError(f"{path} is not the network of {metric}: its SHA-256 does not begin with {digits}; delete it")
    return path


@contextmanager
def tensors_only(metric: str) -> Iterator[None]:
    """While it is entered, torch.load takes tensors and nothing else, whatever other libraries ask it for.

    torchvision unpickles its weights, which may run code; the digits in a name are too few to rule out a forged file.
    PyTorch reads the switch from the environment, at each call. Raises InputError where a file holds anything else.
    """
    switch = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(switch)
    os.environ[switch] = "1"
    try:
        yield
    except pickle.UnpicklingError as error:
        where = Path(torch.hub.get_dir()) / "checkpoints"
        raise InputError(
            f"the weights of {metric} in {where} hold more than tensors and are not read; delete them"
        ) from error
    finally:
        if before is None:
            del os.environ[switch]
        else:
            os.environ[switch] = before


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
