"""What several tests of outputs share: a rigged, textured subject, and the Khronos validator for glTF files."""

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
