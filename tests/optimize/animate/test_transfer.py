"""Runs that give each other textures, poses and shapes: what is written, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from zoetrope.cli import main
from zoetrope.optimize.animate.transfer import TransferConfig, transfer
from zoetrope.representations.atlas import unwrap
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.gltf_export import write_glb
from zoetrope.scenes.gltf.file import GltfFile
from zoetrope.scenes.gltf.material import read_materials
from zoetrope.scenes.gltf.node import read_nodes
from zoetrope.scenes.subject import Subject, save_subject


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[[str, int, float], Path]:
    """Writes a run of a ball on a quadruped's skeleton, of a grey and of a width, with one photo's instance."""

    def write(name: str, grey: int, width: float) -> Path:
        directions, faces = icosphere(2)
        atlas = unwrap(directions, faces, resolution=32)
        skeleton = template("quadruped").skeleton
        weights = torch.zeros(len(directions), len(skeleton))
        weights[:, skeleton.index("neck")] = 1
        part = torch.zeros(len(directions), dtype=torch.int64)
        vertices = directions * torch.tensor([width, 0.3, 0.3])
        mesh = SkinnedMesh(vertices, faces, weights, part, directions, atlas.uv, atlas.uv_faces)
        texture = torch.full((32, 32, 3), grey, dtype=torch.uint8)
        run = tmp_path / name
        save_subject(run / "checkpoints" / "subject.safetensors", Subject(mesh, skeleton, texture))
        pose = torch.zeros(len(skeleton), 3)
        pose[skeleton.index("neck"), 0] = width
        write_glb(run / "instances" / "beach.glb", mesh, skeleton, pose=quaternion_from_vector(pose))
        return run

    return write


def test_each_lending_leaves_models_and_a_picture(write_run: Callable[[str, int, float], Path]) -> None:
    source, target = write_run("source", 200, 0.6), write_run("target", 60, 0.2)
    before = (target / "checkpoints" / "subject.safetensors").read_bytes()
    model, picture = transfer(TransferConfig(what="texture", source=source, target=target))
    assert model == target / "export" / "texture_of_source.glb"
    found = read_materials(GltfFile(model))[0].picture
    assert found is not None
    # Linear light.
    assert float(found.pixels[..., :3].mean()) == pytest.approx(((200 / 255 + 0.055) / 1.055) ** 2.4, abs=0.01)
    width, height = Image.open(picture).size
    assert (width, height) == (5 * 224, 3 * 224)
    model, picture = transfer(TransferConfig(what="pose", source=source, target=target, photo="beach"))
    nodes = read_nodes(GltfFile(model))
    turned = nodes.rotation[0, nodes.names.index("neck")]
    assert 2 * torch.atan2(torch.tensor(turned[0]), torch.tensor(turned[3])).item() == pytest.approx(0.6, abs=1e-5)
    assert Image.open(picture).size == (5 * 224, 2 * 224)
    *models, picture = transfer(TransferConfig(what="shape", source=source, target=target, share=(0.5, 1.0)))
    assert [path.name for path in models] == ["shape_of_source_050.glb", "shape_of_source_100.glb"]
    assert Image.open(picture).size == (5 * 224, 4 * 224)
    assert (target / "checkpoints" / "subject.safetensors").read_bytes() == before


def test_the_command_prints_what_it_wrote(
    write_run: Callable[[str, int, float], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = write_run("source", 200, 0.6), write_run("target", 60, 0.2)
    assert main(["transfer", "pose", str(source), str(target)]) == 0
    assert capsys.readouterr().out.split() == [
        str(target / "export" / f"pose_of_source_beach.{ending}") for ending in ("glb", "png")
    ]


def test_what_cannot_be_lent_is_refused(write_run: Callable[[str, int, float], Path]) -> None:
    source, target = write_run("source", 200, 0.6), write_run("target", 60, 0.2)
    config = TransferConfig(what="pose", source=source, target=target, photo="forest")
    with pytest.raises(InputError, match=r"--photo forest: .* has beach"):
        transfer(config)
    (source / "instances" / "beach.glb").unlink()
    with pytest.raises(InputError, match="has no instances"):
        transfer(replace(config, photo=None))
    with pytest.raises(InputError, match=r"--share is 0\.5 1\.5"):
        TransferConfig(what="shape", source=source, target=target, share=(0.5, 1.5))
