"""The written file is judged by OpenUSD itself: its skinning, its validators, its package reader."""

import shutil
import sys
import zipfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.representations.body.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.motion.clip import Clip
from zoetrope.representations.motion.gait import walk
from zoetrope.representations.motion.sway import sway
from zoetrope.representations.rotation import multiply
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.usd_export import write_usd
from zoetrope.scenes.export.write_subject import export_subject
from zoetrope.scenes.preview.animation import posed_vertices
from zoetrope.scenes.subject import Subject

pytest.importorskip("pxr", reason="usd-core is not installed; it comes with zoetrope3d[usd]")
from pxr import Ar, Sdf, Usd, UsdGeom, UsdShade, UsdSkel, UsdValidation


@pytest.fixture(scope="module")
def whole(subject):
    """The quadruped, all joints moving all of it a little, with two clips and a texture of u in red and v in green."""
    mesh, skeleton = subject
    spread = mesh.weights + 0.02 * torch.rand(mesh.weights.shape, generator=torch.Generator().manual_seed(3))
    ramp = ((torch.arange(64) + 0.5) * 4).to(torch.uint8)
    texture = torch.stack([ramp.expand(64, 64), ramp[:, None].expand(64, 64), torch.full((64, 64), 9)], dim=-1)
    gait = walk(skeleton)
    sideways = replace(sway(gait.rotations[[3, 13, 20]]), name="to and fro")
    mesh = replace(mesh, weights=spread / spread.sum(1, keepdim=True))
    return Subject(mesh, skeleton, texture.to(torch.uint8), (gait, sideways))


@pytest.fixture(scope="module")
def package(whole, tmp_path_factory):
    path = tmp_path_factory.mktemp("usd") / "fox.usdz"
    write_usd(path, whole)
    # Elsewhere, alone: what it needs, it has.
    return shutil.copy(path, tmp_path_factory.mktemp("elsewhere") / "fox.usdz")


def _queries(stage):
    """USD's own view of the skeleton, the mesh and how one moves the other."""
    root = UsdSkel.Root(stage.GetDefaultPrim())
    cache = UsdSkel.Cache()
    assert cache.Populate(root, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    (target,) = binding.GetSkinningTargets()
    return cache.GetSkelQuery(binding.GetSkeleton()), target, UsdGeom.Mesh(target.GetPrim())


def _skinned(stage, time_code):
    query, target, mesh = _queries(stage)
    points = mesh.GetPointsAttr().Get()
    assert target.ComputeSkinnedPoints(query.ComputeSkinningTransforms(time_code), points, time_code)
    return np.array(points)


@pytest.mark.parametrize("name", ["walk", "to and fro"])
def test_clips_move_the_mesh_as_ours_do_also_between_keys(whole, tmp_path, name):
    write_usd(tmp_path / "a.usdc", whole, clip=name)
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    clip = whole.clip(name)
    assert stage.GetStartTimeCode() == 0
    assert stage.GetEndTimeCode() / stage.GetTimeCodesPerSecond() == pytest.approx(clip.duration)
    times = torch.tensor([0.0, 0.21, 0.5, 0.83]) * clip.duration
    ours = posed_vertices(whole.mesh, whole.skeleton, clip, times).numpy()
    root, rotations = clip.sample_root(times), clip.sample(times)
    rotations[:, 0] = multiply(root.turns, rotations[:, 0])
    maps = forward_kinematics(whole.skeleton, rotations)
    places = (posed_joints(maps, whole.skeleton.joints) + root.shifts[:, None]).numpy()
    for time, vertices, joints in zip(times.tolist(), ours, places, strict=True):
        code = time * stage.GetTimeCodesPerSecond()
        np.testing.assert_allclose(_skinned(stage, code), vertices, atol=2e-5)
        transforms = _queries(stage)[0].ComputeJointSkelTransforms(code)
        np.testing.assert_allclose([m.ExtractTranslation() for m in transforms], joints, atol=1e-5)
    assert np.abs(ours[1] - whole.mesh.vertices.numpy()).max() > 0.02


def test_the_skeleton_rests_where_ours_does(whole, package):
    stage = Usd.Stage.Open(str(package))
    query, target, mesh = _queries(stage)
    skeleton = whole.skeleton
    assert [path.rsplit("/", 1)[-1] for path in query.GetJointOrder()] == list(skeleton.names)
    assert list(query.GetTopology().GetParentIndices()) == list(skeleton.parents)
    for atrest in (True, False):
        places = query.ComputeJointSkelTransforms(0, atRest=True) if atrest else query.GetJointWorldBindTransforms()
        np.testing.assert_allclose([m.ExtractTranslation() for m in places], skeleton.joints.numpy(), atol=1e-6)
    np.testing.assert_array_equal(np.array(mesh.GetPointsAttr().Get()), whole.mesh.vertices.numpy())
    weights = np.array(target.GetJointWeightsPrimvar().Get()).reshape(len(whole.mesh.vertices), -1)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    assert weights.shape[1] == len(skeleton), "no influence that counts is dropped"


def test_few_joints_are_stored_where_few_matter(subject, tmp_path):
    mesh, skeleton = subject
    faint = torch.where(mesh.weights > 0, mesh.weights, torch.full_like(mesh.weights, 1e-7))
    write_usd(tmp_path / "a.usda", Subject(replace(mesh, weights=faint), skeleton))
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    assert _queries(stage)[1].GetNumInfluencesPerComponent() == int((mesh.weights > 0).sum(1).max())


def test_the_texture_lands_where_uv_says(whole, package):
    stage = Usd.Stage.Open(str(package))
    mesh = _queries(stage)[2]
    material, _ = UsdShade.MaterialBindingAPI(mesh).ComputeBoundMaterial()
    surface, _, _ = material.ComputeSurfaceSource()
    assert surface.GetShaderId() == "UsdPreviewSurface"
    texture = UsdShade.Shader(surface.GetInput("diffuseColor").GetConnectedSources()[0][0].source.GetPrim())
    asset = texture.GetInput("file").Get()
    # The picture lies in the package, not where the package was made.
    assert asset.resolvedPath == f"{package}[fox.png]"
    content = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(asset.resolvedPath)).GetBuffer()
    picture = np.asarray(Image.open(BytesIO(bytes(content))))
    np.testing.assert_array_equal(picture, whole.texture.numpy())
    assert texture.GetInput("sourceColorSpace").Get() == "sRGB"

    st = UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st")
    assert st.GetInterpolation() == "faceVarying"
    corners = np.array(st.ComputeFlattened())
    # By the letter: s counts from the left, t from the bottom.
    column, row = corners[:, 0] * 64, (1 - corners[:, 1]) * 64
    colours = picture[row.astype(int).clip(0, 63), column.astype(int).clip(0, 63), :2] / 256
    np.testing.assert_allclose(colours, whole.mesh.uv[whole.mesh.uv_faces].reshape(-1, 2).numpy(), atol=1.5 / 64)
    np.testing.assert_array_equal(
        np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3), whole.mesh.faces.numpy()
    )


def test_usds_validators_find_nothing(whole, package, tmp_path):
    names = [entry.name for entry in UsdValidation.ValidationRegistry().GetAllValidatorMetadata()]
    validators = [UsdValidation.ValidationRegistry().GetOrLoadValidatorByName(name) for name in names]
    assert len(validators) > 20
    stage = Usd.Stage.Open(str(package))
    found = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [error.GetErrorAsString() for error in found] == []
    # They would find something.
    stage.GetRootLayer().pseudoRoot.ClearInfo("upAxis")
    assert len(UsdValidation.ValidationContext(validators).Validate(stage)) > 0


def test_a_package_is_self_contained_and_says_how_to_show_it(package):
    with zipfile.ZipFile(package) as archive:
        assert archive.namelist() == ["fox.usdc", "fox.png"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    stage = Usd.Stage.Open(str(package))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert stage.GetDefaultPrim().GetPath() == "/subject"
    assert stage.GetEndTimeCode() > 0
    animations = [prim for prim in stage.Traverse() if prim.IsA(UsdSkel.Animation)]
    assert [prim.GetName() for prim in animations] == ["walk", "to_and_fro"]
    (playing,) = UsdSkel.BindingAPI(_queries(stage)[0].GetPrim()).GetAnimationSourceRel().GetTargets()
    assert playing == animations[0].GetPath()


def test_an_open_file_keeps_its_texture_beside_it(whole, tmp_path):
    export_subject(whole, tmp_path / "a" / "fox.usda")
    (tmp_path / "a").rename(tmp_path / "b")
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["fox.png", "fox.usda"]
    stage = Usd.Stage.Open(str(tmp_path / "b" / "fox.usda"))
    shader = UsdShade.Shader(stage.GetPrimAtPath("/subject/material/texture"))
    assert shader.GetInput("file").Get().resolvedPath == str(tmp_path / "b" / "fox.png")


def test_a_bare_subject_is_written_bare(subject, tmp_path):
    mesh, skeleton = subject
    write_usd(tmp_path / "a.usdz", Subject(replace(mesh, uv=None, uv_faces=None), skeleton), name="3 foxes")
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    assert Sdf.Path.IsValidPathString(str(stage.GetDefaultPrim().GetPath()))
    np.testing.assert_allclose(_skinned(stage, 0), mesh.vertices.numpy(), atol=1e-6)


def test_what_cannot_be_written_is_said_in_one_line(whole, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"a\.usd: USD is written as \.usdz, \.usdc, \.usda"):
        write_usd(tmp_path / "a.usd", whole)
    with pytest.raises(InputError, match="no motion 'gallop'; it has: walk, to and fro"):
        write_usd(tmp_path / "a.usdz", whole, clip="gallop")
    short = Clip("short", whole.clips[0].times, whole.clips[0].rotations[:, 1:])
    with pytest.raises(ValueError, match=r"clip 'short' has 26 joints but the skeleton 27"):
        write_usd(tmp_path / "a.usdz", replace(whole, clips=(short,)))
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(InputError, match=r"pip install 'zoetrope3d\[usd\]'"):
        export_subject(whole, tmp_path / "a.usdz")
    assert not list(tmp_path.iterdir())
