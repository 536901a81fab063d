"""Meshes as PLY and OBJ files, written whole, and read back with every vertex in its place.

PLY carries fitted and true geometry between runs and scores, where "vertex 17 is vertex 17" is what counts; OBJ with
its material and texture is for modelling programs that do not read glTF.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
import trimesh.exchange.ply
import trimesh.resolvers
import trimesh.visual
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from .atomic import atomic_write
from .companion import companion
from .error import InputError, one_line


def write_ply(
    path: str | Path,
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    colours: Float[Tensor, "V 3"] | None = None,
) -> None:
    """A binary PLY: float32 vertices in the order given, int32 faces, 8-bit colours from `colours` in [0, 1].

    Raises ValueError where a face names a vertex that is not there.
    """
    _check(path, vertices, faces)
    mesh = trimesh.Trimesh(_array(vertices), _array(faces), process=False, validate=False)
    if colours is not None:
        if colours.shape[0] != vertices.shape[0]:
            raise ValueError(f"{path}: {colours.shape[0]} colours for {vertices.shape[0]} vertices; give one each")
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=to_bytes(colours))
    content = trimesh.exchange.ply.export_ply(mesh, vertex_normal=False, include_attributes=False)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def write_obj(
    path: str | Path,
    vertices: Float[Tensor, "V 3"],
    faces: Int[Tensor, "F 3"],
    uv: Float[Tensor, "T 2"] | None = None,
    uv_faces: Int[Tensor, "F 3"] | None = None,
    texture: Tensor | np.ndarray | None = None,
) -> None:
    """An OBJ with one vertex line per vertex and texture coordinates per corner, and beside it the `.mtl` and `.png`.

    `uv` has its origin at the picture's top left; OBJ counts from the bottom, so v is turned round in the file.
    `texture` is (H, W, 3), sRGB-encoded, float in [0, 1] or uint8. The OBJ is written last: where it is, its companions
    are. Raises ValueError where a texture comes without `uv` and `uv_faces`, or an index is out of range.
    """
    path = Path(path)
    _check(path, vertices, faces)
    if (uv is None) != (uv_faces is None) or (texture is not None and uv is None):
        raise ValueError(f"{path}: a texture needs uv and uv_faces, and those come together; unwrap the mesh first")
    lines = [f"o {_name(path)}"]
    if texture is not None:
        with atomic_write(path.with_suffix(".png")) as temporary:
            Image.fromarray(to_bytes(texture)).save(temporary)
        material = f"newmtl {_name(path)}\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {path.stem}.png\n"
        with atomic_write(path.with_suffix(".mtl")) as temporary:
            temporary.write_text(material, encoding="utf-8")
        lines = [f"mtllib {path.stem}.mtl", *lines, f"usemtl {_name(path)}"]
    # Nine significant digits carry a float32 over exactly.
    lines += [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in _array(vertices).tolist()]
    corners = _array(faces) + 1
    if uv is None or uv_faces is None:
        lines += [f"f {a} {b} {c}" for a, b, c in corners.tolist()]
    else:
        _check_indices(path, "uv_faces", uv_faces, uv.shape[0])
        lines += [f"vt {u:.9g} {1 - v:.9g}" for u, v in _array(uv).tolist()]
        paired = np.stack([corners, _array(uv_faces) + 1], axis=2).reshape(-1, 6)
        lines += [f"f {a}/{s} {b}/{t} {c}/{u}" for a, s, b, t, c, u in paired.tolist()]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_ply(path: str | Path) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Vertices (float32) and faces (int64) of a PLY, in the file's own order, nothing merged or dropped.

    Raises ValueError for another kind of file, FileNotFoundError where there is none.
    """
    if Path(path).suffix.lower() != ".ply":
        raise ValueError(f"{path} is not a .ply; use read_mesh for other formats")
    return read_mesh(path)


def read_mesh(path: str | Path) -> tuple[Float[Tensor, "V 3"], Int[Tensor, "F 3"]]:
    """Vertices (float32) and triangles (int64) of any file that trimesh reads, as one mesh.

    PLY, STL and OBJ without texture coordinates keep their vertex order. A format that stores vertices per texture
    corner (GLB, textured OBJ) comes as the loader splits it, and the parts of a scene are placed by their transforms
    and put one after the other. Raises FileNotFoundError, or InputError where the file holds no triangles.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no mesh file {path}")
    try:
        loaded = trimesh.load(path, process=False, resolver=_Companions(path))
    except Exception as error:  # each of trimesh's readers fails in its own way on a broken file
        raise InputError(f"{path} cannot be read as a mesh: {one_line(error)}") from error
    mesh = loaded.to_mesh() if isinstance(loaded, trimesh.Scene) else loaded
    if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
        raise InputError(f"{path} holds no triangles, only {type(mesh).__name__}; export it as a triangle mesh")
    vertices = torch.from_numpy(np.array(mesh.vertices, dtype=np.float32))
    return vertices, torch.from_numpy(np.array(mesh.faces, dtype=np.int64))


class _Companions(trimesh.resolvers.Resolver):
    """How trimesh is to find what a mesh names beside itself (buffers, materials): as `companion` does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> bytes:
        uri = self._path.suffix.lower() in (".gltf", ".glb")
        return companion(self._path.parent, key.strip(), named_in=self._path, uri=uri).read_bytes()

    def keys(self) -> list[str]:
        return [entry.name for entry in self._path.parent.iterdir()]

    def write(self, name: str, data: Any) -> None:
        raise NotImplementedError(f"{name} is not written: meshes are only read here")

    def namespaced(self, namespace: str) -> _Companions:
        raise NotImplementedError(f"{namespace} is not entered: archives are not read here")


def to_bytes(picture: Tensor | np.ndarray) -> np.ndarray:
    """A picture or a list of colours as uint8: floats in [0, 1] are clipped and rounded, uint8 passes through."""
    values = picture.detach().cpu().numpy() if isinstance(picture, Tensor) else np.asarray(picture)
    if values.dtype == np.uint8:
        return values
    if not np.isfinite(values).all():
        raise ValueError(
            f"{int((~np.isfinite(values)).sum())} values of a picture are not finite; it cannot be written"
        )
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _array(tensor: Tensor) -> np.ndarray:
    values = tensor.detach().cpu().numpy()
    return values.astype(np.float32) if np.issubdtype(values.dtype, np.floating) else values


def _name(path: Path) -> str:
    # A space would end the name in an OBJ or MTL line.
    return "_".join(path.stem.split())


def _check(path: str | Path, vertices: Tensor, faces: Tensor) -> None:
    _check_indices(path, "faces", faces, vertices.shape[0])
    if not torch.isfinite(vertices).all():
        bad = int((~torch.isfinite(vertices)).any(dim=1).sum())
        raise ValueError(f"{path}: {bad} of {vertices.shape[0]} vertices are not finite; the mesh was not written")


def _check_indices(path: str | Path, name: str, faces: Tensor, count: int) -> None:
    if faces.numel() and (int(faces.min()) < 0 or int(faces.max()) >= count):
        raise ValueError(
            f"{path}: {name} holds indices {int(faces.min())}..{int(faces.max())}, allowed are 0..{count - 1}"
        )
