"""Files that lie: nothing is allocated because a header says so, and nothing is read from outside their folder."""

import base64
import json
import os
import struct
import unicodedata

import numpy as np
import pytest

from zoetrope.scenes.error import InputError
from zoetrope.scenes.gltf.file import GltfFile
from zoetrope.scenes.gltf.motion import GltfMotions
from zoetrope.scenes.gltf.subject import load_gltf

SECRET = b"\x00\x00\x80\x3f" * 6
"""Two points, as a buffer that somebody else owns."""


def _content(accessor=None, view=None, **more):
    uri = "data:application/octet-stream;base64," + base64.b64encode(SECRET).decode()
    return {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": uri, "byteLength": len(SECRET)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(SECRET), **(view or {})}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 2, **(accessor or {})}],
        **more,
    }


def _written(tmp_path, content):
    path = tmp_path / "a.gltf"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_plain_file_is_read(tmp_path):
    np.testing.assert_array_equal(GltfFile(_written(tmp_path, _content())).floats(0, 3), np.ones((2, 3)))
    floats = _content({"count": 2.0, "byteOffset": 0.0})
    np.testing.assert_array_equal(GltfFile(_written(tmp_path, floats)).floats(0, 3), np.ones((2, 3)))


_SPARSE = {"indices": {"bufferView": 0, "componentType": 5125}, "values": {"bufferView": 0}}


@pytest.mark.parametrize(
    ("accessor", "view", "message"),
    [
        ({"count": 10**12}, {}, "announces 1000000000000 rows of 3; at most 100000000 numbers are read"),
        ({"count": 1e300}, {}, "at most 100000000 numbers"),
        ({"count": 10**12, "bufferView": None}, {}, "announces 1000000000000 rows of 3; at most 100000000 numbers"),
        ({"count": -1}, {}, "a count of -1; a whole number of at least 0"),
        ({"count": 2.5}, {}, "a count of 2|whole number"),
        ({"count": True}, {}, "a count of True"),
        ({"count": "2"}, {}, "a count of '2'"),
        ({"count": None}, {}, "a count of None"),
        ({"count": 3}, {}, "reads 36 bytes where 24 are"),
        ({"byteOffset": 10**18}, {}, "bytes where 24 are"),
        ({"byteOffset": -12}, {}, "a byteOffset of -12"),
        ({"type": "VEC9"}, {}, "of type 'VEC9'"),
        ({"componentType": 5130}, {}, "componentType 5130"),
        ({"componentType": [5126]}, {}, "componentType"),
        ({}, {"byteStride": 0}, "a byteStride of 0"),
        ({}, {"byteStride": 4}, "rows of 12 bytes but a byteStride of 4"),
        ({}, {"byteStride": 10**15}, "bytes where 24 are"),
        ({}, {"byteStride": "x"}, "a byteStride of 'x'"),
        ({}, {"byteOffset": 12}, "wants bytes 12 to 36 of 24"),
        ({}, {"byteLength": 10**14}, "wants bytes 0 to 100000000000000 of 24"),
        ({}, {"byteLength": -1}, "a byteLength of -1"),
        ({"sparse": {"count": 10**12, **_SPARSE}}, {}, "at most 100000000 numbers"),
        ({"sparse": {"count": -3, **_SPARSE}}, {}, "a sparse count of -3"),
        ({"sparse": {"count": 1, **_SPARSE}}, {}, "changes row 1065353216 of 2"),
    ],
)
def test_what_an_accessor_announces_is_checked_first(tmp_path, accessor, view, message):
    content = _content(accessor, view)
    if "bufferView" in accessor:
        del content["accessors"][0]["bufferView"]
    with pytest.raises(InputError, match=message) as caught:
        GltfFile(_written(tmp_path, content)).floats(0, 3)
    assert "\n" not in str(caught.value)


def test_zeros_that_are_nowhere_stored_have_a_cap_together(tmp_path):
    nowhere = {"componentType": 5121, "type": "SCALAR", "count": 60_000_000}
    content = _content()
    content["accessors"] = [nowhere, dict(nowhere)]
    file = GltfFile(_written(tmp_path, content))
    assert len(file.accessor(0)) == 60_000_000
    with pytest.raises(InputError, match="at most 100000000 numbers"):
        file.accessor(1)


def test_a_mesh_that_is_shown_again_and_again_is_refused(tmp_path):
    content = _content(
        {"bufferView": 0, "count": 2},
        meshes=[{"primitives": [{"attributes": {"POSITION": 0}}]}],
        nodes=[{"mesh": 0} for _ in range(20)],
    )
    del content["accessors"][0]["bufferView"]
    content["accessors"][0]["count"] = 300_000
    with pytest.raises(InputError, match="more than 4000000 vertices"):
        load_gltf(_written(tmp_path, content))


def test_a_curve_of_years_is_refused(box_dog):
    def change(content, add):
        walk = content["animations"][0]
        walk["samplers"] = [
            {
                "input": add([0.0, 1e9], "SCALAR"),
                "output": add([[0.0, 0, 0, 1]] * 6, "VEC4"),
                "interpolation": "CUBICSPLINE",
            }
        ] * 5

    motions = GltfMotions(box_dog("a", change=change))
    with pytest.raises(InputError, match="30000000000 moments of 15 nodes; cut it shorter"):
        motions.motion(motions.clips[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "neither a .glb nor a .gltf"),
        ('{"asset": ' + "[" * 200_000, "deep"),
        ('{"asset": ' + "[" * 200_000 + "]" * 200_000 + "}", "deep"),
        ('{"asset": {"version": "2.0"}, "nodes": [{"translation": [1' + "0" * 5000 + ",0,0]}]}", "digits"),
        ('{"asset": 7}', '"asset" at the top'),
        ('{"asset": {"version": "2.0"}, "extensionsRequired": "KHR"}', "must be a list of names"),
        ('{"asset": {"version": "2.0"}, "extensionsUsed": [7]}', "must be a list of names"),
        ('{"asset": {"version": "2.0"}, "nodes": {"0": {}}}', '"nodes" must be a list'),
        ('{"asset": {"version": "2.0"}, "nodes": [{"mesh": [0]}], "meshes": [{}]}', "out of range"),
        ('{"asset": {"version": "2.0"}, "nodes": [{"mesh": true}], "meshes": [{}, {}]}', "out of range"),
        ('{"asset": {"version": "2.0"}, "nodes": [{"matrix": [1, 2]}]}', "is not valid glTF"),
        ('{"asset": {"version": "2.0"}, "nodes": [{"matrix": [' + "NaN," * 15 + "1]}]}", "not finite"),
        ('{"asset": {"version": "2.0"}, "nodes": [{"scale": [1, NaN, 1]}]}', "node 0 has a scale that is not finite"),
        ('{"asset": {"version": "2.0"}, "materials": [{"emissiveFactor": [1]}]}', "three numbers are expected"),
        ('{"asset": {"version": "2.0"}, "materials": [{"extensions": 5}]}', "is not valid glTF"),
        ("", "neither"),
        ("\x00\x01", "neither"),
    ],
)
def test_json_that_is_not_what_it_should_be_is_one_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        load_gltf(_written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def _morphs_without_weights(content, add):
    primitive = content["meshes"][0]["primitives"][0]
    primitive["targets"] = [{"POSITION": add(np.zeros((8, 3)), "VEC3")}] * 3
    sampler = {"input": add([0.0, 1.0], "SCALAR"), "output": add([0.0, 1.0], "SCALAR")}
    channel = {"sampler": 0, "target": {"node": 14, "path": "weights"}}
    content["animations"].append({"name": "Blink", "channels": [channel], "samplers": [sampler]})


def _texture_far_away(content, add):
    content["materials"][0] = {
        "emissiveFactor": [1, 1, 1],
        "emissiveTexture": {"index": 0, "extensions": {"KHR_texture_transform": {"offset": [float("nan"), 0]}}},
    }
    content["textures"], content["images"] = [{"source": 0}], [{"uri": PIXEL}]


def _deep_chain(content, add):
    first = len(content["nodes"])
    content["nodes"] += [{"children": [first + k + 1]} for k in range(6000)]
    content["nodes"].append({"mesh": 0})
    content["scenes"][0]["nodes"].append(first)


def _humanoid_of_no_node(content, add):
    content["extensions"] = {"VRM": {"humanoid": {"humanBones": [{"bone": "hips", "node": 99}]}}}


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)
"""A picture of one pixel."""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_texture_far_away, "a texture transform .* goes too far"),
        (_deep_chain, "nodes that move its surface, at most 5000 are read"),
        (_humanoid_of_no_node, "index 99 into nodes is out of range"),
    ],
)
def test_numbers_that_would_be_stumbled_over_later_are_refused(box_dog, change, message):
    with pytest.raises(InputError, match=message):
        load_gltf(box_dog("a", change=change), resolution=64)


def test_a_clip_with_too_few_weights_is_left_out(box_dog):
    subject = load_gltf(box_dog("a", change=_morphs_without_weights), resolution=64)
    assert subject.clip_names == ("Walk",)
    assert "has 1 weights for the 3 morphs of node 14" in subject.notes[0]


def test_a_binary_file_with_deep_json_is_one_line(tmp_path):
    text = b'{"asset": ' + b"[" * 100_000 + b" " * 2
    path = tmp_path / "a.glb"
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 20 + len(text)) + struct.pack("<I4s", len(text), b"JSON") + text)
    with pytest.raises(InputError, match="deep"):
        load_gltf(path)


@pytest.mark.parametrize(
    ("extension", "where"),
    [
        ("KHR_draco_mesh_compression", "required"),
        ("EXT_meshopt_compression", "required"),
        ("KHR_draco_mesh_compression", "used"),
        ("EXT_meshopt_compression", "used"),
    ],
)
def test_compressed_files_say_how_to_unpack_them(tmp_path, extension, where):
    content = _content(
        nodes=[{"mesh": 0}],
        meshes=[{"primitives": [{"attributes": {"POSITION": 0}}]}],
        extensionsUsed=[extension],
    )
    if where == "required":
        content["extensionsRequired"] = [extension]
    elif "draco" in extension:
        del content["accessors"][0]["bufferView"]
        content["meshes"][0]["primitives"][0]["extensions"] = {extension: {"bufferView": 0, "attributes": {}}}
    else:
        content["bufferViews"][0]["extensions"] = {extension: {"buffer": 0, "count": 2, "byteStride": 12}}
    with pytest.raises(InputError, match=f"is compressed with {extension}; unpack it with: npx"):
        load_gltf(_written(tmp_path, content))


@pytest.fixture
def folder(tmp_path):
    """A folder with a buffer in it, and buffers outside that nobody may read."""
    inside = tmp_path / "inside"
    (inside / "data").mkdir(parents=True)
    for place in (tmp_path / "secret.bin", inside / "data" / "Own Points.bin", inside / "étoile.bin"):
        place.write_bytes(SECRET)
    (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    (inside / "linked").symlink_to(tmp_path)
    (inside / "zero.bin").symlink_to("/dev/zero")
    os.mkfifo(inside / "pipe.bin")
    return inside


def _points(folder, uri):
    path = folder / "a.gltf"
    content = _content()
    content["buffers"][0]["uri"] = uri
    path.write_text(json.dumps(content))
    return GltfFile(path).floats(0, 3)


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.bin", "data/../../secret.bin", "..\\secret.bin", "data\\..\\..\\secret.bin", "%2e%2e/secret.bin",
        "..%2Fsecret.bin", "..%5Csecret.bin", "%2e%2e%2fsecret.bin", "link.bin", "linked/secret.bin",
        "{root}/secret.bin", "%2F{root}/secret.bin", "file://{root}/secret.bin", "\\\\server\\secret.bin",
        "C:\\secret.bin", "C:secret.bin", "//server/secret.bin", "https://example.org/secret.bin", "zero.bin",
        "pipe.bin", "", ".", "data", "a\0b", "/dev/zero", "/dev/stdin",
    ],
)  # fmt: skip
def test_nothing_outside_the_folder_is_read(folder, uri):
    with pytest.raises(InputError, match=r"a\.gltf names") as caught:
        _points(folder, uri.replace("{root}", str(folder.parent)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "data/Own Points.bin", "data/Own%20Points.bin", "data\\Own Points.bin", "DATA/own points.BIN",
        "./data/Own%20Points.bin", "data/../data/Own%20Points.bin", unicodedata.normalize("NFD", "étoile.bin"),
        "%C3%A9toile.bin", "data:application/octet-stream," + "%00%00%80%3F" * 6,
        "DATA:;base64," + base64.b64encode(SECRET).decode(),
    ],
)  # fmt: skip
def test_companions_are_found_however_they_are_spelled(folder, uri):
    np.testing.assert_array_equal(_points(folder, uri), np.ones((2, 3)))


def test_pictures_come_through_the_same_door(folder):
    path = folder / "a.gltf"
    path.write_text(json.dumps({"asset": {"version": "2.0"}, "images": [{"uri": "../secret.bin"}, {"uri": 7}]}))
    with pytest.raises(InputError, match=r"a\.gltf names '\.\./secret\.bin', which leads out of"):
        GltfFile(path).image(0)
    with pytest.raises(InputError, match="a URI that is no text"):
        GltfFile(path).image(1)


def test_the_file_itself_must_be_a_file(folder):
    for path in (folder / "pipe.bin", folder, "/dev/zero"):
        with pytest.raises(InputError, match="not a file"):
            GltfFile(path)
