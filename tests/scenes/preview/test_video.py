import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.scenes.error import InputError
from zoetrope.scenes.preview.video import check_frames_folder, write_frames, write_video


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
    path = tmp_path / f"video.{suffix}"
    write_video(path, _frames(), 20)
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
    write_video(path, _frames(10, 47, 63), 25)
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
    path = tmp_path / f"video.{suffix}"
    write_video(path, _frames(), rate)
    with Image.open(path) as video:
        assert video.n_frames == 12
        assert video.info["loop"] == 0
        total = 0
        for index in range(12):
            video.seek(index)
            video.load()
            total += video.info["duration"]
    assert total == pytest.approx(12 * 1000 / rate, abs=10)


def test_a_gif_keeps_still_things_still(tmp_path):
    write_video(tmp_path / "video.gif", _frames(), 20)
    read = iio.imread(tmp_path / "video.gif", index=None)
    assert (read[:6, :, 50:] == read[0, :, 50:]).all()


def test_wrong_frames_leave_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match=r"\.mp4, \.gif, \.webp, not \.avi"):
        write_video(tmp_path / "video.avi", _frames())
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "video.mp4", [])
    for suffix in ("mp4", "gif", "webp"):
        with pytest.raises(ValueError, match="frame 1 has shape"):
            write_video(tmp_path / f"video.{suffix}", [torch.zeros(8, 8, 3), torch.zeros(8, 10, 3)])
    assert list(tmp_path.iterdir()) == []


def _clear_frames(count=6):
    """A red disc with a soft edge wandering over nothing, where colours are white."""
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(56.0), indexing="ij")
    for index in range(count):
        share = (12.5 - torch.hypot(rows - 20, columns - 16 - 4 * index)).clamp(0, 1)
        colour = torch.where(share[..., None] > 0, torch.tensor([0.8, 0.2, 0.1]), torch.ones(3))
        yield torch.cat([colour, share[..., None]], dim=-1)


def _alpha(video, index):
    video.seek(index)
    return np.asarray(video.convert("RGBA")).astype(float) / 255


@pytest.mark.parametrize("suffix", ["webp", "gif"])
def test_transparent_films_read_back(tmp_path, suffix):
    path = tmp_path / f"video.{suffix}"
    write_video(path, _clear_frames(), 20)
    with Image.open(path) as video:
        assert video.n_frames == 6
        for index, frame in enumerate(_clear_frames()):
            read, expected = _alpha(video, index), frame.numpy()
            if suffix == "webp":
                np.testing.assert_allclose(read[..., 3], expected[..., 3], atol=1 / 255)
            else:
                np.testing.assert_array_equal(read[..., 3], expected[..., 3] * 255 >= 127.5)
            # To the very edge it is red: neither the white around it nor the black of a cleared frame shows.
            shown = read[read[..., 3] > 0.5]
            assert np.abs(shown[:, :3] - [0.8, 0.2, 0.1]).max() < (0.2 if suffix == "webp" else 0.05)
            assert np.abs(shown[:, :3] - [0.8, 0.2, 0.1]).mean() < 0.03


def test_mp4_refuses_transparency_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="mp4 knows no transparency; write webp, gif or png") as caught:
        write_video(tmp_path / "video.mp4", _clear_frames())
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_frames_are_pictures_in_a_folder(tmp_path):
    folder = tmp_path / "run" / "turntable"
    write_frames(folder, _frames(12))
    assert sorted(path.name for path in folder.iterdir()) == [f"{k:03d}.png" for k in range(12)]
    for index, frame in enumerate(_frames(12)):
        np.testing.assert_array_equal(iio.imread(folder / f"{index:03d}.png"), (frame * 255).round().numpy())
    write_frames(folder, _clear_frames(4))
    assert sorted(path.name for path in folder.iterdir()) == [f"{k:03d}.png" for k in range(4)]
    assert iio.imread(folder / "000.png").shape == (40, 56, 4)
    assert [path.name for path in folder.parent.iterdir()] == ["turntable"]


def test_a_folder_with_anything_else_is_left_alone(tmp_path):
    folder = tmp_path / "turntable"
    write_frames(folder, _frames(3))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds notes\.txt, which is no frame"):
        write_frames(folder, _frames(2))
    assert len(list(folder.iterdir())) == 4
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        check_frames_folder(tmp_path / "file")
    with pytest.raises(ValueError, match="frame 1 has shape"):
        write_frames(tmp_path / "other", [torch.zeros(8, 8, 3), torch.zeros(8, 8, 4)])
    assert not (tmp_path / "other").exists()
