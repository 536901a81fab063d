import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.scenes.film import write_film


def _frames(count=12, height=48, width=64):
    """A bright bar wandering over a coloured ramp."""
    ramp = torch.linspace(0.2, 0.8, width)
    picture = torch.stack(
        [ramp.expand(height, width), ramp.flip(0).expand(height, width), ramp.expand(height, width) / 2], 2
    )
    for index in range(count):
        frame = picture.clone()
        frame[:, index * 5 : index * 5 + 5] = torch.tensor([1.0, 0.9, 0.1])
        yield frame


@pytest.mark.parametrize("suffix", ["mp4", "gif", "webp"])
def test_films_read_back(tmp_path, suffix):
    path = tmp_path / f"film.{suffix}"
    write_film(path, _frames(), 20)
    read = np.stack(list(iio.imiter(path)))
    expected = np.stack([(frame * 255).round().numpy() for frame in _frames()])
    assert read.shape[:3] == expected.shape[:3]
    assert np.abs(read[..., :3].astype(float) - expected).mean() < 4
    bar = read[5, 20, 27, :3].astype(float)
    np.testing.assert_allclose(bar, [255, 230, 26], atol=30)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_mp4_plays_everywhere(tmp_path):
    """4:2:0 with even sides, at the right speed, its colours named."""
    path = tmp_path / "odd.mp4"
    write_film(path, _frames(10, 47, 63), 25)
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    reader.close()
    assert meta["size"] == (64, 48)
    assert meta["pix_fmt"].startswith("yuv420p(tv, bt709")
    assert meta["fps"] == 25
    assert meta["duration"] == pytest.approx(10 / 25, abs=0.02)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "the index comes first, so that it streams"


@pytest.mark.parametrize(("suffix", "rate"), [("gif", 30), ("webp", 24)])
def test_mean_speed_is_kept(tmp_path, suffix, rate):
    path = tmp_path / f"film.{suffix}"
    write_film(path, _frames(), rate)
    with Image.open(path) as film:
        assert film.n_frames == 12
        assert film.info["loop"] == 0
        total = 0
        for index in range(12):
            film.seek(index)
            film.load()
            total += film.info["duration"]
    assert total == pytest.approx(12 * 1000 / rate, abs=10)


def test_a_gif_keeps_still_things_still(tmp_path):
    write_film(tmp_path / "film.gif", _frames(), 20)
    read = iio.imread(tmp_path / "film.gif", index=None)
    assert (read[:6, :, 50:] == read[0, :, 50:]).all()


def test_wrong_frames_leave_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match=r"\.mp4, \.gif, \.webp, not \.avi"):
        write_film(tmp_path / "film.avi", _frames())
    with pytest.raises(ValueError, match="at least one frame"):
        write_film(tmp_path / "film.mp4", [])
    for suffix in ("mp4", "gif", "webp"):
        with pytest.raises(ValueError, match="frame 1 has shape"):
            write_film(tmp_path / f"film.{suffix}", [torch.zeros(8, 8, 3), torch.zeros(8, 10, 3)])
    assert list(tmp_path.iterdir()) == []
