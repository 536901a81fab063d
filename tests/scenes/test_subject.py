"""A finished subject on disk, exact, and what is made of it: exports and turntables."""

import json
from dataclasses import fields
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from zoetrope.representations.atlas import dilate, texel_positions, unwrap
from zoetrope.representations.body.skeleton import Skeleton
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.motion.clip import Clip
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.write_subject import export_subject, write_turntables
from zoetrope.scenes.preview.animation import AnimationConfig
from zoetrope.scenes.preview.studio import Studio
from zoetrope.scenes.subject import Subject, load_subject, save_subject

SMALL = AnimationConfig(size=32, seconds=0.5, frames_per_second=16, studio=Studio(supersampling=1))


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A ball on a quadruped's skeleton: red on its left, green on its right; its clip moves it."""
    skeleton = template("quadruped").skeleton
    vertices, faces = icosphere(2)
    atlas = unwrap(vertices, faces, resolution=64)
    count = len(vertices)
    weights = torch.rand(count, len(skeleton), generator=torch.Generator().manual_seed(0))
    weights = weights / weights.sum(1, keepdim=True)
    part = torch.arange(count) % 5
    mesh = SkinnedMesh(vertices * 0.4, faces, weights, part, vertices * 2, atlas.uv, atlas.uv_faces)
    rotations = torch.zeros(3, len(skeleton), 4)
    rotations[..., 0] = 1
    rotations[1, 5] = torch.tensor([0.8, 0.6, 0.0, 0.0])
    clip = Clip("nod", torch.tensor([0.0, 0.25, 0.5]), rotations)
    face, _ = texel_positions(atlas.uv, atlas.uv_faces, 64)
    across = torch.where(face >= 0, vertices[faces].mean(1)[face.clamp_min(0), 0], 0)
    left = dilate(across[..., None], face >= 0)[..., 0] > 0
    texture = torch.where(left[..., None], torch.tensor([220, 30, 30]), torch.tensor([30, 160, 30]))
    return Subject(mesh, skeleton, texture.to(torch.uint8), (clip,))


def _same(a: Skeleton | SkinnedMesh | Clip, b: Skeleton | SkinnedMesh | Clip) -> bool:
    for field in fields(a):
        ours, theirs = getattr(a, field.name), getattr(b, field.name)
        equal = torch.equal(ours, theirs) if isinstance(ours, torch.Tensor) else ours == theirs
        if not equal or type(ours) is not type(theirs):
            return False
    return True


def test_it_comes_back_exactly(subject: Subject, tmp_path: Path) -> None:
    save_subject(tmp_path / "subject.safetensors", subject)
    loaded = load_subject(tmp_path / "subject.safetensors")
    assert _same(loaded.mesh, subject.mesh)
    assert _same(loaded.skeleton, subject.skeleton)
    assert _same(loaded.clips[0], subject.clips[0])
    assert loaded.texture is not None
    assert subject.texture is not None
    assert torch.equal(loaded.texture, subject.texture)


def test_a_bare_subject_comes_back_bare(subject: Subject, tmp_path: Path) -> None:
    mesh = SkinnedMesh(**{f.name: getattr(subject.mesh, f.name) for f in fields(SkinnedMesh)[:5]})
    save_subject(tmp_path / "a.safetensors", Subject(mesh, subject.skeleton))
    loaded = load_subject(tmp_path / "a.safetensors")
    assert loaded.texture is None
    assert loaded.mesh.uv is None
    assert loaded.clips == ()


def test_what_is_wrong_with_a_file_is_said(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "subject.safetensors"
    with pytest.raises(InputError, match="is missing; finish the run"):
        load_subject(path)
    save_subject(path, subject)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(InputError, match="is damaged"):
        load_subject(path)
    version = json.dumps('"format_version": 1').strip('"').encode()
    path.write_bytes(whole.replace(version, version[:-1] + b"9"))
    with pytest.raises(InputError, match="format version 9"):
        load_subject(path)


@pytest.mark.parametrize("ending", ["glb", "obj", "ply"])
def test_exports_hold_the_mesh(subject: Subject, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"subject.{ending}"
    export_subject(subject, path)
    mesh = trimesh.load(path, force="mesh")
    assert len(mesh.faces) == len(subject.mesh.faces)
    assert np.allclose(mesh.bounds, [[-0.4] * 3, [0.4] * 3], atol=0.02)
    if ending != "ply":
        assert mesh.visual.uv is not None


def test_turntables_close_and_turn(subject: Subject, tmp_path: Path) -> None:
    paths = [tmp_path / f"turntable.{ending}" for ending in ("mp4", "gif", "webp", "png")]
    write_turntables(subject, paths, config=SMALL)
    assert len(imageio.imread(paths[0])) == 8
    for path in paths[1:3]:
        assert getattr(Image.open(path), "n_frames", 1) == 8
    strip = np.array(Image.open(paths[3]))
    assert strip.shape == (32, 8 * 32, 3)
    # First seen from 40 degrees to its left, half a turn later from its right.
    first, middle = strip[16, 16], strip[16, 4 * 32 + 16]
    assert first[0] > first[1]
    assert middle[1] > middle[0]


def test_a_motion_moves_it(subject: Subject, tmp_path: Path) -> None:
    still, moving = tmp_path / "still.png", tmp_path / "moving.png"
    write_turntables(subject, [still], config=SMALL)
    write_turntables(subject, [moving], "nod", config=SMALL)
    assert still.read_bytes() != moving.read_bytes()
    with pytest.raises(InputError, match=r"no motion 'waltz'; choose from walk, .*has of its own: nod"):
        write_turntables(subject, [still], "waltz", config=SMALL)


def test_other_endings_are_refused(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.stl: meshes are written as"):
        export_subject(subject, tmp_path / "a.stl")
    with pytest.raises(InputError, match=r"\.avi: turntables are written as"):
        write_turntables(subject, [tmp_path / "a.avi"])
