"""Pretrained weights that other libraries keep in PyTorch's hub cache: there, and the very ones, or refused.

The names of these files end in the first digits of their SHA-256 (alexnet-owt-7be5be79.pth). A metric that is named
after its network must come from that network, so the digits are checked, not only the name.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.error import URLError

import torch

from ...scenes.error import InputError, one_line


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
        except (URLError, OSError, RuntimeError) as error:
            raise InputError(f"{metric} needs {url}, which cannot be downloaded ({one_line(error)})") from error
    if not sha256(path).startswith(digits):
        raise InputError(f"{path} is not the network of {metric}: its SHA-256 does not begin with {digits}; delete it")
    return path


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
