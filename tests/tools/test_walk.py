"""The count of the walk through a fit: on a made-up package whose walk can be counted by hand, and on this one."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = {
    "scenes/__init__.py": "",
    "scenes/error.py": "def refuse(): ...",
    "scenes/photos/__init__.py": "",
    "scenes/photos/photo.py": (
        "from ..error import refuse\nclass Photo:\n    def __init__(self): refuse()\n    def crop(self): ...\n"
    ),
    "optimize/__init__.py": "",
    "optimize/fit.py": (
        "from ..scenes.photos.photo import Photo\n"
        "from ..scenes.error import refuse\n"
        "from .plan import plan\n"
        "def fit(config):\n"
        "    photo = Photo()\n"
        "    plan(photo.crop())\n"
        "    refuse()\n"
    ),
    "optimize/plan.py": "def plan(photo): ...",
}


def _printed(*arguments: str) -> str:
    command = [sys.executable, str(ROOT / "tools" / "walk.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_counts_by_hand(tmp_path: Path) -> None:
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    # fit, Photo, its constructor, refuse (in the folder above), crop (back to a file that was entered), plan
    assert _printed(str(tmp_path)).splitlines() == [
        "6 functions, 4 files, 4 entries, 1 returns",
        "1 climbs",
        "  scenes.photos.photo -> scenes.error",
    ]


def test_the_walk_reaches_every_floor() -> None:
    counts = [int(word) for word in _printed().split() if word.isdigit()]
    assert counts[0] > 1000
    assert counts[1] > 100
