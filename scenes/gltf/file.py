"""The container of glTF 2.0: JSON, buffers, accessors and pictures, of a .glb or of a .gltf with its companions.

Numbers are read as the format stores them (little-endian, interleaved or not, sparse, normalised integers as
f = c / (2^b - 1), or max(c / (2^(b-1) - 1), -1) where signed); nothing is known here of meshes or nodes. The format is
that of the Khronos Group, "glTF 2.0 Specification" (ISO/IEC 12113:2022), chapters 3.6, 3.8.3 and 4.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import struct
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..error import InputError, one_line

Entry = dict[str, Any]
"""One object of the file's JSON."""

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}

_UNREADABLE = {
    "KHR_draco_mesh_compression": "npx @gltf-transform/cli copy IN.glb OUT.glb",
    "EXT_meshopt_compression": "npx @gltf-transform/cli copy IN.glb OUT.glb",
    "KHR_meshopt_compression": "npx @gltf-transform/cli copy IN.glb OUT.glb",
    "KHR_texture_basisu": "npx @gltf-transform/cli ktxdecompress IN.glb OUT.glb",
}
"""Compressions that need a library of their own, and the command that undoes them."""
_READABLE = {
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_texture_transform",
    "KHR_mesh_quantization",
    "EXT_texture_webp",
}
"""Extensions that change what a subject looks like and are understood. Others say how light behaves, or add data of
their own, and may be left out unless the file says that they are required."""
_HARMLESS = ("KHR_materials_", "KHR_lights_", "KHR_xmp", "KHR_node_visibility", "VRM", "MOZ_", "MSFT_")


class GltfFile:
    """A glTF 2.0 file, opened. Raises InputError, in one line, wherever the file is broken or cannot be read here."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror or one_line(error)}") from error
        self._binary: bytes | None = None
        self.json = self._parse(content)
        self._check_version()
        self._check_extensions()
        self.entries = cache(self._entries)
        self.buffer = cache(self._buffer)
        self.accessor = cache(self._accessor)
        self.image = cache(self._image)

    def fail(self, what: str) -> InputError:
        """The error to raise where something in the file is wrong."""
        return InputError(f"{self.path}: {what}")

    def _entries(self, name: str) -> list[Entry]:
        """A list at the top of the JSON, such as "nodes"; empty where the file has none."""
        found = self.json.get(name, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise self.fail(f'"{name}" must be a list of objects')
        return found

    def entry(self, name: str, index: object) -> Entry:
        """One object of such a list."""
        entries = self.entries(name)
        if not isinstance(index, int) or not 0 <= index < len(entries):
            raise self.fail(f"index {index} into {name} is out of range, there are {len(entries)}")
        return entries[index]

    def floats(self, index: object, width: int) -> np.ndarray:
        """An accessor (N, `width`) as float32, normalised where the file says so."""
        entry = self.entry("accessors", index)
        values = self.accessor(index)
        if values.shape[1] != width:
            raise self.fail(f"accessor {index} is {entry.get('type')}, {width} numbers were expected")
        if values.dtype != np.float32:
            whole = np.iinfo(values.dtype).max if entry.get("normalized", False) else 1
            values = np.maximum(values.astype(np.float64) / whole, -1 if whole > 1 else -np.inf).astype(np.float32)
        if not np.isfinite(values).all():
            raise self.fail(f"accessor {index} holds {int((~np.isfinite(values)).sum())} numbers that are not finite")
        return values

    def integers(self, index: object, width: int) -> np.ndarray:
        """An accessor (N, `width`) of whole numbers as int64."""
        values = self.accessor(index)
        if values.shape[1] != width or not np.issubdtype(values.dtype, np.integer):
            raise self.fail(f"accessor {index} must hold {width} whole numbers each, found {values.dtype}")
        return values.astype(np.int64)

    def _accessor(self, index: object) -> np.ndarray:
        """(N, width) in the file's own number type."""
        entry = self.entry("accessors", index)
        kind, component, count = entry.get("type"), entry.get("componentType"), entry.get("count")
        if kind not in _WIDTHS or component not in _COMPONENTS or not isinstance(count, int) or count < 0:
            raise self.fail(f"accessor {index} has type {kind}, componentType {component} and count {count}")
        width, dtype = _WIDTHS[kind], np.dtype(_COMPONENTS[component])
        if "bufferView" in entry:
            values = self._numbers(entry["bufferView"], entry.get("byteOffset", 0), dtype, count, width)
        else:
            values = np.zeros((count, width), dtype)
        if "sparse" in entry:
            sparse = entry["sparse"]
            changed, where, what = sparse["count"], sparse["indices"], sparse["values"]
            kind_of_index = np.dtype(_COMPONENTS[where["componentType"]])
            rows = self._numbers(where["bufferView"], where.get("byteOffset", 0), kind_of_index, changed, 1)[:, 0]
            if len(rows) and int(rows.max()) >= count:
                raise self.fail(f"sparse accessor {index} changes row {int(rows.max())} of {count}")
            values = values.copy()
            values[rows] = self._numbers(what["bufferView"], what.get("byteOffset", 0), dtype, changed, width)
        return values

    def _numbers(self, view: object, offset: int, dtype: np.dtype, count: int, width: int) -> np.ndarray:
        entry = self.entry("bufferViews", view)
        data = self.view(view)
        packed = dtype.itemsize * width
        stride = entry.get("byteStride", packed)
        needed = offset + (count - 1) * stride + packed if count else 0
        if offset < 0 or stride < packed or needed > len(data):
            raise self.fail(f"an accessor reads {needed} bytes of bufferView {view}, which has {len(data)}; cut short?")
        if count == 0:
            return np.zeros((0, width), dtype)
        strides = (stride, dtype.itemsize)
        return np.ndarray((count, width), dtype, buffer=data, offset=offset, strides=strides).copy()

    def view(self, index: object) -> bytes:
        """The bytes of a buffer view."""
        entry = self.entry("bufferViews", index)
        data = self.buffer(entry.get("buffer"))
        start, length = entry.get("byteOffset", 0), entry.get("byteLength", -1)
        if start < 0 or length < 0 or start + length > len(data):
            raise self.fail(f"bufferView {index} wants bytes {start} to {start + length} of {len(data)}; cut short?")
        return data[start : start + length]

    def _buffer(self, index: object) -> bytes:
        entry = self.entry("buffers", index)
        if "uri" in entry:
            return self._resource(entry["uri"])
        if self._binary is None or index != 0:
            raise self.fail(f"buffer {index} has no data")
        return self._binary

    def _image(self, index: object) -> UInt8[np.ndarray, "H W 4"]:
        """A picture as RGBA, decoded; its numbers as they are stored (colours sRGB-encoded)."""
        entry = self.entry("images", index)
        content = self._resource(entry["uri"]) if "uri" in entry else self.view(entry.get("bufferView"))
        try:
            with Image.open(io.BytesIO(content)) as picture:
                return np.asarray(picture.convert("RGBA"))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise self.fail(f"image {index} cannot be decoded: {one_line(error)}") from error

    def _resource(self, uri: str) -> bytes:
        """What a URI stands for: base64 data in it, or a file beside this one."""
        if uri.startswith("data:"):
            try:
                return base64.b64decode(unquote(uri.partition(",")[2]), validate=True)
            except (binascii.Error, ValueError) as error:
                raise self.fail(f"a data URI cannot be decoded: {one_line(error)}") from error
        if urlsplit(uri).scheme or uri.startswith("/"):
            raise self.fail(f"{uri!r} lies elsewhere; put it beside the .gltf and name it by a relative path")
        companion = self.path.parent / unquote(uri)
        try:
            return companion.read_bytes()
        except OSError as error:
            raise self.fail(f"its companion {companion} cannot be read: {error.strerror or one_line(error)}") from error

    def _parse(self, content: bytes) -> Entry:
        if content[:4] == b"glTF":
            text = b""
            version = struct.unpack_from("<I", content, 4)[0] if len(content) >= 12 else 0
            if version != 2:
                raise self.fail(f"is binary glTF of version {version}; version 2 is read, export it anew")
            at = 12
            while at + 8 <= len(content):
                length, kind = struct.unpack_from("<I4s", content, at)
                chunk = content[at + 8 : at + 8 + length]
                if len(chunk) < length:
                    raise self.fail(f"ends after {len(content)} bytes, {at + 8 + length} were announced; cut short?")
                if kind == b"JSON" and not text:
                    text = chunk
                elif kind == b"BIN\0" and self._binary is None:
                    self._binary = chunk
                at += 8 + length
        else:
            text = content
        try:
            found = json.loads(text.decode("utf-8-sig"))
        except ValueError as error:
            raise self.fail(f"is neither a .glb nor a .gltf: {one_line(error)}") from error
        if not isinstance(found, dict) or "asset" not in found:
            raise self.fail('is JSON but not glTF, which has an "asset" at the top')
        return found

    def _check_version(self) -> None:
        version = str(self.json["asset"].get("version", "none"))
        if not version.startswith("2."):
            raise self.fail(f"is glTF {version}; version 2 is read, export it anew")

    def _check_extensions(self) -> None:
        for name in self.json.get("extensionsRequired", []):
            if name in _UNREADABLE:
                raise self.fail(f"is compressed with {name}; unpack it with: {_UNREADABLE[name]}")
            if name not in _READABLE and not name.startswith(_HARMLESS):
                raise self.fail(f"requires the extension {name}, which is not understood; export it without")
