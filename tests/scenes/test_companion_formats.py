"""Every format whose files name others: no trick with a name makes its reader read outside the folder, or wait.

Beside the folder lies a secret, a valid file of the kind that the format asks for, so that only the refusal of its name
keeps it from being taken. Each reader is run with a time limit: one that waits for a pipe fails.
"""

import io
import json
import os
import shutil
import signal
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoetrope.scenes.datasets.coco import read_coco
from zoetrope.scenes.datasets.dataset import write_collection
from zoetrope.scenes.datasets.lassie import read_lassie
from zoetrope.scenes.datasets.nerfstudio_folder import read_nerfstudio
from zoetrope.scenes.datasets.stanford_extra import read_stanford_extra
from zoetrope.scenes.error import InputError
from zoetrope.scenes.mesh_file import read_mesh

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links as POSIX has them")

SIZE = (60, 40)


@pytest.fixture(autouse=True)
def hang_is_a_failure():
    """A reader that waits for a pipe fails its test after a minute, whatever it does with exceptions."""
    waited = []

    def expired(*_):
        waited.append(True)
        raise TimeoutError("something waits, perhaps for a pipe")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert not waited, "something waited, perhaps for a pipe"


class Photos:
    """A data set of one photo: what it wrote of the photo, or InputError."""

    def content(self):
        return photo_bytes()

    def read(self, folder, name):
        out = folder.parent / "out"
        self.write(folder, name)
        write_collection(self.dataset(folder), out)
        (photo,) = [path for path in out.iterdir() if path.suffix in (".png", ".jpg")]
        return photo.read_bytes()


class Coco(Photos):
    def write(self, folder, name):
        content = {
            "images": [{"id": 1, "file_name": name, "width": SIZE[0], "height": SIZE[1]}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": 1,
                    "category_id": 1,
                    "bbox": [5, 5, 30, 30],
                    "segmentation": [[5, 5, 35, 5, 9, 30]],
                }
            ],
            "categories": [{"id": 1, "name": "zebra"}],
        }
        (folder / "annotations.json").write_text(json.dumps(content))

    def dataset(self, folder):
        return read_coco(folder, "zebra")


class Stanford(Photos):
    def write(self, folder, name):
        entry = {"img_path": name, "img_width": SIZE[0], "img_height": SIZE[1], "img_bbox": [5, 5, 30, 30], "seg": ""}
        (folder / "StanfordExtra.json").write_text(json.dumps([{**entry, "joints": [[9, 9, 1]] * 24}]))

    def dataset(self, folder):
        return read_stanford_extra(folder, None)


class Nerfstudio(Photos):
    def write(self, folder, name):
        frame = {"file_path": name, "transform_matrix": np.eye(4).tolist(), "fl_x": 60, "w": SIZE[0], "h": SIZE[1]}
        (folder / "transforms.json").write_text(json.dumps({"frames": [frame]}))

    def dataset(self, folder):
        return read_nerfstudio(folder, None)


class Mesh:
    """A glTF of one triangle, through trimesh: its vertices."""

    def content(self):
        return struct.pack("<9f3H2x", 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 2)

    def read(self, folder, name):
        views = [{"buffer": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 6}]
        content = {
            "asset": {"version": "2.0"},
            "buffers": [{"uri": name, "byteLength": 44}],
            "bufferViews": views,
            "accessors": [
                {
                    "bufferView": 0,
                    "componentType": 5126,
                    "count": 3,
                    "type": "VEC3",
                    "min": [0, 0, 0],
                    "max": [1, 1, 0],
                },
                {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
            ],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
            "nodes": [{"mesh": 0}],
            "scenes": [{"nodes": [0]}],
            "scene": 0,
        }
        (folder / "a.gltf").write_text(json.dumps(content))
        vertices, _ = read_mesh(folder / "a.gltf")
        return struct.pack("<9f", *vertices.flatten().tolist()) + self.content()[36:]


FORMATS = {"coco": Coco(), "stanford-extra": Stanford(), "nerfstudio": Nerfstudio(), "mesh": Mesh()}


def photo_bytes():
    buffer = io.BytesIO()
    Image.fromarray(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(params=FORMATS)
def reader(request):
    return FORMATS[request.param]


@pytest.fixture
def folder(tmp_path, reader):
    """A folder with an inner one; beside it the secret, and links and pipes to be named."""
    inside = tmp_path / "given"
    (inside / "images").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(reader.content())
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    (inside / "up").symlink_to(tmp_path)
    (inside / "zero.png").symlink_to("/dev/zero")
    (inside / "images" / "chain.png").symlink_to("../link.png")
    os.mkfifo(inside / "pipe.png")
    (inside / "folder.png").mkdir()
    return inside


@pytest.mark.parametrize("name", ["own.png", "./own.png", "images\\..\\own.png", "OWN.PNG"])
def test_what_lies_in_the_folder_is_read(folder, reader, name):
    """Without this the refusals below would say nothing."""
    (folder / "own.png").write_bytes(reader.content())
    assert reader.read(folder, name) == reader.content()


TRICKS = [
    "../secret.png",
    "..\\secret.png",
    "images/../../secret.png",
    "images\\..\\..\\secret.png",
    "../given/../secret.png",
    "{root}/secret.png",
    "file://{root}/secret.png",
    "file:{root}/secret.png",
    "//localhost{root}/secret.png",
    "\\\\localhost\\secret.png",
    "C:\\secret.png",
    "C:secret.png",
    "link.png",
    "LINK.png",
    "images/chain.png",
    "zero.png",
    "pipe.png",
    "PIPE.png",
    "folder.png",
    "..%2Fsecret.png",
    "%2e%2e/secret.png",
    "%2e%2e%2fsecret.png",
    "%2e%2e%5csecret.png",
    "%2E%2E\\secret.png",
    "%252e%252e%252fsecret.png",
    "%2F{root}/secret.png",
    "%66ile://{root}/secret.png",
    "secret.png",
    "",
    "own.png\0",
    "\uff0e\uff0e/secret.png",
]


@pytest.mark.parametrize("name", TRICKS)
def test_nothing_outside_of_the_folder_is_read(folder, reader, name):
    with pytest.raises(InputError) as caught:
        reader.read(folder, name.format(root=folder.parent))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["up/secret.png", "UP/secret.png"])
@pytest.mark.parametrize("reader", [Coco(), Nerfstudio(), Mesh()], ids=["coco", "nerfstudio", "mesh"])
def test_links_of_folders_are_not_followed(folder, reader, name):
    """But those of StanfordExtra's breeds, which people keep on other disks as they do the folder of all photos."""
    with pytest.raises(InputError):
        reader.read(folder, name)


@pytest.mark.parametrize("reader", [Coco(), Stanford(), Nerfstudio()], ids=["coco", "stanford-extra", "nerfstudio"])
def test_the_folder_of_photos_may_be_a_link(tmp_path, reader):
    """Its user laid it out."""
    (tmp_path / "given").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "own.png").write_bytes(photo_bytes())
    (tmp_path / "given" / "images").symlink_to(tmp_path / "disk")
    for name in ("own.png", "images/own.png"):
        assert reader.read(tmp_path / "given", name) == photo_bytes()
        shutil.rmtree(tmp_path / "out")


def test_lassie_takes_its_photos_from_its_folder_only(tmp_path):
    """Its names are ids in a table."""
    root = tmp_path / "given"
    (root / "annotations").mkdir(parents=True)
    (root / "images" / "zebra").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(photo_bytes())
    marks = json.dumps([{"x": 50, "y": 50, "keypointlabels": ["Left eye"]}]).replace('"', '""')

    def read(number):
        (root / "annotations" / "zebra.csv").write_text(f'id,kps\n{number},"{marks}"\n')
        return write_collection(read_lassie(root, "zebra"), tmp_path / "out")

    (root / "images" / "zebra" / "input_link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(root / "images" / "zebra" / "input_pipe.png")
    for number in ("1/../../../../secret", "/../../../../secret", "link", "pipe", "%2e%2e"):
        with pytest.raises(InputError):
            read(number)
    (root / "images" / "zebra" / "input_7.png").write_bytes(photo_bytes())
    assert read("7").photo_count == 1


@pytest.mark.parametrize("read", [lambda path: read_coco(path, None), lambda path: read_stanford_extra(path, None)])
@pytest.mark.parametrize("kind", ["pipe", "device", "deep"])
def test_the_annotations_themselves(tmp_path, read, kind):
    path = tmp_path / "annotations.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_text("[" * 100_000)
    for source in (path, tmp_path):
        with pytest.raises(InputError, match="deep" if kind == "deep" else f"is a {kind}"):
            read(Path(source))
