"""A rigged subject as USD: UsdSkel skin and clips, and a preview material, in OpenUSD's own terms.

USD is asked for this package's axes (+Y up, right-handed), so positions and normals go out unchanged; v counts from the
picture's bottom there. Joints rest unrotated: a rest transform is the offset from the parent, a bind transform the
place, and the rotations of an animation are the pose as it stands (OpenUSD, "UsdSkel schemas", "UsdPreviewSurface").
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...representations.motion.clip import Clip
from ..atomic import atomic_write
from ..error import InputError
from ..photos.resample import to_bytes
from ..subject import Subject
from .gltf_export import check_subject, limit_influences, unit_normals

USD_ENDINGS = (".usdz", ".usdc", ".usda")
TIME_CODES_PER_SECOND = 30.0

_MODULES = ("Gf", "Kind", "Sdf", "Tf", "Usd", "UsdGeom", "UsdShade", "UsdSkel", "UsdUtils", "Vt")

_FAINT = 1e-5
"""Skin weights below this are left out."""


def write_usd(
    path: str | Path, subject: Subject, *, name: str = "subject", clip: str | None = None, roughness: float = 0.9
) -> None:
    """Write a subject as .usdz, one package with all it needs, or as .usdc or .usda with its texture beside it.

    Each clip becomes an animation under the skeleton; the one called `clip`, or else the first, plays. As in our GLB
    joints turn, and the root is shifted besides. A vertex keeps all joints that move it. One unit is called a metre.
    The file is whole or not there at all, and a texture is written before what names it.
    Raises InputError for another ending, a clip that is not there, or where usd-core is not installed, ValueError
    where parts of the subject do not belong together.
    """
    path = Path(path)
    if path.suffix not in USD_ENDINGS:
        raise InputError(f"{path.name}: USD is written as {', '.join(USD_ENDINGS)}")
    _open_usd()
    check_subject(subject.mesh, subject.skeleton, subject.texture, subject.clips)
    playing = 0 if clip is None else [one.name for one in subject.clips].index(subject.clip(clip).name)
    picture = None if subject.texture is None else Image.fromarray(to_bytes(subject.texture))

    def write_layer(layer: Path) -> None:
        stage = _stage(subject, name, None if picture is None else f"./{path.stem}.png", playing, roughness)
        if not stage.GetRootLayer().Export(str(layer)):
            raise OSError(f"{path} could not be written as USD")

    if path.suffix == ".usdz":
        with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
            layer = Path(folder) / f"{path.stem}.usdc"
            if picture is not None:
                picture.save(layer.with_suffix(".png"))
            write_layer(layer)
            _package(layer, temporary)
    else:
        if picture is not None:
            with atomic_write(path.with_suffix(".png")) as temporary:
                picture.save(temporary)
        with atomic_write(path) as temporary:
            write_layer(temporary)


def _open_usd() -> Any:
    """OpenUSD's modules; they fill themselves as they load, so no type of theirs is known before."""
    try:
        for module in _MODULES:
            importlib.import_module(f"pxr.{module}")
        return importlib.import_module("pxr")
    except ImportError as error:
        raise InputError("writing USD needs usd-core; pip install 'zoetrope3d[usd]'") from error


def _package(layer: Path, target: Path) -> None:
    pxr = _open_usd()

    if not pxr.UsdUtils.CreateNewUsdzPackage(pxr.Sdf.AssetPath(str(layer)), str(target)):
        raise OSError(f"{target.name} could not be packed from {layer}")


def _stage(subject: Subject, name: str, texture_path: str | None, playing: int, roughness: float) -> Any:
    """The whole scene: a SkelRoot that holds skeleton, mesh and material."""
    pxr = _open_usd()

    stage = pxr.Usd.Stage.CreateInMemory()
    pxr.UsdGeom.SetStageUpAxis(stage, pxr.UsdGeom.Tokens.y)
    pxr.UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(TIME_CODES_PER_SECOND)
    stage.SetFramesPerSecond(TIME_CODES_PER_SECOND)
    (root_name,) = _identifiers([name])
    root = pxr.UsdSkel.Root.Define(stage, f"/{root_name}")
    stage.SetDefaultPrim(root.GetPrim())
    pxr.Usd.ModelAPI(root.GetPrim()).SetKind(pxr.Kind.Tokens.component)

    skeleton = _add_skeleton(stage, root.GetPath(), subject.skeleton)
    animations = _add_animations(stage, skeleton, subject.skeleton, subject.clips)
    if animations:
        binding = pxr.UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
        binding.CreateAnimationSourceRel().SetTargets([animations[playing].GetPath()])
        stage.SetStartTimeCode(0.0)
        stage.SetEndTimeCode(subject.clips[playing].duration * TIME_CODES_PER_SECOND)
    mesh = _add_mesh(stage, root.GetPath(), subject)
    _bind(mesh, skeleton, subject.mesh.weights)
    _add_material(stage, root.GetPath(), mesh, texture_path, roughness)
    return stage


def _add_skeleton(stage: Any, root: Any, skeleton: Skeleton) -> Any:
    pxr = _open_usd()

    joints = skeleton.joints.detach().cpu().double()
    parents = torch.tensor(skeleton.parents)
    offsets = torch.where(parents[:, None] < 0, joints, joints - joints[parents.clamp_min(0)])

    def moves(places: Tensor) -> Any:
        # Row vectors: the translation is the last row.
        matrices = np.tile(np.eye(4), (len(places), 1, 1))
        matrices[:, 3, :3] = places.numpy()
        return pxr.Vt.Matrix4dArray.FromNumpy(matrices)

    made = pxr.UsdSkel.Skeleton.Define(stage, root.AppendChild("skeleton"))
    made.CreateJointsAttr(_joint_paths(skeleton))
    made.CreateBindTransformsAttr(moves(joints))
    made.CreateRestTransformsAttr(moves(offsets))
    return made


def _joint_paths(skeleton: Skeleton) -> list[str]:
    """What USD calls a joint: the names from the root down to it."""
    paths: list[str] = []
    for name, parent in zip(_identifiers(skeleton.names), skeleton.parents, strict=True):
        paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
    return paths


def _add_animations(stage: Any, made: Any, skeleton: Skeleton, clips: Sequence[Clip]) -> list[Any]:
    pxr = _open_usd()

    offsets = made.GetRestTransformsAttr().Get()
    still = np.array([matrix.ExtractTranslation() for matrix in offsets], dtype=np.float32)
    animations = []
    for name, clip in zip(_identifiers([clip.name for clip in clips]), clips, strict=True):
        animation = pxr.UsdSkel.Animation.Define(stage, made.GetPath().AppendChild(name))
        animation.CreateJointsAttr(_joint_paths(skeleton))
        translations = animation.CreateTranslationsAttr(pxr.Vt.Vec3fArray.FromNumpy(still))
        animation.CreateScalesAttr(pxr.Vt.Vec3hArray.FromNumpy(np.ones_like(still, dtype=np.float16)))
        rotations = animation.CreateRotationsAttr()
        turns, shifts = clip.rooted()
        unit = torch.nn.functional.normalize(turns.detach().cpu().double(), dim=-1)
        # USD keeps the imaginary part first in memory.
        stored = unit.roll(-1, dims=-1).float().numpy()
        for time, keys, shift in zip(clip.times.double().tolist(), stored, shifts.cpu().numpy(), strict=True):
            rotations.Set(pxr.Vt.QuatfArray.FromNumpy(np.ascontiguousarray(keys)), time * TIME_CODES_PER_SECOND)
            if clip.root is not None:
                places = np.concatenate([still[:1] + shift, still[1:]]).astype(np.float32)
                translations.Set(pxr.Vt.Vec3fArray.FromNumpy(places), time * TIME_CODES_PER_SECOND)
        animations.append(animation)
    return animations


def _add_mesh(stage: Any, root: Any, subject: Subject) -> Any:
    pxr = _open_usd()

    mesh = subject.mesh
    faces = mesh.faces.cpu().int()
    points = pxr.Vt.Vec3fArray.FromNumpy(mesh.vertices.detach().cpu().float().contiguous().numpy())
    made = pxr.UsdGeom.Mesh.Define(stage, root.AppendChild("mesh"))
    made.CreateSubdivisionSchemeAttr(pxr.UsdGeom.Tokens.none)
    made.CreatePointsAttr(points)
    made.CreateExtentAttr(pxr.UsdGeom.PointBased.ComputeExtent(points))
    made.CreateFaceVertexCountsAttr(pxr.Vt.IntArray(len(faces), 3))
    made.CreateFaceVertexIndicesAttr(pxr.Vt.IntArray.FromNumpy(faces.reshape(-1).contiguous().numpy()))
    made.CreateNormalsAttr(pxr.Vt.Vec3fArray.FromNumpy(unit_normals(mesh).float().contiguous().numpy()))
    made.SetNormalsInterpolation(pxr.UsdGeom.Tokens.vertex)
    if mesh.uv is not None and mesh.uv_faces is not None:
        uv = mesh.uv.detach().cpu().float()
        flipped = torch.stack([uv[:, 0], 1 - uv[:, 1]], dim=1)
        st = pxr.UsdGeom.PrimvarsAPI(made).CreatePrimvar(
            "st", pxr.Sdf.ValueTypeNames.TexCoord2fArray, pxr.UsdGeom.Tokens.faceVarying
        )
        st.Set(pxr.Vt.Vec2fArray.FromNumpy(flipped.numpy()))
        st.SetIndices(pxr.Vt.IntArray.FromNumpy(mesh.uv_faces.cpu().int().reshape(-1).contiguous().numpy()))
    return made


def _bind(mesh: Any, skeleton: Any, weights: Float[Tensor, "V J"]) -> None:
    pxr = _open_usd()

    joints, shares = _influences(weights)
    binding = pxr.UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateGeomBindTransformAttr(pxr.Gf.Matrix4d(1.0))
    count = joints.shape[1]
    binding.CreateJointIndicesPrimvar(constant=False, elementSize=count).Set(
        pxr.Vt.IntArray.FromNumpy(joints.int().reshape(-1).contiguous().numpy())
    )
    binding.CreateJointWeightsPrimvar(constant=False, elementSize=count).Set(
        pxr.Vt.FloatArray.FromNumpy(shares.reshape(-1).contiguous().numpy())
    )


def _influences(weights: Float[Tensor, "V J"]) -> tuple[Int[Tensor, "V K"], Float[Tensor, "V K"]]:
    """Joints and weights of each vertex, strongest first, for the K that leave out none which counts; they sum to 1."""
    weights = weights.detach().cpu()
    count = max(int((weights > _FAINT * weights.sum(1, keepdim=True)).sum(1).max()), 1)
    shares, joints = limit_influences(weights, count).float().topk(count, dim=1)
    return torch.where(shares > 0, joints, torch.zeros_like(joints)), shares


def _add_material(stage: Any, root: Any, mesh: Any, texture_path: str | None, roughness: float) -> None:
    pxr = _open_usd()

    kinds = pxr.Sdf.ValueTypeNames
    material = pxr.UsdShade.Material.Define(stage, root.AppendChild("material"))

    def shader(name: str, kind: str) -> Any:
        made = pxr.UsdShade.Shader.Define(stage, material.GetPath().AppendChild(name))
        made.CreateIdAttr(kind)
        return made

    surface = shader("surface", "UsdPreviewSurface")
    surface.CreateInput("roughness", kinds.Float).Set(roughness)
    surface.CreateInput("metallic", kinds.Float).Set(0.0)
    colour = surface.CreateInput("diffuseColor", kinds.Color3f)
    if texture_path is None:
        colour.Set(pxr.Gf.Vec3f(0.6))
    else:
        reader = shader("reader", "UsdPrimvarReader_float2")
        reader.CreateInput("varname", kinds.String).Set("st")
        texture = shader("texture", "UsdUVTexture")
        texture.CreateInput("file", kinds.Asset).Set(pxr.Sdf.AssetPath(texture_path))
        texture.CreateInput("sourceColorSpace", kinds.Token).Set("sRGB")
        # An atlas does not repeat, and its borders must not bleed into each other.
        texture.CreateInput("wrapS", kinds.Token).Set("clamp")
        texture.CreateInput("wrapT", kinds.Token).Set("clamp")
        texture.CreateInput("st", kinds.Float2).ConnectToSource(reader.CreateOutput("result", kinds.Float2))
        colour.ConnectToSource(texture.CreateOutput("rgb", kinds.Float3))
    material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", kinds.Token))
    pxr.UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)


def _identifiers(names: Sequence[str]) -> list[str]:
    """The names with what USD does not allow in one replaced, each still different from the others."""
    pxr = _open_usd()

    found: list[str] = []
    for name in names:
        valid = pxr.Tf.MakeValidIdentifier(name)
        while valid in found:
            valid += "_"
        found.append(valid)
    return found
