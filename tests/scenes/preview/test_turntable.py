from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.representations.camera import Intrinsics, project, to_pixels
from zoetrope.representations.motion.gait import walk
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.write_subject import write_turntables
from zoetrope.scenes.preview.animation import Animation, AnimationConfig, video_times
from zoetrope.scenes.preview.studio import Studio
from zoetrope.scenes.preview.turntable import render_turntable
from zoetrope.scenes.preview.turntable_camera import fitting_distance, orbit_cameras
from zoetrope.scenes.preview.video import write_video
from zoetrope.scenes.subject import Subject

QUICK = AnimationConfig(size=64, seconds=1.0, frames_per_second=8.0, studio=Studio(supersampling=1))


def _covered(frame, config):
    """Pixels that are not the background."""
    return ((frame - torch.tensor(config.studio.background)).abs() > 0.02).any(-1)


def test_cameras_go_once_round():
    cameras = orbit_cameras(8, distance=2.5, elevation_deg=10.0, start_deg=30.0)
    centre = cameras.world_from_camera()[:, :3, 3]
    torch.testing.assert_close(centre.norm(dim=1), torch.full((8,), 2.5))
    torch.testing.assert_close(centre.mean(0)[[0, 2]], torch.zeros(2), atol=1e-6, rtol=0)
    left = orbit_cameras(4, distance=1.0, elevation_deg=0.0).world_from_camera()[1, :3, 3]
    torch.testing.assert_close(left, torch.tensor([1.0, 0.0, 0.0]), atol=1e-6, rtol=0)


def test_the_distance_just_holds_the_subject():
    generator = torch.Generator().manual_seed(0)
    vertices = torch.randn(6, 50, 3, generator=generator) * torch.tensor([0.2, 0.3, 0.6])
    cameras = orbit_cameras(6, distance=1.0, elevation_deg=20.0)
    cameras = replace(cameras, distance=fitting_distance(vertices, cameras, 30.0, margin=0.1))
    clip = project(vertices, cameras, Intrinsics.from_field_of_view(30.0, 100, 100, 6))
    pixels = to_pixels(clip, 100, 100)
    assert (pixels - 50).abs().amax((1, 2)).tolist() == pytest.approx([40] * 6, abs=1e-3)


def test_the_subject_turns_in_full_view(subject):
    mesh, skeleton = subject
    texture = torch.rand(32, 32, 3, generator=torch.Generator().manual_seed(0))
    frames = list(render_turntable(mesh, skeleton, texture, config=QUICK))
    assert len(frames) == 8
    assert all(frame.shape == (64, 64, 3) and float(frame.min()) >= 0 and float(frame.max()) <= 1 for frame in frames)
    covered = torch.stack([_covered(frame, QUICK) for frame in frames])
    assert not bool(covered[:, [0, 1, -2, -1]].any())
    assert not bool(covered[:, :, [0, 1, -2, -1]].any())
    columns = covered.any(1).sum(1)
    assert int(columns.max()) > 45
    # A quadruped is longer than wide: seen from the front it takes less of the picture's width than from the side.
    assert int(columns.min()) < 0.7 * int(columns.max())
    assert bool((frames[0] != frames[4]).any())


def test_a_clip_moves_it_and_closes(subject):
    mesh, skeleton = subject
    clip = walk(skeleton)
    still = list(render_turntable(mesh, skeleton, config=QUICK))
    moving = list(render_turntable(mesh, skeleton, clip=clip, config=QUICK))
    assert len(moving) == 8
    differing = [int((_covered(a, QUICK) ^ _covered(b, QUICK)).sum()) for a, b in zip(still, moving, strict=True)]
    assert min(differing) > 20
    # A turn lasts a whole number of repeats, however long it was meant to be.
    uneven = AnimationConfig(size=16, seconds=2.3, frames_per_second=8.0)
    assert len(list(render_turntable(mesh, skeleton, clip=clip, config=uneven))) == 16


def test_a_texture_shows_and_needs_coordinates(subject):
    mesh, skeleton = subject
    red = torch.tensor([0.8, 0.1, 0.1]).expand(8, 8, 3)
    frame = next(iter(render_turntable(mesh, skeleton, red, config=QUICK)))
    seen = frame[_covered(frame, QUICK)].median(0).values
    assert float(seen[0]) > 0.7
    assert float(seen[1:].max()) < 0.2
    bare = type(mesh)(mesh.vertices, mesh.faces, mesh.weights, mesh.part, mesh.reference)
    with pytest.raises(ValueError, match="unwrap the mesh first"):
        render_turntable(bare, skeleton, red, config=QUICK)


def test_the_same_turntable_gives_the_same_bytes(subject, tmp_path):
    mesh, skeleton = subject
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, render_turntable(mesh, skeleton, config=QUICK), QUICK.frames_per_second)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_film_of_360_frames_has_no_seam(subject):
    """From the last frame to the first it is as far as from any frame to the next."""
    mesh, skeleton = subject
    config = replace(QUICK, size=24, frames=360, frames_per_second=24.0)
    clip = walk(skeleton)
    animation = Animation.of(mesh, skeleton, clip, config)
    assert len(animation) == 360
    azimuth = animation.camera.azimuth_deg.double()
    steps = torch.remainder(azimuth.roll(-1) - azimuth, 360)
    torch.testing.assert_close(steps, torch.ones_like(steps), atol=1e-4, rtol=0)
    times = video_times(clip, config).double()
    step = float(times[1])
    torch.testing.assert_close(times.diff(), torch.full((359,), step, dtype=torch.float64), atol=1e-5, rtol=0)
    repeats = (float(times[-1]) + step) / clip.duration
    assert repeats == pytest.approx(round(360 / 24 / clip.duration), abs=1e-5)
    frames = torch.stack(list(render_turntable(mesh, skeleton, clip=clip, config=config)))
    apart = (frames.roll(-1, 0) - frames).abs().mean((1, 2, 3))
    assert float(apart.min()) > 0
    assert float(apart[-1]) == pytest.approx(float(torch.stack([apart[-2], apart[0]]).mean()), rel=0.3)


def test_an_exact_number_of_frames_is_kept(subject):
    mesh, skeleton = subject
    clip = walk(skeleton)
    for frames in (1, 7, 30):
        config = replace(QUICK, size=16, frames=frames)
        assert len(list(render_turntable(mesh, skeleton, clip=clip, config=config))) == frames
        assert len(list(render_turntable(mesh, skeleton, config=config))) == frames
    once = replace(clip, loop=False)
    assert video_times(once, replace(QUICK, frames=5))[[0, -1]].tolist() == pytest.approx([0, clip.duration])


def test_bones_move_with_the_skin(subject):
    """A blob's own vertices and its bone's ends turn together."""
    mesh, skeleton = subject
    animation = Animation.of(mesh, skeleton, walk(skeleton), replace(QUICK, frames=6))
    count = len(mesh.vertices) // len(skeleton)
    paw = skeleton.index("left_front_paw")
    rigid = mesh.weights[paw * count : (paw + 1) * count, paw] > 0.999
    assert int(rigid.sum()) > 50
    own = animation.vertices[:, paw * count : (paw + 1) * count][:, rigid]
    apart = torch.cdist(animation.bones[:, paw], own)
    torch.testing.assert_close(apart, apart[:1].expand_as(apart), atol=1e-5, rtol=0)
    assert float((animation.bones[3, paw] - animation.bones[0, paw]).norm(dim=-1).min()) > 0.01


def test_turntables_come_in_every_format_with_passes_side_by_side(subject, tmp_path):
    moving = Subject(*subject)
    config = replace(QUICK, size=32, frames=5, studio=Studio(background=None, supersampling=1))
    paths = [tmp_path / name for name in ("turntable.webp", "turntable.gif", "turntable.png", "turntable")]
    write_turntables(moving, paths, "trot", config, ("normals", "parts", "skeleton"))
    for path in paths[:2]:
        with Image.open(path) as video:
            assert video.size == (96, 32)
            assert video.n_frames == 5
            assert np.asarray(video.convert("RGBA"))[0, 0, 3] == 0
    assert iio.imread(paths[2]).shape == (32, 8 * 96, 4)
    assert sorted(path.name for path in paths[3].iterdir()) == [f"{k:03d}.png" for k in range(5)]
    np.testing.assert_array_equal(iio.imread(paths[3] / "000.png"), iio.imread(paths[2])[:, :96])
    write_turntables(moving, [tmp_path / "one.mp4"], config=replace(config, studio=QUICK.studio))
    assert len(iio.imread(tmp_path / "one.mp4")) == 5


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("turntable.mp4", {"studio": Studio(background=None)}, r"turntable\.mp4: mp4 knows no transparency"),
        ("turntable.webp", {"size": 8192}, "2 passes of 8192 pixels are 16384 wide; videos can have 16383"),
        ("turntable.avi", {}, "turntables are written as .mp4, .gif, .webp, .png, or without ending as a folder"),
        ("taken", {}, "holds notes, which is no frame"),
    ],
)
def test_refusals_come_in_one_line_before_any_work(subject, tmp_path, monkeypatch, name, changes, message):
    def drawn(*_arguments, **_options):
        raise AssertionError("drawn before it was refused")

    monkeypatch.setattr("zoetrope.scenes.export.write_subject.render_turntable", drawn)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes").write_text("mine")
    with pytest.raises(InputError, match=message) as caught:
        write_turntables(Subject(*subject), [tmp_path / name], "none", replace(QUICK, **changes), ("color", "clay"))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_limbs_are_skinned_as_asked(subject):
    mesh, skeleton = subject
    linear, dual = (
        Animation.of(mesh, skeleton, walk(skeleton), replace(QUICK, skinning=one)).vertices
        for one in ("linear", "dual")
    )
    single = mesh.weights.amax(1) > 1 - 1e-6
    # The video is centred by its own box, which is a little different.
    apart = linear - dual - (linear - dual)[:1, single][:, :1]
    # What hangs on one joint moves as it does either way; where limbs bend there is a difference.
    assert float(apart[:, single].abs().max()) < 1e-5
    assert float(apart[:, ~single].abs().max()) > 1e-3
