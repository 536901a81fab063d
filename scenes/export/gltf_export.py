"""A rigged subject as one GLB file: skin, texture and animation clips, tried in Blender and three.js.

glTF 2.0 and this package share their axes (+Y up, front +Z, left +X, right-handed) and the origin of texture
coordinates (top left), so positions, normals and uv go out unchanged. Joints rest unrotated: a joint's node is moved by
its offset from its parent, its inverse bind matrix moves it back to the origin, and its rotation is the pose, (x, y, z,
w) in the file. Joint j of the skeleton is node j of the file: extensions name joints by that.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib as gltf
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...representations.geometry.mesh import SkinnedMesh, vertex_normals
from ...representations.motion.clip import Clip
from ..atomic import atomic_write
from ..photos.resample import to_bytes

INFLUENCES = 4
"""Joints that may move one vertex: what a single JOINTS_0/WEIGHTS_0 pair holds, and all that game engines read."""

# Weights in the file are whole multiples of this: float32 then adds them to exactly 1, in any order.
_WEIGHT_STEPS = 1 << 23


def write_glb(
    path: str | Path,
    mesh: SkinnedMesh,
    skeleton: Skeleton,
    *,
    texture: Tensor | np.ndarray | None = None,
    clips: Sequence[Clip] = (),
    pose: Float[Tensor, "J 4"] | None = None,
    bind: Float[Tensor, "J 3 4"] | None = None,
    name: str = "subject",
    roughness: float = 0.9,
    extensions: Mapping[str, Any] | None = None,
) -> None:
    """Write `mesh` bound to `skeleton` as a GLB, whole or not at all.

    `texture` is (H, W, 3), sRGB-encoded, float in [0, 1] or uint8, stored as PNG; it needs `mesh.uv`, and vertices are
    doubled along its seams. With `pose` (unit quaternions w, x, y, z) the file opens in that pose, its bind pose
    staying the rest pose. `bind` is for a mesh that lies elsewhere than the resting skeleton: each joint's rigid map
    from the mesh to the rest pose. `clips` become animations, `extensions` are the file's own by name, as JSON. A
    vertex keeps its 4 strongest joints: apply `limit_influences` first where the file must match a rendering. Raises
    ValueError where counts of joints differ, clip names repeat, or a texture comes without uv.
    """
    check_subject(mesh, skeleton, texture, clips, pose, bind)
    # A skinned mesh belongs at the scene's root: its own node's transform does not count.
    nodes = [*_joint_nodes(skeleton, pose), gltf.Node(name=name, mesh=0, skin=0)]
    file = _file(name, [0, len(skeleton)], nodes, extensions)
    buffer = _Buffer(file)
    primitive = _primitive(buffer, mesh, textured=texture is not None)
    file.meshes = [gltf.Mesh(name=name, primitives=[primitive])]
    file.skins = [_skin(buffer, skeleton, bind, name)]
    file.materials = [_material(buffer, texture, name, roughness)]
    # A clip whose root rests says so beside others: a player may come from one of those.
    moving = any(clip.root is not None for clip in clips)
    file.animations = [_animation(buffer, clip, skeleton, moving) for clip in clips]
    buffer.save(path)


def write_motion_glb(
    path: str | Path, skeleton: Skeleton, clip: Clip, *, extensions: Mapping[str, Any] | None = None
) -> None:
    """Write the joints of `skeleton` and one clip of theirs as a GLB without a mesh, whole or not at all.

    `extensions` are the file's own by name, as JSON. Raises ValueError where the clip has another number of joints.
    """
    _check_counts(skeleton, [(f"clip {clip.name!r}", clip.rotations.shape[1])])
    file = _file(clip.name, [0], _joint_nodes(skeleton, None), extensions)
    buffer = _Buffer(file)
    file.animations = [_animation(buffer, clip, skeleton, clip.root is not None)]
    buffer.save(path)


def limit_influences(weights: Float[Tensor, "V J"], count: int = INFLUENCES) -> Float[Tensor, "V J"]:
    """Skin weights with all but each vertex's `count` strongest set to zero, the rest rescaled to sum to exactly 1.

    What `write_glb` stores. A mesh with such weights is posed by the file as it is here, to float32.
    Raises ValueError where a vertex has no positive weight.
    """
    joints, values = _strongest(weights, count)
    return torch.zeros_like(weights).scatter_add(1, joints, values.to(weights))


def _strongest(weights: Tensor, count: int = INFLUENCES) -> tuple[Tensor, Tensor]:
    """Joints and weights (V, count), strongest first; a joint without weight is joint 0."""
    kept = min(count, weights.shape[1])
    values, joints = weights.detach().double().clamp_min(0).sort(dim=1, descending=True, stable=True)
    values, joints = values[:, :kept], joints[:, :kept]
    total = values.sum(dim=1, keepdim=True)
    if not bool((total > 0).all()):
        bad = int((~(total > 0)).sum())
        raise ValueError(f"{bad} of {weights.shape[0]} vertices have no skin weight; give each at least one joint")
    steps = (values / total * _WEIGHT_STEPS).round()
    steps[:, 0] += _WEIGHT_STEPS - steps.sum(dim=1)
    joints = torch.where(steps > 0, joints, torch.zeros_like(joints))
    padding = (0, count - kept)
    return torch.nn.functional.pad(joints, padding), torch.nn.functional.pad(steps / _WEIGHT_STEPS, padding).float()


class _Buffer:
    """The file's one binary blob and the accessors into it."""

    def __init__(self, file: gltf.GLTF2) -> None:
        self.file = file
        self.content = bytearray()

    def view(self, content: bytes, target: int | None = None) -> int:
        """Append bytes as a buffer view, aligned to 4."""
        self.content += bytes(-len(self.content) % 4)
        view = gltf.BufferView(buffer=0, byteOffset=len(self.content), byteLength=len(content), target=target)
        self.content += content
        self.file.bufferViews.append(view)
        return len(self.file.bufferViews) - 1

    def add(self, values: np.ndarray, kind: str, *, target: int | None = None, bounds: bool = False) -> int:
        """Append an array (N, ...) as an accessor."""
        components = {"float32": gltf.FLOAT, "uint8": gltf.UNSIGNED_BYTE, "uint16": gltf.UNSIGNED_SHORT}
        accessor = gltf.Accessor(
            bufferView=self.view(np.ascontiguousarray(values).tobytes(), target),
            componentType={**components, "uint32": gltf.UNSIGNED_INT}[values.dtype.name],
            count=len(values),
            type=kind,
        )
        if bounds:
            rows = values.reshape(len(values), -1)
            # float32 through float: the shortest decimal that reads back as the same number.
            accessor.min, accessor.max = rows.min(0).astype(float).tolist(), rows.max(0).astype(float).tolist()
        self.file.accessors.append(accessor)
        return len(self.file.accessors) - 1

    def save(self, path: str | Path) -> None:
        """Write the file with all that was appended, whole or not at all."""
        self.content += bytes(-len(self.content) % 4)
        self.file.buffers = [gltf.Buffer(byteLength=len(self.content))]
        self.file.set_binary_blob(bytes(self.content))
        content = b"".join(self.file.save_to_bytes())
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)


def _file(name: str, roots: list[int], nodes: list[gltf.Node], extensions: Mapping[str, Any] | None) -> gltf.GLTF2:
    file = gltf.GLTF2(
        asset=gltf.Asset(version="2.0", generator=f"zoetrope {version('zoetrope3d')}"),
        scene=0,
        scenes=[gltf.Scene(name=name, nodes=roots)],
        nodes=nodes,
    )
    if extensions:
        file.extensions, file.extensionsUsed = dict(extensions), sorted(extensions)
    return file


def _joint_nodes(skeleton: Skeleton, pose: Tensor | None) -> list[gltf.Node]:
    joints = skeleton.joints.detach().cpu().float()
    nodes = []
    for index, parent in enumerate(skeleton.parents):
        offset = joints[index] if parent < 0 else joints[index] - joints[parent]
        node = gltf.Node(name=skeleton.names[index], translation=offset.tolist())
        children = [child for child, above in enumerate(skeleton.parents) if above == index]
        if children:
            node.children = children
        if pose is not None:
            node.rotation = _file_quaternions(pose[index]).tolist()
        nodes.append(node)
    return nodes


def _primitive(buffer: _Buffer, mesh: SkinnedMesh, *, textured: bool) -> gltf.Primitive:
    faces = mesh.faces.cpu()
    if textured and mesh.uv is not None and mesh.uv_faces is not None:
        pairs = torch.stack([faces.reshape(-1), mesh.uv_faces.cpu().reshape(-1)], dim=1)
        corners, indices = torch.unique(pairs, dim=0, return_inverse=True)
        rows, uv = corners[:, 0], mesh.uv.detach().cpu()[corners[:, 1]]
    else:
        rows, indices = torch.unique(faces.reshape(-1), return_inverse=True)
        uv = None
    normals = unit_normals(mesh)[rows]
    joints, weights = _strongest(mesh.weights.cpu()[rows])
    joint_type = np.uint8 if mesh.weights.shape[1] <= 256 else np.uint16
    # The highest value of an index type means "start anew" and may not be used.
    index_type = np.uint16 if len(rows) < 65535 else np.uint32

    def vertex(values: Tensor, kind: str, dtype: type = np.float32, bounds: bool = False) -> int:
        return buffer.add(values.detach().numpy().astype(dtype), kind, target=gltf.ARRAY_BUFFER, bounds=bounds)

    attributes = gltf.Attributes(
        POSITION=vertex(mesh.vertices.cpu()[rows], gltf.VEC3, bounds=True),
        NORMAL=vertex(normals, gltf.VEC3),
        JOINTS_0=vertex(joints, gltf.VEC4, joint_type),
        WEIGHTS_0=vertex(weights, gltf.VEC4),
    )
    if uv is not None:
        attributes.TEXCOORD_0 = vertex(uv, gltf.VEC2)
    order = buffer.add(indices.numpy().astype(index_type), gltf.SCALAR, target=gltf.ELEMENT_ARRAY_BUFFER)
    return gltf.Primitive(attributes=attributes, indices=order, material=0, mode=gltf.TRIANGLES)


def unit_normals(mesh: SkinnedMesh) -> Float[Tensor, "V 3"]:
    """Vertex normals of a mesh at rest, each of length 1, in float64 on the CPU."""
    normals = vertex_normals(mesh.vertices.detach().cpu().double(), mesh.faces.cpu())
    # Where all faces round a vertex have no area nothing is seen, but the format wants length 1.
    lost = normals.norm(dim=1, keepdim=True) < 0.5
    return torch.where(lost, normals.new_tensor([0.0, 1.0, 0.0]), normals)


def _skin(buffer: _Buffer, skeleton: Skeleton, bind: Tensor | None, name: str) -> gltf.Skin:
    inverse_bind = np.tile(np.eye(4, dtype=np.float32), (len(skeleton), 1, 1))
    # Column-major in the file: the translation is the last row here.
    inverse_bind[:, 3, :3] = -skeleton.joints.detach().cpu().numpy()
    if bind is not None:
        maps = bind.detach().cpu().numpy()
        inverse_bind[:, :3, :3] = maps[..., :3].swapaxes(1, 2)
        inverse_bind[:, 3, :3] += maps[..., 3]
    matrices = buffer.add(inverse_bind.reshape(-1, 16), gltf.MAT4)
    return gltf.Skin(name=f"{name} rig", skeleton=0, joints=list(range(len(skeleton))), inverseBindMatrices=matrices)


def _material(buffer: _Buffer, texture: Tensor | np.ndarray | None, name: str, roughness: float) -> gltf.Material:
    surface = gltf.PbrMetallicRoughness(metallicFactor=0.0, roughnessFactor=roughness, baseColorFactor=None)
    if texture is None:
        surface.baseColorFactor = [0.6, 0.6, 0.6, 1.0]
    else:
        encoded = io.BytesIO()
        Image.fromarray(to_bytes(texture)).save(encoded, format="PNG")
        buffer.file.images = [gltf.Image(name=name, mimeType="image/png", bufferView=buffer.view(encoded.getvalue()))]
        # Clamped: an atlas does not repeat, and its borders must not bleed into each other.
        sampler = gltf.Sampler(
            magFilter=gltf.LINEAR,
            minFilter=gltf.LINEAR_MIPMAP_LINEAR,
            wrapS=gltf.CLAMP_TO_EDGE,
            wrapT=gltf.CLAMP_TO_EDGE,
        )
        buffer.file.samplers = [sampler]
        buffer.file.textures = [gltf.Texture(name=name, sampler=0, source=0)]
        surface.baseColorTexture = gltf.TextureInfo(index=0)
    return gltf.Material(name=name, pbrMetallicRoughness=surface, doubleSided=False, alphaMode=None, alphaCutoff=None)


def _animation(buffer: _Buffer, clip: Clip, skeleton: Skeleton, moving: bool) -> gltf.Animation:
    """Rotations of all joints; `moving`: the root's places as well."""
    animation = gltf.Animation(name=clip.name)
    times = buffer.add(clip.times.detach().cpu().numpy().astype(np.float32), gltf.SCALAR, bounds=True)
    turns, shifts = clip.rooted()
    rotations = _file_quaternions(turns)
    for joint in range(rotations.shape[1]):
        output = buffer.add(np.ascontiguousarray(rotations[:, joint]), gltf.VEC4)
        target = gltf.AnimationChannelTarget(node=joint, path="rotation")
        animation.channels.append(gltf.AnimationChannel(sampler=joint, target=target))
        animation.samplers.append(gltf.AnimationSampler(input=times, output=output, interpolation=gltf.ANIM_LINEAR))
    if moving:
        places = (skeleton.joints[0].detach().cpu() + shifts.detach().cpu()).numpy().astype(np.float32)
        output, sampler = buffer.add(places, gltf.VEC3), len(animation.samplers)
        target = gltf.AnimationChannelTarget(node=0, path="translation")
        animation.channels.append(gltf.AnimationChannel(sampler=sampler, target=target))
        animation.samplers.append(gltf.AnimationSampler(input=times, output=output, interpolation=gltf.ANIM_LINEAR))
    return animation


def _file_quaternions(quaternions: Tensor) -> np.ndarray:
    """(w, x, y, z) to float32 (x, y, z, w) of unit length."""
    unit = torch.nn.functional.normalize(quaternions.detach().cpu().double(), dim=-1)
    return unit.roll(-1, dims=-1).numpy().astype(np.float32)


def check_subject(
    mesh: SkinnedMesh,
    skeleton: Skeleton,
    texture: object,
    clips: Sequence[Clip],
    pose: Tensor | None = None,
    bind: Tensor | None = None,
) -> None:
    """Raises ValueError where parts of a subject do not belong together, or its mesh is empty or not finite."""
    found = [("mesh.weights", mesh.weights.shape[1]), *((f"clip {c.name!r}", c.rotations.shape[1]) for c in clips)]
    found += [(what, value.shape[0]) for what, value in (("pose", pose), ("bind", bind)) if value is not None]
    _check_counts(skeleton, found)
    names = [clip.name for clip in clips]
    if len(set(names)) != len(names):
        raise ValueError(f"clips need different names, found {', '.join(names)}; rename one")
    if texture is not None and mesh.uv is None:
        raise ValueError("a texture needs texture coordinates; unwrap the mesh first (representations.atlas)")
    if mesh.faces.shape[0] == 0 or not bool(torch.isfinite(mesh.vertices).all()):
        raise ValueError("the mesh has no faces, or vertices that are not finite; nothing was written")


def _check_counts(skeleton: Skeleton, found: Sequence[tuple[str, int]]) -> None:
    for what, joints in found:
        if joints != len(skeleton):
            raise ValueError(
                f"{what} has {joints} joints but the skeleton {len(skeleton)}; use the skeleton it was made for"
            )
