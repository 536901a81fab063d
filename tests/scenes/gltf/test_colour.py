"""Coats that are not in the base colour, and all that says where in a picture a colour is looked up."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.representations.rendering.shading import srgb_from_linear
from zoetrope.scenes.gltf.file import GltfFile
from zoetrope.scenes.gltf.subject import load_gltf

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "gltf"
BLACK = {"baseColorFactor": [0, 0, 0, 1]}
COAT = [0.5, 0.28, 0.1]
GLOSSY = "KHR_materials_pbrSpecularGlossiness"
ENCODED = (srgb_from_linear(torch.tensor(COAT)) * 255).round().numpy()
QUARTERS = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]]
"""Red and green above, blue and white below."""


def _dog(box_dog, material, prepare=None, attributes=None):
    """The box dog in one material, with a picture 0 of four colours, and what its vertices say besides."""

    def change(content, add):
        content["materials"] = [material]
        content["images"] = [{"uri": _uri(QUARTERS)}, {"uri": _uri([[[0, 0, 0]]])}]
        content["samplers"] = [{"magFilter": 9728}]
        content["textures"] = [{"source": 0, "sampler": 0}, {"source": 1, "sampler": 0}]
        for mesh in content["meshes"]:
            for primitive in mesh["primitives"]:
                primitive["material"] = 0
                for name, place in (attributes or {}).items():
                    kind = {2: "VEC2", 3: "VEC3", 4: "VEC4"}[len(place)]
                    whole = isinstance(place[0], int) and name.startswith("COLOR")
                    primitive["attributes"][name] = add(np.tile(place, (8, 1)), kind, 5123 if whole else 5126)
        if prepare is not None:
            prepare(content)

    return load_gltf(box_dog("dog", change=change), resolution=64)


def _uri(pixels):
    encoded = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(encoded, format="PNG")
    return "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode()


def _colour(subject):
    body = subject.sitter()
    column, row = (body.uv[body.uv_faces].mean(1) * body.texture.shape[0]).long().unbind(1)
    colours = np.unique(body.texture[row, column].numpy(), axis=0)
    assert len(colours) == 1
    return colours[0]


@pytest.mark.parametrize(
    "material",
    [
        {"pbrMetallicRoughness": BLACK, "emissiveFactor": COAT},
        # Nothing is said of the base colour, which would be white.
        {"emissiveFactor": COAT},
        {"pbrMetallicRoughness": {"metallicFactor": 0}, "emissiveFactor": COAT},
        {"pbrMetallicRoughness": {"baseColorTexture": {"index": 1}}, "emissiveFactor": COAT},
        {
            "pbrMetallicRoughness": BLACK,
            "emissiveFactor": [c / 2 for c in COAT],
            "extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": 2}},
        },
        {"extensions": {GLOSSY: {"diffuseFactor": [0, 0, 0, 1], "specularFactor": COAT}}},
        {"extensions": {GLOSSY: {"diffuseFactor": [*COAT, 1], "specularFactor": [0, 0, 0]}}},
        {"extensions": {GLOSSY: {"diffuseFactor": [0, 0, 0, 1]}}, "emissiveFactor": COAT},
        {"pbrMetallicRoughness": {"baseColorFactor": [*COAT, 1]}, "extensions": {"KHR_materials_unlit": {}}},
    ],
)
def test_the_coat_shows_wherever_it_is_written(box_dog, material):
    subject = _dog(box_dog, material, attributes={"TEXCOORD_0": (0.5, 0.5)})
    np.testing.assert_array_equal(_colour(subject), ENCODED)
    assert any("shine" in note for note in subject.notes) == ("emissiveFactor" in material)


def test_light_beyond_white_keeps_its_hue(box_dog):
    material = {"pbrMetallicRoughness": BLACK, "emissiveFactor": [1.0, 0.5, 0.25]}
    material["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": 40}}
    expected = (srgb_from_linear(torch.tensor([1, 0.5, 0.25])) * 255).round().numpy()
    np.testing.assert_array_equal(_colour(_dog(box_dog, material)), expected)


def test_the_stronger_of_both_shows(box_dog):
    """Eyes that glow in a coat that reflects: the coat stays as it is, and what shines in vain is not seen."""
    base = {"pbrMetallicRoughness": {"baseColorFactor": [*COAT, 1]}}
    np.testing.assert_array_equal(_colour(_dog(box_dog, {**base, "emissiveFactor": [0.1, 0.1, 0.05]})), ENCODED)
    green = _colour(_dog(box_dog, {**base, "emissiveFactor": [0, 1, 0]}))
    np.testing.assert_array_equal(green, [ENCODED[0], 255, ENCODED[2]])
    unlit = {**base, "emissiveFactor": [0, 1, 0], "extensions": {"KHR_materials_unlit": {}}}
    np.testing.assert_array_equal(_colour(_dog(box_dog, unlit)), ENCODED)


@pytest.mark.parametrize(
    ("uv", "info", "colour"),
    [
        ({"TEXCOORD_0": (0.2, 0.2)}, {}, [255, 0, 0]),
        ({"TEXCOORD_0": (0.2, 0.2), "TEXCOORD_1": (0.8, 0.2)}, {"texCoord": 1}, [0, 255, 0]),
        (
            {"TEXCOORD_0": (0.2, 0.2), "TEXCOORD_2": (0.2, 0.2)},
            {"extensions": {"KHR_texture_transform": {"offset": [0, 0.5], "texCoord": 2}}},
            [0, 0, 255],
        ),
    ],
)
def test_emission_has_texture_coordinates_of_its_own(box_dog, uv, info, colour):
    """The base colour is looked up in set 0, in a picture that is black."""
    material = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 1}},
        "emissiveFactor": [1, 1, 1],
        "emissiveTexture": {"index": 0, **info},
    }
    np.testing.assert_array_equal(_colour(_dog(box_dog, material, attributes=uv)), colour)
    swapped = {"pbrMetallicRoughness": {"baseColorTexture": material["emissiveTexture"]}}
    np.testing.assert_array_equal(_colour(_dog(box_dog, swapped, attributes=uv)), colour)


def test_vertex_colours_of_any_kind_multiply_the_base_alone(box_dog):
    half = (srgb_from_linear(torch.tensor([0.5, 1, 0.25])) * 255).round().numpy()
    whole = {"COLOR_0": (32768, 65535, 16384)}  # not marked as normalised
    for attributes in ({"COLOR_0": (0.5, 1.0, 0.25)}, {"COLOR_0": (0.5, 1.0, 0.25, 1.0)}, whole):
        np.testing.assert_allclose(_colour(_dog(box_dog, {}, attributes=attributes)), half, atol=1)
    shining = {"emissiveFactor": [0.01, 0, 0]}  # a base colour by its vertices alone
    np.testing.assert_allclose(_colour(_dog(box_dog, shining, attributes=whole)), half, atol=1)
    black = {"pbrMetallicRoughness": BLACK, "emissiveFactor": COAT}
    np.testing.assert_array_equal(_colour(_dog(box_dog, black, attributes=whole)), ENCODED)


def test_missing_texture_coordinates_are_zeros_as_in_viewers(box_dog):
    subject = _dog(box_dog, {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    np.testing.assert_array_equal(_colour(subject), [255, 0, 0])
    assert subject.notes == ("material 0 has a texture, but a mesh of it no TEXCOORD_0: taken as zeros",)


def test_what_is_left_out_is_noted(box_dog):
    def prepare(content):
        content["extensionsUsed"] = ["KHR_lights_punctual", "KHR_materials_transmission", "KHR_materials_unlit"]
        content["meshes"][0]["primitives"][0]["mode"] = 1
        content["scenes"].append({"nodes": [0]})
        content["materials"][0]["alphaMode"] = "DITHER"

    notes = _dog(box_dog, {}, prepare).notes
    assert "what it says by KHR_lights_punctual, KHR_materials_transmission is left out" in notes
    assert "its points and lines are no surface and are left out" in notes
    assert "of its 2 scenes the one that it opens with is taken" in notes
    assert any("alphaMode 'DITHER'" in note for note in notes)


def test_hidden_nodes_are_not_there(box_dog):
    """KHR_node_visibility; what hangs on a hidden node is hidden with it."""

    def prepare(content):
        content["nodes"].append({"mesh": 0, "translation": [9, 0, 0]})
        hidden = {"extensions": {"KHR_node_visibility": {"visible": False}}}
        content["nodes"].append({"children": [len(content["nodes"]) - 1], **hidden})
        content["scenes"][0]["nodes"].append(len(content["nodes"]) - 1)

    plain = _dog(box_dog, {})
    assert len(_dog(box_dog, {}, prepare).sitter().vertices) == len(plain.sitter().vertices)


def test_grey_pictures_of_16_bits_keep_their_greys(tmp_path):
    grey = np.array([[0, 257 * 40, 257 * 128, 65535]], np.uint16)
    encoded = io.BytesIO()
    Image.fromarray(grey).save(encoded, format="PNG")
    path = tmp_path / "a.gltf"
    uri = "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode()
    path.write_text(f'{{"asset": {{"version": "2.0"}}, "images": [{{"uri": "{uri}"}}]}}')
    np.testing.assert_array_equal(GltfFile(path).image(0)[0, :, 0], [0, 40, 128, 255])


@pytest.mark.skipif(not CASES.is_dir(), reason="no shared/cases beside the repository")
def test_the_case_of_emission_alone_has_the_reference_s_coat():
    wanted, found = (load_gltf(CASES / f"{name}.glb", resolution=64) for name in ("reference_dog", "emission_only"))
    assert torch.equal(found.sitter().texture, wanted.sitter().texture)
    assert found.notes
