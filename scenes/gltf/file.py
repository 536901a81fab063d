"""The container of glTF 2.0: JSON, buffers, accessors and pictures, of a .glb or of a .gltf with its companions.

Numbers are read as the format stores them (little-endian, interleaved or not, sparse, normalised integers as
f = c / (2^b - 1), or max(c / (2^(b-1) - 1), -1) where signed); nothing is known here of meshes or nodes. The format is
that of the Khronos Group, "glTF 2.0 Specification" (ISO/IEC 12113:2022), chapters 3.6, 3.8.3 and 4.
"""

from __future__ import annotations

import base64
import binascii
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..companion import companion, require_regular_file
from ..error import InputError, one_line, some_of
from ..json_file import JsonObject, parse_json
from .array import ArrayError, check_size, read_rows, whole

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
    "KHR_materials_emissive_strength",
    "KHR_materials_unlit",
    "KHR_node_visibility",
    "KHR_texture_transform",
    "KHR_mesh_quantization",
    "EXT_texture_webp",
    "VRM",
    "VRMC_vrm",
}
"""Extensions that change what a subject looks like and are understood. Others say how light behaves, or add data of
their own, and may be left out unless the file says that they are required."""
_HARMLESS = ("KHR_materials_", "KHR_lights_", "KHR_xmp", "VRM", "MOZ_", "MSFT_")
_MOST_BYTES = 2**32
"""Most bytes of a file; the binary form cannot hold more."""
_MOST_PIXELS = 8192 * 8192
"""Most pixels of one picture."""


class GltfFile:
    """A glTF 2.0 file, opened. Raises InputError, in one line, wherever the file is broken or cannot be read here."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        content = self._content()
        self._binary: bytes | None = None
        self._zeros = 0
        self._notes: dict[str, None] = {}
        self.json = self._parse(content)
        self._check_version()
        self._check_extensions()
        self.entries = cache(self._entries)
        self.buffer = cache(self._buffer)
        self.accessor = cache(self._accessor)
        self.image = cache(self._image)

    def fail(self, what: str) -> InputError:
        """The error to raise where something in the file is wrong."""
        return InputError(f"{self.path}: {_printable(what)}")

    def compressed(self, name: str) -> InputError:
        """The error to raise where something is compressed by an extension."""
        return self.fail(f"is compressed with {name}; unpack it with: {_UNREADABLE[name]}")

    @contextmanager
    def checked(self) -> Iterator[None]:
        """What a broken JSON raises while it is read becomes an InputError."""
        try:
            yield
        except InputError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # What the JSON lacks or has of another kind.
            what = f"{type(error).__name__}: {one_line(error)}"
            raise self.fail(f"is not valid glTF ({what}); see what gltf-validator says of it") from error

    def note(self, what: str) -> None:
        """Keeps a line about something unusual, once."""
        self._notes[_printable(what)] = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was unusual so far, a line each, without the file's name."""
        return tuple(self._notes)

    def _content(self) -> bytes:
        try:
            path = require_regular_file(self.path, "expected a .glb or .gltf")
            if path.stat().st_size > _MOST_BYTES:
                raise self.fail(f"is larger than {_MOST_BYTES // 2**30} GiB; simplify it first")
            return path.read_bytes()
        except OSError as error:
            raise self.fail(f"cannot be read: {error.strerror or one_line(error)}") from error

    def _entries(self, name: str) -> list[JsonObject]:
        """A list at the top of the JSON, such as "nodes"; empty where the file has none."""
        found = self.json.get(name, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise self.fail(f'"{name}" must be a list of objects')
        return found

    def entry(self, name: str, index: object) -> JsonObject:
        """One object of such a list."""
        entries = self.entries(name)
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(entries):
            raise self.fail(f"index {index} into {name} is out of range, there are {len(entries)}")
        return entries[index]

    def floats(self, index: object, width: int, *, normalized: bool = False) -> np.ndarray:
        """An accessor (N, `width`) as float32, normalised where the file says so, or in any case."""
        entry = self.entry("accessors", index)
        values = self.accessor(index)
        if values.shape[1] != width:
            raise self.fail(f"accessor {index} is {entry.get('type')}, {width} numbers were expected")
        if values.dtype != np.float32:
            most = np.iinfo(values.dtype).max if normalized or entry.get("normalized", False) else 1
            values = np.maximum(values.astype(np.float64) / most, -1 if most > 1 else -np.inf).astype(np.float32)
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
        try:
            return self._array(entry)
        except ArrayError as error:
            raise self.fail(f"accessor {index} {error}") from error

    def _array(self, entry: JsonObject) -> np.ndarray:
        kind = entry.get("type")
        if kind not in _WIDTHS:
            raise ArrayError(f"is of type {kind!r}; known are {', '.join(_WIDTHS)}")
        width, dtype, count = _WIDTHS[kind], _number_type(entry), whole(entry.get("count"), "count")
        if "bufferView" in entry:
            values = self._numbers(entry, dtype, count, width)
        else:
            check_size(count + self._zeros // width, width)
            self._zeros += count * width
            values = np.zeros((count, width), dtype)
        if "sparse" in entry:
            sparse = entry["sparse"]
            changed, where, what = whole(sparse["count"], "sparse count"), sparse["indices"], sparse["values"]
            rows = self._numbers(where, _number_type(where), changed, 1)[:, 0]
            if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < count:
                raise ArrayError(f"changes row {int(rows.max())} of {count} (sparse)")
            values[rows] = self._numbers(what, dtype, changed, width)
        return values

    def _numbers(self, entry: JsonObject, dtype: np.dtype, count: int, width: int) -> np.ndarray:
        """Rows of numbers in the buffer view that an accessor, or a part of a sparse one, names."""
        view = self.entry("bufferViews", entry.get("bufferView"))
        stride = whole(view["byteStride"], "byteStride", least=1) if "byteStride" in view else None
        offset = whole(entry.get("byteOffset", 0), "byteOffset")
        return read_rows(self.view(entry.get("bufferView")), dtype, count, width, offset=offset, stride=stride)

    def view(self, index: object) -> memoryview:
        """The bytes of a buffer view."""
        entry = self.entry("bufferViews", index)
        for name in _UNREADABLE.keys() & _table(entry.get("extensions")).keys():
            raise self.compressed(name)
        data = self.buffer(entry.get("buffer"))
        try:
            start = whole(entry.get("byteOffset", 0), "byteOffset")
            length = whole(entry.get("byteLength"), "byteLength")
        except ArrayError as error:
            raise self.fail(f"bufferView {index} {error}") from error
        if start + length > len(data):
            raise self.fail(f"bufferView {index} wants bytes {start} to {start + length} of {len(data)}; cut short?")
        return memoryview(data)[start : start + length]

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
                if picture.width * picture.height > _MOST_PIXELS:
                    size = f"{picture.width} x {picture.height}"
                    raise self.fail(f"image {index} has {size} pixels; at most {_MOST_PIXELS} are read, scale it down")
                if picture.mode.startswith("I"):
                    # Grey of 16 bits; Pillow would cut it off at 255.
                    grey = np.asarray(picture.convert("I"), np.int64).clip(0, 65535) // 257
                    picture = Image.fromarray(grey.astype(np.uint8))
                return np.asarray(picture.convert("RGBA"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            if isinstance(error, InputError):
                raise
            raise self.fail(f"image {index} cannot be decoded: {one_line(error)}") from error

    def _resource(self, uri: object) -> bytes:
        """What a URI stands for: base64 data in it, or a file beside this one."""
        if not isinstance(uri, str):
            raise self.fail(f"has a URI that is no text but {type(uri).__name__}")
        if uri[:5].lower() == "data:":
            head, _, body = uri.partition(",")
            try:
                if not head.lower().endswith(";base64"):
                    return unquote_to_bytes(body)
                return base64.b64decode("".join(unquote(body).split()), validate=True)
            except (binascii.Error, ValueError) as error:
                raise self.fail(f"a data URI cannot be decoded: {one_line(error)}") from error
        path = companion(self.path.parent, uri, named_in=self.path, uri=True)
        try:
            return path.read_bytes()
        except OSError as error:
            raise self.fail(f"its companion {path} cannot be read: {error.strerror or one_line(error)}") from error

    def _parse(self, content: bytes) -> JsonObject:
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
        if not text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            raise self.fail("is neither a .glb nor a .gltf")
        found = parse_json(text, dict, source=str(self.path))
        if not isinstance(found.get("asset"), dict):
            raise self.fail('is JSON but not glTF, which has an "asset" at the top')
        return found

    def _check_version(self) -> None:
        version = str(self.json["asset"].get("version", "none"))
        if not version.startswith("2."):
            raise self.fail(f"is glTF {version}; version 2 is read, export it anew")

    def _check_extensions(self) -> None:
        required, used = (self._names(key) for key in ("extensionsRequired", "extensionsUsed"))
        for name in required:
            if name in _UNREADABLE:
                raise self.compressed(name)
            if name not in _READABLE and not name.startswith(_HARMLESS):
                raise self.fail(f"requires the extension {name}, which is not understood; export it without")
        unread = sorted({*required, *used} - _READABLE - _UNREADABLE.keys())
        if unread:
            self.note(f"what it says by {some_of(unread, 6)} is left out")

    def _names(self, key: str) -> list[str]:
        found = self.json.get(key, [])
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise self.fail(f'"{key}" must be a list of names')
        return found


def _printable(text: str) -> str:
    """Names in a file may hold line breaks and other controls, a message may not."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _number_type(entry: JsonObject) -> np.dtype:
    component = entry.get("componentType")
    if not isinstance(component, int) or component not in _COMPONENTS:
        raise ArrayError(f"has componentType {component!r}; known are {sorted(_COMPONENTS)}")
    return np.dtype(_COMPONENTS[component])


def _table(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}
