"""What several tests of outputs share: a rigged, textured subject, and the Khronos validator for glTF files."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

VALIDATOR = "gltf-validator@2.0.0-dev.3.10"
# npm's words for "there is no network here".
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")
SCRIPT = """
const validator = require(process.argv[1]), bytes = new Uint8Array(require('fs').readFileSync(process.argv[2]));
validator.validateBytes(bytes).then(report => console.log(JSON.stringify(report)));
"""


@pytest.fixture(scope="session")
def npm_package():
    """A function that installs an npm package (name@version) for tests and gives its folder; skips without network."""

    def install(package):
        for program in ("node", "npm"):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed; it brings {package}")
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "zoetrope-tests"
        place = cache / package.replace("@", "-")
        if place.exists():
            return place
        cache.mkdir(parents=True, exist_ok=True)
        # Made aside and renamed, so that test runs at the same time never see half of it.
        fresh = Path(tempfile.mkdtemp(dir=cache))
        command = ["npm", "install", "--prefix", str(fresh), "--no-audit", "--no-fund", package]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            shutil.rmtree(fresh)
            if any(word in done.stdout + done.stderr for word in OFFLINE):
                pytest.skip(f"npm cannot reach its registry, so there is no {package}")
            pytest.fail(f"npm could not install {package}: {done.stderr.strip()}")
        try:
            fresh.rename(place)
        except OSError:
            if not place.exists():
                raise
            shutil.rmtree(fresh)
        return place

    return install


@pytest.fixture(scope="session")
def validate_gltf(npm_package):
    """A function that gives the report of npm's gltf-validator on a file; skips without node, npm or network."""
    place = npm_package(VALIDATOR)

    def report(path):
        module = place / "node_modules" / "gltf-validator"
        command = ["node", "-e", SCRIPT, str(module), str(path)]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)

    return report


@pytest.fixture(scope="session")
def subject():
    """A quadruped of one blob per bone, weights blended towards the parent: its mesh with an atlas, its skeleton."""
    from zoetrope.representations.atlas import unwrap
    from zoetrope.representations.body.template import template
    from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere

    skeleton = template("quadruped").skeleton
    ball, triangles = icosphere(2)
    vertices, faces, weights = [], [], []
    for joint, (start, tip) in enumerate(zip(skeleton.joints, skeleton.tips, strict=True)):
        bone = tip - start
        along = torch.nn.functional.normalize(bone, dim=0)
        thick = 0.03 + 0.35 * float(bone.norm()) * (joint < 3)
        share = (ball @ along)[:, None]
        vertices.append((start + tip) / 2 + thick * ball + share * along * (0.5 * bone.norm()))
        faces.append(triangles + joint * len(ball))
        near = torch.zeros(len(ball), len(skeleton))
        near[:, joint] = 1
        near[:, max(skeleton.parents[joint], 0)] += (-0.6 * share[:, 0]).clamp(min=0)
        weights.append(near / near.sum(1, keepdim=True))
    points, triangles = torch.cat(vertices), torch.cat(faces)
    mesh = SkinnedMesh(
        points, triangles, torch.cat(weights), torch.zeros(len(points), dtype=torch.int64), points.clone()
    )
    atlas = unwrap(points, triangles, resolution=256)
    return replace(mesh, uv=atlas.uv, uv_faces=atlas.uv_faces), skeleton


@pytest.fixture(scope="session")
def draw_animal():
    """A function that draws a photo of a made-up animal on a meadow and its mask, another one for each seed.

    The animal has a body, a head and legs, so that no turn and no mirror leaves its outline alone.
    """
    import cv2
    import numpy as np

    def draw(seed, height=120, width=160):
        random = np.random.default_rng(seed)
        coarse = random.integers(0, 60, (8, 10, 3))
        meadow = cv2.resize((np.array([70, 120, 60]) + coarse).astype(np.float32), (width, height))
        mask = np.zeros((height, width), np.uint8)
        x, y, size = width * random.uniform(0.42, 0.5), height * random.uniform(0.42, 0.5), min(height, width) / 5
        at = lambda dx, dy: (round(x + dx * size), round(y + dy * size))  # noqa: E731
        cv2.ellipse(mask, at(0, 0), (round(1.2 * size), round(0.6 * size)), 0, 0, 360, 255, -1)
        cv2.circle(mask, at(1.5, -0.7), round(0.45 * size), 255, -1)
        for leg in (-0.8, -0.4, 0.6, 0.9):
            cv2.line(mask, at(leg, 0.4), at(leg + 0.1, 1.6), 255, max(2, round(0.2 * size)))
        coat = np.array([190, 110, 50]) + random.integers(-25, 25, (height, width, 1))
        photo = np.where(mask[..., None] > 0, coat, meadow + random.integers(-8, 8, (height, width, 1)))
        return photo.clip(0, 255).astype(np.uint8), mask

    return draw


# Joint: the joint above, where it is, the half size of its box, the box's middle from the joint, its colour.
BOXES = {
    "Hips": (None, (0, 0.5, -0.25), (0.09, 0.08, 0.14), (0, 0, 0.1), (0.5, 0.3, 0.1)),
    "Spine": ("Hips", (0, 0.52, 0), (0.08, 0.09, 0.16), (0, 0, 0.12), (0.6, 0.34, 0.14)),
    "Neck": ("Spine", (0, 0.56, 0.25), (0.04, 0.08, 0.05), (0, 0.08, 0.05), (0.55, 0.3, 0.12)),
    "Head": ("Neck", (0, 0.72, 0.36), (0.06, 0.05, 0.09), (0, 0.02, 0.08), (0.9, 0.8, 0.7)),
    "Tail1": ("Hips", (0, 0.55, -0.36), (0.02, 0.02, 0.09), (0, 0.04, -0.08), (0.8, 0.8, 0.8)),
    "FrontUpperLeg.L": ("Spine", (0.11, 0.46, 0.2), (0.03, 0.11, 0.03), (0, -0.1, 0), (0.5, 0.3, 0.1)),
    "FrontLowerLeg.L": ("FrontUpperLeg.L", (0.11, 0.24, 0.2), (0.03, 0.1, 0.03), (0, -0.1, 0), (0.9, 0, 0)),
    "FrontUpperLeg.R": ("Spine", (-0.11, 0.46, 0.2), (0.03, 0.11, 0.03), (0, -0.1, 0), (0.5, 0.3, 0.1)),
    "FrontLowerLeg.R": ("FrontUpperLeg.R", (-0.11, 0.24, 0.2), (0.03, 0.1, 0.03), (0, -0.1, 0), (0, 0, 0.9)),
    "BackLeg.L": ("Hips", (0.11, 0.46, -0.28), (0.04, 0.11, 0.04), (0, -0.1, 0), (0.5, 0.3, 0.1)),
    "BackUpperLeg.L": ("BackLeg.L", (0.11, 0.25, -0.22), (0.03, 0.11, 0.03), (0, -0.11, 0), (0.9, 0, 0)),
    "BackLeg.R": ("Hips", (-0.11, 0.46, -0.28), (0.04, 0.11, 0.04), (0, -0.1, 0), (0.5, 0.3, 0.1)),
    "BackUpperLeg.R": ("BackLeg.R", (-0.11, 0.25, -0.22), (0.03, 0.11, 0.03), (0, -0.11, 0), (0, 0, 0.9)),
}
# What a clip turns, about the body's own axis from right to left, by so many radians at its middle.
MOVED = {"Head": 0.5, "Tail1": -0.6, "FrontUpperLeg.L": 0.4, "FrontUpperLeg.R": -0.4, "BackLeg.L": -0.3}


@pytest.fixture
def box_dog(tmp_path):
    """Makes a dog of boxes as a .gltf that looks along +Z with its longest side there: box_dog(name, **how).

    However it is written, it shows the same dog in the same clip, "Walk":
    turn: the whole body turned by this matrix.
    inverse_binds: "given", or "none" and "ones" with each box in the frame of its joint.
    axes: each joint's own axes, a rotation by its name.
    armature: 4 x 4, places what stands above joints and mesh; mesh_frame: 4 x 4, the frame of the stored vertices;
    mesh_node: more about the node that holds the mesh.
    matrices: joints that are placed by a matrix. rename: a joint's name in the file.
    material: what a colour looks like as a glTF material. change: has the last word on the JSON.
    """
    import numpy as np
    from scipy.spatial.transform import Rotation

    def made(
        name, *, turn=None, inverse_binds="given", axes=None, armature=None, mesh_frame=None, mesh_node=None,
        matrices=(), rename=str, material=None, change=None,
    ):  # fmt: skip
        turn, above = np.eye(3) if turn is None else turn, np.eye(4) if armature is None else armature
        frame, number = np.eye(4) if mesh_frame is None else mesh_frame, {joint: k for k, joint in enumerate(BOXES)}
        blob, accessors, views = bytearray(), [], []

        def add(values, kind, component=5126):
            values = np.ascontiguousarray(values, {5126: "<f4", 5123: "<u2"}[component])
            blob.extend(bytes(-len(blob) % 4))
            views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": values.nbytes})
            blob.extend(values.tobytes())
            accessors.append(
                {"bufferView": len(views) - 1, "componentType": component, "count": len(values), "type": kind}
            )
            return len(accessors) - 1

        size = np.linalg.norm(above[:3, 0])  # joints below an armature that scales are unscaled in its frame
        world = {}
        for joint, (_, place, *_) in BOXES.items():
            world[joint] = np.eye(4)
            own = np.eye(3) if axes is None else axes(joint)
            world[joint][:3, :3] = size * turn @ own
            world[joint][:3, 3] = turn @ place
        nodes, primitives, materials = [], [], []
        for joint, (parent, _, half, middle, colour) in BOXES.items():
            local = np.linalg.inv(above if parent is None else world[parent]) @ world[joint]
            entry = {"name": rename(joint), "children": [number[j] for j, box in BOXES.items() if box[0] == joint]}
            if joint in matrices:
                entry["matrix"] = local.T.reshape(-1).tolist()
            else:
                entry |= {"translation": local[:3, 3].tolist()}
                entry |= {"rotation": Rotation.from_matrix(local[:3, :3]).as_quat().tolist()}
            nodes.append(entry if entry["children"] else {k: v for k, v in entry.items() if k != "children"})
            corners = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)]) * half + middle
            corners = (corners + BOXES[joint][1]) @ turn.T
            back = np.linalg.inv(frame if inverse_binds == "given" else world[joint])
            quads = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])
            rows = np.zeros((8, 4))
            rows[:, 0] = 1
            attributes = {
                "POSITION": add(corners @ back[:3, :3].T + back[:3, 3], "VEC3"),
                "JOINTS_0": add(number[joint] * rows, "VEC4", 5123),
                "WEIGHTS_0": add(rows, "VEC4"),
            }
            faces = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1)
            primitives.append(
                {"attributes": attributes, "indices": add(faces, "SCALAR", 5123), "material": len(materials)}
            )
            plain = {"pbrMetallicRoughness": {"baseColorFactor": [*colour, 1.0]}}
            materials.append(plain if material is None else material(colour))
        skin = {"joints": list(number.values())}
        if inverse_binds != "none":
            given = np.stack([np.linalg.inv(world[joint]) @ frame for joint in BOXES])
            given = given if inverse_binds == "given" else np.tile(np.eye(4), (len(BOXES), 1, 1))
            skin["inverseBindMatrices"] = add(given.transpose(0, 2, 1).reshape(-1, 16), "MAT4")
        nodes.append({"name": "Armature", "children": [0], "matrix": above.T.reshape(-1).tolist()})
        nodes.append({"name": "Dog", "mesh": 0, "skin": 0, **(mesh_node or {})})
        clock, channels, samplers = add([0.0, 0.5, 1.0], "SCALAR"), [], []
        for joint, angle in MOVED.items():
            parent = world[BOXES[joint][0]][:3, :3] / size
            across = Rotation.from_rotvec(np.array([0, angle, 0])[:, None] * (turn @ [1.0, 0, 0])).as_matrix()
            turns = parent.T @ across @ (world[joint][:3, :3] / size)
            samplers.append({"input": clock, "output": add(Rotation.from_matrix(turns).as_quat(), "VEC4")})
            channels.append({"sampler": len(channels), "target": {"node": number[joint], "path": "rotation"}})
        content = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [len(nodes) - 2, len(nodes) - 1]}],
            "nodes": nodes,
            "meshes": [{"primitives": primitives}],
            "materials": materials,
            "skins": [skin],
            "animations": [{"name": "Walk", "channels": channels, "samplers": samplers}],
            "accessors": accessors,
            "bufferViews": views,
        }
        if change is not None:
            change(content, add)
        uri = "data:application/octet-stream;base64," + base64.b64encode(bytes(blob)).decode()
        content["buffers"] = [{"uri": uri, "byteLength": len(blob)}]
        path = tmp_path / f"{name}.gltf"
        path.write_text(json.dumps(content))
        return path

    return made
