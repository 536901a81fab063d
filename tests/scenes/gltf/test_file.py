"""The container: numbers come out as they were put in, however they are stored; broken files say what is wrong."""

import base64
import io
import json
import struct

import numpy as np
import pytest
from PIL import Image

from zoetrope.scenes.error import InputError
from zoetrope.scenes.gltf.file import GltfFile

ASSET = {"version": "2.0"}


def _gltf(path, content, **more):
    uri = "data:application/octet-stream;base64," + base64.b64encode(content).decode()
    body = {"asset": ASSET, "buffers": [{"uri": uri, "byteLength": len(content)}], **more}
    path.write_text(json.dumps(body))
    return GltfFile(path)


def _glb(path, body, binary=b"", version=2):
    text = json.dumps(body).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    path.write_bytes(struct.pack("<4sII", b"glTF", version, 12 + len(chunks)) + chunks)
    return path


def _accessor(component, kind, count, **more):
    return {"bufferView": 0, "componentType": component, "type": kind, "count": count, **more}


def test_interleaved_numbers_are_taken_apart(tmp_path):
    rows = np.zeros(3, np.dtype([("place", "<f4", 3), ("joints", "u1", 4), ("uv", "<u2", 2)]))
    rows["place"] = np.arange(9).reshape(3, 3) / 7
    rows["joints"] = np.arange(12).reshape(3, 4)
    rows["uv"] = [[0, 65535], [13107, 52428], [32768, 1]]
    file = _gltf(
        tmp_path / "a.gltf",
        rows.tobytes(),
        bufferViews=[{"buffer": 0, "byteLength": rows.nbytes, "byteStride": rows.itemsize}],
        accessors=[
            _accessor(5126, "VEC3", 3),
            _accessor(5121, "VEC4", 3, byteOffset=12),
            _accessor(5123, "VEC2", 3, byteOffset=16, normalized=True),
        ],
    )
    np.testing.assert_array_equal(file.floats(0, 3), rows["place"])
    np.testing.assert_array_equal(file.integers(1, 4), rows["joints"])
    np.testing.assert_allclose(file.floats(2, 2), rows["uv"] / 65535, atol=1e-7)


@pytest.mark.parametrize(
    ("component", "stored", "expected"),
    [
        (5120, np.array([-128, -127, 0, 127], np.int8), [-1, -1, 0, 1]),
        (5121, np.array([0, 51, 255, 102], np.uint8), [0, 0.2, 1, 0.4]),
        (5122, np.array([-32768, -32767, 0, 32767], np.int16), [-1, -1, 0, 1]),
        (5123, np.array([0, 13107, 65535, 0], np.uint16), [0, 0.2, 1, 0]),
    ],
)
def test_normalised_integers_become_shares(tmp_path, component, stored, expected):
    file = _gltf(
        tmp_path / "a.gltf",
        stored.tobytes(),
        bufferViews=[{"buffer": 0, "byteLength": stored.nbytes}],
        accessors=[_accessor(component, "SCALAR", 4, normalized=True), _accessor(component, "SCALAR", 4)],
    )
    np.testing.assert_allclose(file.floats(0, 1)[:, 0], expected, atol=1e-7)
    np.testing.assert_array_equal(file.floats(1, 1)[:, 0], stored)


def test_sparse_accessors_change_some_rows(tmp_path):
    base, rows, changed = np.arange(8, dtype="<f4"), np.array([1, 3], "<u2"), np.array([-1, -2, -3, -4], "<f4")
    content = base.tobytes() + rows.tobytes() + changed.tobytes()
    sparse = {"count": 2, "indices": {"bufferView": 1, "componentType": 5123}, "values": {"bufferView": 2}}
    views = [(0, 32), (32, 4), (36, 16)]
    file = _gltf(
        tmp_path / "a.gltf",
        content,
        bufferViews=[{"buffer": 0, "byteOffset": start, "byteLength": length} for start, length in views],
        accessors=[
            _accessor(5126, "VEC2", 4, sparse=sparse),
            {"componentType": 5126, "type": "VEC2", "count": 4, "sparse": sparse},
            _accessor(5126, "VEC2", 2, sparse=sparse),
        ],
    )
    np.testing.assert_array_equal(file.floats(0, 2), [[0, 1], [-1, -2], [4, 5], [-3, -4]])
    np.testing.assert_array_equal(file.floats(1, 2), [[0, 0], [-1, -2], [0, 0], [-3, -4]])
    with pytest.raises(InputError, match="changes row 3 of 2"):
        file.floats(2, 2)


def test_binary_data_uri_and_companion_read_alike(tmp_path):
    values = np.arange(6, dtype="<f4")
    view = {"bufferViews": [{"buffer": 0, "byteLength": 24}], "accessors": [_accessor(5126, "VEC3", 2)]}
    inline = _gltf(tmp_path / "inline.gltf", values.tobytes(), **view)
    binary = GltfFile(
        _glb(tmp_path / "b.glb", {"asset": ASSET, "buffers": [{"byteLength": 24}], **view}, values.tobytes())
    )
    (tmp_path / "the data.bin").write_bytes(values.tobytes())
    body = {"asset": ASSET, "buffers": [{"uri": "the%20data.bin", "byteLength": 24}], **view}
    (tmp_path / "beside.gltf").write_text(json.dumps(body))
    for file in (inline, binary, GltfFile(tmp_path / "beside.gltf")):
        np.testing.assert_array_equal(file.floats(0, 3), values.reshape(2, 3))


def test_pictures_come_as_stored(tmp_path):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 3, 4)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format="PNG")
    file = _gltf(
        tmp_path / "a.gltf",
        encoded.getvalue(),
        bufferViews=[{"buffer": 0, "byteLength": len(encoded.getvalue())}],
        images=[{"bufferView": 0, "mimeType": "image/png"}, {"uri": "data:image/png;base64,AAAA"}],
    )
    np.testing.assert_array_equal(file.image(0), pixels)
    with pytest.raises(InputError, match="image 1 cannot be decoded"):
        file.image(1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"asset": {"version": "1.0"}}, "is glTF 1.0; version 2 is read"),
        ({"scenes": []}, "is JSON but not glTF"),
        (
            {"asset": ASSET, "extensionsRequired": ["KHR_draco_mesh_compression"]},
            "compressed with KHR_draco_mesh_compression; unpack it with: npx @gltf-transform/cli copy",
        ),
        (
            {"asset": ASSET, "extensionsRequired": ["EXT_meshopt_compression"]},
            "compressed with EXT_meshopt_compression; unpack it with: npx",
        ),
        ({"asset": ASSET, "extensionsRequired": ["ACME_shape"]}, "requires the extension ACME_shape"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path, body, message):
    path = tmp_path / "a.gltf"
    path.write_text(json.dumps(body))
    with pytest.raises(InputError, match=message) as caught:
        GltfFile(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_broken_containers_are_refused(tmp_path):
    body = {"asset": ASSET, "buffers": [{"byteLength": 24}], "bufferViews": [{"buffer": 0, "byteLength": 24}]}
    whole = _glb(tmp_path / "whole.glb", {**body, "accessors": [_accessor(5126, "VEC3", 3)]}, bytes(24))
    with pytest.raises(InputError, match="accessor 0 reads 36 bytes where 24 are"):
        GltfFile(whole).floats(0, 3)
    (tmp_path / "short.glb").write_bytes(whole.read_bytes()[:-10])
    with pytest.raises(InputError, match="cut short"):
        GltfFile(tmp_path / "short.glb")
    (tmp_path / "noise.glb").write_bytes(b"\xff\xfe\x00noise")
    with pytest.raises(InputError, match=r"neither a \.glb nor a \.gltf"):
        GltfFile(tmp_path / "noise.glb")
    with pytest.raises(InputError, match="version 1"):
        GltfFile(_glb(tmp_path / "old.glb", body, version=1))
    with pytest.raises(InputError, match="No such file"):
        GltfFile(tmp_path / "nowhere.glb")
    nan = _gltf(
        tmp_path / "nan.gltf",
        np.array([1, np.nan, np.inf], "<f4").tobytes(),
        bufferViews=[{"buffer": 0, "byteLength": 12}],
        accessors=[_accessor(5126, "VEC3", 1)],
    )
    with pytest.raises(InputError, match="2 numbers that are not finite"):
        nan.floats(0, 3)


@pytest.mark.parametrize("uri", ["https://example.org/a.bin", "/etc/hostname", "file:///etc/hostname"])
def test_only_companions_are_opened(tmp_path, uri):
    path = tmp_path / "a.gltf"
    path.write_text(json.dumps({"asset": ASSET, "buffers": [{"uri": uri, "byteLength": 4}]}))
    with pytest.raises(InputError, match=r"a\.gltf names '.*the file into the folder and name it by its path there"):
        GltfFile(path).buffer(0)
    path.write_text(json.dumps({"asset": ASSET, "buffers": [{"uri": "gone.bin", "byteLength": 4}]}))
    with pytest.raises(InputError, match=r"a\.gltf names 'gone\.bin', which is no file"):
        GltfFile(path).buffer(0)
