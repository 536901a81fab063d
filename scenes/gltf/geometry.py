"""The surface of a glTF scene: all its primitives as one triangle mesh on one list of bones.

A bone is a node with the map from mesh to node in the bind pose, so that a vertex is at  sum_k w_k W_k B_k v  with W
the node's place in the scene and B its inverse bind matrix (glTF 2.0 Specification, chapter 3.7.3.3); a mesh without
skin hangs whole on its own node, B = 1.

The format splits a vertex wherever normals or texture coordinates differ. Here vertices at one place that move alike
are one again, in the order of their first appearance, so that the surface is closed where it was; what differs stays
with the corners of faces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from ..json_file import JsonObject
from .file import GltfFile
from .material import GltfMaterial
from .node import Nodes

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_DRACO = "KHR_draco_mesh_compression"
_MOST_VERTICES = 4_000_000
"""More are refused: a mesh may be shown by any number of nodes, and each showing costs memory."""
_MOST_NUMBERS = 500_000_000
"""Most weights of all vertices for all bones, and most numbers of all morphs."""
_SAME_WEIGHT = 1 / 256
"""Weights that differ by less than the coarsest step in which a file can store them are the same."""


@dataclass(frozen=True, eq=False)
class SkinBone:
    """What a vertex hangs on."""

    node: int
    inverse_bind: Float[np.ndarray, "4 4"]


@dataclass(frozen=True, eq=False)
class Morph:
    """A displacement of vertices that has a weight of its own."""

    node: int
    """The node whose mesh it belongs to, and whose weights these are."""
    target: int
    """Which of them."""
    weight: float
    """In the pose the file opens in."""
    offsets: Float[np.ndarray, "V 3"]


@dataclass(frozen=True, eq=False)
class Geometry:
    """A triangle mesh in the frames of its meshes, with what moves and colours it."""

    vertices: Float[np.ndarray, "V 3"]
    """As stored: of a skinned mesh in the frame of the bind pose, else of its node."""
    faces: Int[np.ndarray, "F 3"]
    """Counter-clockwise seen from outside as the vertices are stored."""
    weights: Float[np.ndarray, "V K"]
    """Shares of the bones, rows sum to one."""
    bones: tuple[SkinBone, ...]
    joints: dict[int, tuple[SkinBone, ...]]
    """All joints of each skin, also those that move nothing."""
    morphs: tuple[Morph, ...]
    mesh_node: Int[np.ndarray, " V"]
    """The node that holds each vertex's mesh."""
    skin: Int[np.ndarray, " V"]
    """The skin that moves it, -1 where there is none."""
    material: Int[np.ndarray, " F"]
    """A row of `read_materials`."""
    uv: Float[np.ndarray, "F 3 U 2"]
    """Texture coordinates of all U sets that a material of the file uses; zeros where a mesh has none."""
    colour: Float[np.ndarray, "F 3 4"]
    """Linear vertex colours at each corner; ones where there are none."""

    def select_faces(self, keep: Bool[np.ndarray, " F"]) -> Geometry:
        """Some of the faces, and the vertices they need."""
        return _compacted(self, self.faces[keep], keep)

    def turned(self, which: Bool[np.ndarray, " F"]) -> Geometry:
        """Some of the faces turned round."""
        order = np.where(which[:, None], [0, 2, 1], [0, 1, 2])
        faces = np.take_along_axis(self.faces, order, axis=1)
        uv = np.take_along_axis(self.uv, order[..., None, None], axis=1)
        return replace(self, faces=faces, uv=uv, colour=np.take_along_axis(self.colour, order[..., None], axis=1))


def read_geometry(file: GltfFile, nodes: Nodes, materials: list[GltfMaterial]) -> Geometry:
    """The triangles of the file's scene. Points and lines are no surface and are passed over.

    A vertex whose weights are all zero follows the first joint that it names. Raises InputError where there is no
    triangle, or an index is out of range.
    """
    reader = _Reader(file, nodes, materials)
    for node in _in_scene(file, nodes):
        entry = file.entries("nodes")[node]
        if "mesh" in entry:
            reader.read(node, entry)
    return reader.finish()


class _Reader:
    """Gathers primitives."""

    def __init__(self, file: GltfFile, nodes: Nodes, materials: list[GltfMaterial]) -> None:
        self.file, self.nodes, self.materials = file, nodes, materials
        self.bones: dict[tuple[int, bytes], int] = {}
        self.inverse_binds: list[np.ndarray] = []
        self.morphs: dict[tuple[int, int], list[tuple[int, np.ndarray]]] = {}
        self.skins: dict[int, tuple[SkinBone, ...]] = {}
        self.morph_weight: dict[tuple[int, int], float] = {}
        self.parts: list[dict[str, np.ndarray]] = []
        self.uv_sets = max((1 + picture.uv_set for material in materials for picture in material.pictures), default=1)
        self.count = 0

    def read(self, node: int, entry: JsonObject) -> None:
        mesh = self.file.entry("meshes", entry["mesh"])
        weights = entry.get("weights", mesh.get("weights", []))
        joints = self._skin_bones(entry["skin"]) if "skin" in entry else None
        for primitive in mesh.get("primitives", []):
            for name in primitive.get("extensions", {}):
                # A compressed primitive may have a plain copy of its numbers beside.
                if name == _DRACO and "bufferView" not in self.file.entry(
                    "accessors", primitive["attributes"].get("POSITION")
                ):
                    raise self.file.compressed(name)
            if primitive.get("mode", _TRIANGLES) not in (_TRIANGLES, _STRIP, _FAN):
                self.file.note("its points and lines are no surface and are left out")
                continue
            if "POSITION" not in primitive.get("attributes", {}):
                raise self.file.fail(f"mesh {mesh.get('name', entry['mesh'])!r} has no positions; export it anew")
            self._primitive(node, entry.get("skin", -1), joints, primitive, weights)

    def _primitive(
        self, node: int, skin: int, joints: list[int] | None, primitive: JsonObject, morph_weights: list[float]
    ) -> None:
        file, attributes = self.file, primitive["attributes"]
        vertices = file.floats(attributes["POSITION"], 3)
        count = len(vertices)
        if self.count + count > _MOST_VERTICES:
            raise file.fail(f"has more than {_MOST_VERTICES} vertices in its scene; simplify it first")
        faces = self._faces(primitive, count)
        number = primitive.get("material", len(self.materials) - 1)
        if not 0 <= number < len(self.materials):
            raise file.fail(f"a primitive wants material {number} of {len(self.materials) - 1}")
        uv = self._uv(number, attributes, count)
        colour = self._colour(attributes, count)
        if joints is None or "JOINTS_0" not in attributes:
            bones = np.full((count, 1), self._bone(node, np.eye(4)))
            shares = np.ones((count, 1), np.float32)
        else:
            bones, shares = self._influences(attributes, joints, count)
        for target, offsets in enumerate(primitive.get("targets", [])):
            if "POSITION" in offsets:
                key = (node, target)
                self.morphs.setdefault(key, []).append((self.count, self._rows(offsets["POSITION"], 3, count)))
                self.morph_weight[key] = float(morph_weights[target]) if target < len(morph_weights) else 0.0
        self.parts.append(
            {
                "vertices": vertices,
                "faces": faces + self.count,
                "bones": bones,
                "shares": shares,
                "mesh_node": np.full(count, node),
                "skin": np.full(count, skin if "JOINTS_0" in attributes else -1),
                "material": np.full(len(faces), number),
                "uv": uv[faces],
                "colour": np.clip(colour, 0, 1)[faces],
            }
        )
        self.count += count

    def finish(self) -> Geometry:
        if not any(len(part["faces"]) for part in self.parts):
            raise self.file.fail("holds no triangles in its scene; export a mesh with it")
        for what, numbers in (("bones", len(self.bones)), ("morphs", 3 * len(self.morphs))):
            if self.count * numbers > _MOST_NUMBERS:
                raise self.file.fail(f"has {self.count} vertices and {numbers} {what}; simplify it first")
        names = ("vertices", "faces", "mesh_node", "skin", "material", "uv", "colour")
        joined = {name: np.concatenate([part[name] for part in self.parts]) for name in names}
        weights = np.zeros((self.count, len(self.bones)), np.float32)
        start = 0
        for part in self.parts:
            rows = np.arange(start, start + len(part["bones"]))[:, None]
            np.add.at(weights, (rows, part["bones"]), part["shares"])
            start += len(part["bones"])
        morphs = []
        for (node, target), pieces in self.morphs.items():
            offsets = np.zeros((self.count, 3), np.float32)
            for first, values in pieces:
                offsets[first : first + len(values)] = values
            morphs.append(Morph(node, target, self.morph_weight[node, target], offsets))
        bones = tuple(SkinBone(node, self.inverse_binds[index]) for (node, _), index in self.bones.items())
        whole = Geometry(weights=weights, bones=bones, joints=self.skins, morphs=tuple(morphs), **joined)
        return _welded(whole)

    def _rows(self, accessor: object, width: int, count: int, *, normalized: bool = False) -> np.ndarray:
        values = self.file.floats(accessor, width, normalized=normalized)
        if len(values) != count:
            raise self.file.fail(f"accessor {accessor} has {len(values)} rows for {count} vertices")
        return values

    def _uv(self, number: int, attributes: JsonObject, count: int) -> np.ndarray:
        """The texture coordinates (count, U, 2) that a material needs."""
        uv = np.zeros((count, self.uv_sets, 2), np.float32)
        for picture in self.materials[number].pictures:
            name = f"TEXCOORD_{picture.uv_set}"
            if name in attributes:
                uv[:, picture.uv_set] = self._rows(attributes[name], 2, count)
            else:
                # As viewers do.
                self.file.note(f"material {number} has a texture, but a mesh of it no {name}: taken as zeros")
        return uv

    def _colour(self, attributes: JsonObject, count: int) -> np.ndarray:
        """Vertex colours (count, 4)."""
        colour = np.ones((count, 4), np.float32)
        if "COLOR_0" in attributes:
            width = 3 if self.file.entry("accessors", attributes["COLOR_0"]).get("type") == "VEC3" else 4
            # Whole numbers are shares of the largest; some writers forget to say so.
            colour[:, :width] = self._rows(attributes["COLOR_0"], width, count, normalized=True)
        return colour

    def _faces(self, primitive: JsonObject, count: int) -> np.ndarray:
        if "indices" in primitive:
            order = self.file.integers(primitive["indices"], 1)[:, 0]
            if len(order) and not 0 <= order.min() <= order.max() < count:
                raise self.file.fail(f"a primitive names vertex {order.max()} of {count}")
        else:
            order = np.arange(count)
        mode = primitive.get("mode", _TRIANGLES)
        if mode == _TRIANGLES:
            return order[: len(order) // 3 * 3].reshape(-1, 3)
        first = np.arange(max(len(order) - 2, 0))
        if mode == _FAN:
            return order[np.stack([first + 1, first + 2, 0 * first], axis=1)]
        # Every other triangle of a strip runs the other way round.
        odd = first % 2
        return order[np.stack([first, first + 1 + odd, first + 2 - odd], axis=1)]

    def _bone(self, node: int, inverse_bind: np.ndarray) -> int:
        key = node, inverse_bind.astype(np.float32).tobytes()
        if key not in self.bones:
            self.bones[key] = len(self.bones)
            self.inverse_binds.append(inverse_bind)
        return self.bones[key]

    def _skin_bones(self, index: int) -> list[int]:
        skin = self.file.entry("skins", index)
        joints = skin["joints"]
        inverse = np.tile(np.eye(4), (len(joints), 1, 1))
        if "inverseBindMatrices" in skin:
            values = self.file.floats(skin["inverseBindMatrices"], 16)
            if len(values) < len(joints):
                raise self.file.fail(f"skin {index} has {len(values)} inverse bind matrices for {len(joints)} joints")
            # Column-major in the file.
            inverse = values[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
        for joint in joints:
            self.file.entry("nodes", joint)
        self.skins[index] = tuple(SkinBone(joint, inverse[row]) for row, joint in enumerate(joints))
        return [self._bone(bone.node, bone.inverse_bind) for bone in self.skins[index]]

    def _influences(self, attributes: JsonObject, joints: list[int], count: int) -> tuple[np.ndarray, np.ndarray]:
        columns, shares = [], []
        for group in range(sum(name.startswith("JOINTS_") for name in attributes)):
            columns.append(self.file.integers(attributes[f"JOINTS_{group}"], 4))
            shares.append(self._rows(attributes[f"WEIGHTS_{group}"], 4, count))
        chosen, weights = np.concatenate(columns, axis=1), np.concatenate(shares, axis=1).clip(min=0)
        if len(chosen) != count or ((weights > 0).any() and chosen[weights > 0].max() >= len(joints)):
            raise self.file.fail(f"a mesh names joints beyond the {len(joints)} of its skin")
        lost = weights.sum(1) == 0
        weights[lost, 0] = 1
        chosen = np.where(weights > 0, chosen, 0)
        return np.array(joints)[chosen], weights / weights.sum(1, keepdims=True)


def _in_scene(file: GltfFile, nodes: Nodes) -> list[int]:
    """The nodes that are shown: those of the file's own scene, of its first, or all where it has none; none below a
    node that is hidden (KHR_node_visibility)."""
    scenes, entries = file.entries("scenes"), file.entries("nodes")
    roots = set(range(len(entries)))
    if scenes:
        roots = set(file.entry("scenes", file.json.get("scene", 0)).get("nodes", []))
        for root in roots:
            file.entry("nodes", root)
        if len(scenes) > 1:
            file.note(f"of its {len(scenes)} scenes the one that it opens with is taken")
    shown: set[int] = set()
    for node in nodes.order:
        hidden = entries[node].get("extensions", {}).get("KHR_node_visibility", {}).get("visible", True) is False
        parent = nodes.parents[node]
        if not hidden and ((node in roots and (parent < 0 or scenes)) or parent in shown):
            shown.add(node)
    return sorted(shown)


def _welded(whole: Geometry) -> Geometry:
    """Vertices at exactly one place, with the same morphs and nearly the same weights, are one: the first of them."""
    # Adding zero makes -0 and 0 the same bytes.
    keys = np.concatenate([whole.vertices, *(morph.offsets for morph in whole.morphs)], axis=1) + 0.0
    rows = np.ascontiguousarray(keys.astype(np.float32)).view(np.dtype((np.void, 4 * keys.shape[1])))[:, 0]
    _, place = np.unique(rows, return_inverse=True)
    place = place.reshape(-1)
    leader = np.full(len(place), -1)
    while (left := np.flatnonzero(leader < 0)).size:
        # Of those still alone at each place the first leads, and takes along all that move like it.
        _, first, group = np.unique(place[left], return_index=True, return_inverse=True)
        ahead = left[first][group.reshape(-1)]
        alike = np.abs(whole.weights[left] - whole.weights[ahead]).max(axis=1) < _SAME_WEIGHT
        leader[left[alike]] = ahead[alike]
    faces = leader[whole.faces]
    a, b, c = faces.T
    proper = (a != b) & (b != c) & (c != a)
    return _compacted(whole, faces[proper], proper)


def _compacted(whole: Geometry, faces: np.ndarray, keep: np.ndarray) -> Geometry:
    """`whole` with the faces that are kept, `faces` their vertices, and without what those do not need."""
    used, index = np.unique(faces, return_inverse=True)
    weights = whole.weights[used]
    needed = np.flatnonzero(weights.sum(axis=0))
    return replace(
        whole,
        vertices=whole.vertices[used],
        faces=index.reshape(-1, 3),
        weights=np.ascontiguousarray(weights[:, needed]),
        bones=tuple(whole.bones[bone] for bone in needed),
        morphs=tuple(Morph(m.node, m.target, m.weight, m.offsets[used]) for m in whole.morphs),
        mesh_node=whole.mesh_node[used],
        skin=whole.skin[used],
        material=whole.material[keep],
        uv=whole.uv[keep],
        colour=whole.colour[keep],
    )
