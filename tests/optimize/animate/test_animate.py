"""Animations of a run: a GLB that carries the motion, a video, and what a prior changes, kept where it is baked."""

import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

from zoetrope.cli import main
from zoetrope.optimize.animate.animate import animate
from zoetrope.optimize.animate.animate_config import AnimateConfig
from zoetrope.optimize.animate.refine_animation import RefineConfig, baked, refine_animation, ties
from zoetrope.optimize.config import FitConfig
from zoetrope.priors.diffusion.guidance import GuidanceConfig
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.priors.distillation.t_dass import TDassConfig
from zoetrope.priors.distillation.warp import Warp, warping_error
from zoetrope.representations.atlas import texel_positions, unwrap
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.motion.gait import walk
from zoetrope.representations.motion.standing import idle
from zoetrope.scenes.error import InputError
from zoetrope.scenes.gltf.animation import read_clips
from zoetrope.scenes.gltf.file import GltfFile
from zoetrope.scenes.gltf.material import read_materials
from zoetrope.scenes.gltf.node import read_nodes
from zoetrope.scenes.preview.animation import Animation, AnimationConfig
from zoetrope.scenes.subject import Subject, save_subject


@pytest.fixture(scope="module")
def striped() -> Subject:
    """A ball that hangs on a quadruped's neck, striped, with two clips."""
    directions, faces = icosphere(3)
    atlas = unwrap(directions, faces, resolution=48)
    skeleton = template("quadruped").skeleton
    weights = torch.zeros(len(directions), len(skeleton))
    weights[:, skeleton.index("neck")] = 1
    part = torch.zeros(len(directions), dtype=torch.int64)
    mesh = SkinnedMesh(0.4 * directions, faces, weights, part, directions, atlas.uv, atlas.uv_faces)
    texture = (60 + 120 * (torch.arange(48) // 8 % 2)).to(torch.uint8)[:, None, None].expand(48, 48, 3).contiguous()
    return Subject(mesh, skeleton, texture, (walk(skeleton), idle(skeleton)))


@pytest.fixture
def run(striped: Subject, tmp_path: Path) -> Path:
    """A finished run of it."""
    folder = tmp_path / "run"
    save_subject(folder / "checkpoints" / "subject.safetensors", striped)
    (folder / "config.json").write_text(json.dumps(FitConfig(photos=tmp_path, out=folder, category="cat").to_json()))
    return folder


def texture_of(path: Path) -> torch.Tensor:
    picture = read_materials(GltfFile(path))[0].picture
    assert picture is not None
    return picture.pixels[..., :3]


def test_a_motion_becomes_a_glb_and_a_video(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--size", "48", "--fps", "8", "--seconds", "1", "--skinning", "dual"]
    assert main(["animate", str(run), "--motion", "trot", *options]) == 0
    model, video = (run / "export" / f"trot.{ending}" for ending in ("glb", "mp4"))
    assert capsys.readouterr().out.split() == [str(model), str(video)]
    file = GltfFile(model)
    clips = read_clips(file, read_nodes(file))
    # The motion first: that is what a viewer plays.
    assert [clip.name for clip in clips] == ["trot", "walk", "idle"]
    frames = iio.imread(video)
    assert frames.shape[1:] == (48, 48, 3)
    # Whole periods of it, about a second long.
    assert abs(len(frames) / 8 - 1) <= clips[0].span[1] / 2 + 1 / 8


def test_what_a_motion_of_a_file_lacks_is_said(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model, _) = animate(AnimateConfig(run_folder=run, motion="walk", size=32, fps=4, seconds=1))
    # The muzzle and an ear of the file under names that nobody knows.
    odd = tmp_path / "odd.glb"
    content = model.read_bytes()
    assert b'"muzzle"' in content
    assert b'"left_ear"' in content
    odd.write_bytes(content.replace(b'"muzzle"', b'"qqqqqq"').replace(b'"left_ear"', b'"qqqqqqqq"'))
    capsys.readouterr()
    options = ["--size", "32", "--fps", "4", "--seconds", "1"]
    for command in (["animate", str(run), *options], ["turntable", str(run), "--frames", "1", "--size", "32"]):
        assert main([*command, "--motion", f"{odd}#walk"]) == 0
        said = capsys.readouterr().err
        assert f"note: {odd}#walk: joints that the file does not move" in said
        assert "muzzle, left_ear" in said


def test_a_motion_of_a_file_gets_a_plain_name(run: Path, tmp_path: Path) -> None:
    (model, _) = animate(AnimateConfig(run_folder=run, motion="walk", size=32, fps=4, seconds=1))
    taken = tmp_path / "wild walk.glb"
    taken.write_bytes(model.read_bytes())
    (again, video) = animate(AnimateConfig(run_folder=run, motion=f"{taken}#idle", size=32, fps=4, seconds=1))
    assert again.parent == run / "export"
    assert video.name == again.with_suffix(".mp4").name
    file = GltfFile(again)
    assert len(read_clips(file, read_nodes(file))) >= 2


def test_what_a_prior_changes_is_baked_where_asked(
    run: Path, small_diffusion: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = str(small_diffusion("sd_v"))
    settings = {"run_folder": run, "size": 48, "fps": 6, "seconds": 1}
    plain, _ = animate(AnimateConfig(motion="walk", **settings))
    settings["device"] = "cpu"
    before = texture_of(plain)
    refined, video = animate(AnimateConfig(motion="walk", refine="tdass", diffusion=model, **settings))
    assert torch.equal(texture_of(refined), before)
    kept = video.read_bytes()
    both, _ = animate(AnimateConfig(motion="walk", refine="tdass", bake=True, diffusion=model, **settings))
    assert float((texture_of(both) - before).abs().mean()) > 0.005
    assert (run / "export" / "walk.mp4").read_bytes() != kept


def test_ties_follow_the_surface_and_the_ground(striped: Subject, small_prior: DiffusionPrior) -> None:
    config = AnimationConfig(size=64, seconds=1.0, frames_per_second=12, turns=0)
    animation = Animation.of(striped.mesh, striped.skeleton, striped.clip("walk"), config)
    texture = striped.texture.float() / 255 if striped.texture is not None else None
    prints = [animation.draw(part, texture) for part in animation.parts()]
    frames = torch.cat([one.color for one in prints]).permute(0, 3, 1, 2)
    warps = ties(animation, 64, torch.cat([one.coverage for one in prints]))
    assert len(warps) == 6
    still = [Warp.of(warp.frame, torch.zeros_like(warp.place), warp.seen) for warp in warps]
    assert warping_error(frames, warps) < 0.01
    assert warping_error(frames, warps) < 0.5 * warping_error(frames, still)
    how = {"steps": 3, "guidance": GuidanceConfig(scale=1.0), "tie": TDassConfig(batch=5)}
    alone, tied = (
        refine_animation(
            animation, texture, small_prior, "cat", RefineConfig(kind=kind, **how), torch.Generator().manual_seed(0)
        )
        for kind in ("dass", "tdass")
    )
    flicker = [warping_error(one.rendered + one.change, one.warps[:2]) for one in (alone, tied)]
    assert flicker[1] < 0.5 * flicker[0]
    # Nothing changes where the subject is not.
    assert float((tied.change * (tied.covered == 0)[:, None]).abs().max()) == 0
    large = tied.over(torch.zeros(2, 128, 128, 3), 3)
    assert large.shape == (2, 128, 128, 3)


def test_baking_paints_what_all_frames_say(striped: Subject, small_prior: DiffusionPrior) -> None:
    config = AnimationConfig(size=64, seconds=1.0, frames_per_second=16, turns=1)
    animation = Animation.of(striped.mesh, striped.skeleton, None, config)
    assert striped.texture is not None
    texture = striped.texture.float() / 255
    found = refine_animation(
        animation, texture, small_prior, "cat", RefineConfig(kind="dass", steps=1), torch.Generator().manual_seed(0)
    )
    brighter = type(found)(found.rendered, found.rendered + 0.1, found.covered, found.warps)
    painted = baked(animation, texture, brighter)
    # Seen squarely from somewhere: nearly all of it; at the poles, which the camera sees aslant, some of it.
    assert striped.mesh.uv is not None
    assert striped.mesh.uv_faces is not None
    inside = texel_positions(striped.mesh.uv, striped.mesh.uv_faces, 48)[0] >= 0
    change = (painted - texture).mean(-1)[inside]
    assert float(change.median()) > 0.07
    assert float(change.max()) < 0.101
    assert float(change.min()) > -1e-6


def test_what_cannot_be_animated_is_refused(run: Path) -> None:
    with pytest.raises(InputError, match="no motion 'dance'"):
        animate(AnimateConfig(run_folder=run, motion="dance"))
    with pytest.raises(InputError, match=r"nowhere\.bvh"):
        animate(AnimateConfig(run_folder=run, motion="nowhere.bvh"))
    with pytest.raises(InputError, match="--refine tdass needs a prior"):
        AnimateConfig(run_folder=run, refine="tdass", diffusion="none")
    with pytest.raises(InputError, match="--seed is -1"):
        AnimateConfig(run_folder=run, seed=-1)
