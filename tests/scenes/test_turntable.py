from dataclasses import replace

import pytest
import torch

from zoetrope.representations.camera import Intrinsics, project, to_pixels
from zoetrope.representations.motion.gait import walk
from zoetrope.scenes.film import write_film
from zoetrope.scenes.footage import FootageConfig
from zoetrope.scenes.studio import Studio
from zoetrope.scenes.turntable import render_turntable
from zoetrope.scenes.turntable_camera import fitting_distance, orbit_cameras

QUICK = FootageConfig(size=64, seconds=1.0, frames_per_second=8.0, studio=Studio(supersampling=1))


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
    uneven = FootageConfig(size=16, seconds=2.3, frames_per_second=8.0)
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
        write_film(tmp_path / name, render_turntable(mesh, skeleton, config=QUICK), QUICK.frames_per_second)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
