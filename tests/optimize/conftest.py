"""What several tests of fits share: a small collection of the package's own making."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def good_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photos of 64 pixels with masks and truth."""
    from zoetrope.scenes.demo_subject import write_demo_subject

    folder = tmp_path_factory.mktemp("good") / "photos"
    write_demo_subject(folder, seed=0, photo_count=4, size=64)
    return folder
