"""A GLB's clip as three.js plays it in a browser, beside our own rendering of it."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.eval.metrics.image_quality import ssim
from zoetrope.representations.body.skeleton import Skeleton
from zoetrope.representations.camera import Intrinsics
from zoetrope.representations.geometry.mesh import SkinnedMesh
from zoetrope.representations.motion.gait import walk
from zoetrope.scenes.export.gltf_export import limit_influences, write_glb
from zoetrope.scenes.photography.flat import draw_flat
from zoetrope.scenes.preview.animation import posed_vertices

SIZE, FIELD_OF_VIEW_DEG, DISTANCE = 256, 30.0, 3.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
THREE = "three@0.170.0"
# A bare material of the texture alone: how a viewer lights things is its own affair.
PAGE = """<!doctype html><script type="importmap">{"imports": {"three": "THREE/build/three.module.js"}}</script>
<pre id="out">nothing</pre><script type="module">
import * as THREE from "three";
import {GLTFLoader} from "THREE/examples/jsm/loaders/GLTFLoader.js";
const say = what => { document.getElementById("out").textContent = JSON.stringify(what); };
try {
  const bytes = Uint8Array.from(atob("GLB"), c => c.charCodeAt(0));
  const renderer = new THREE.WebGLRenderer({antialias: true, preserveDrawingBuffer: true});
  renderer.setSize(SIZE, SIZE);
  const camera = new THREE.PerspectiveCamera(FOV, 1, 0.1, 100);
  camera.position.set(DISTANCE, 0, 0);
  camera.lookAt(0, 0, 0);
  const file = await new GLTFLoader().parseAsync(bytes.buffer, "");
  const scene = new THREE.Scene();
  scene.background = new THREE.Color(0xffffff);
  scene.add(file.scene);
  file.scene.traverse(node => {
    if (node.isMesh) node.material = new THREE.MeshBasicMaterial({map: node.material.map});
  });
  const mixer = new THREE.AnimationMixer(file.scene);
  mixer.clipAction(file.animations[0]).play();
  const pictures = TIMES.map(time => {
    mixer.setTime(time);
    renderer.render(scene, camera);
    return renderer.domElement.toDataURL("image/png");
  });
  say({pictures, names: file.animations.map(clip => clip.name)});
} catch (fault) { say({fault: String(fault)}); }
</script>"""


@pytest.fixture(scope="session")
def play(
    npm_package: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., list[np.ndarray]]:
    """Plays the first clip of a GLB and gives its pictures at some times, seen from the subject's left."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)}); it runs three.js")
    three = npm_package(THREE) / "node_modules" / "three"

    def pictures(path: Path, times: list[float]) -> list[np.ndarray]:
        folder = tmp_path_factory.mktemp("page")
        page = PAGE.replace("THREE/", f"file://{three}/").replace("GLB", base64.b64encode(path.read_bytes()).decode())
        for word, value in (("SIZE", SIZE), ("FOV", FIELD_OF_VIEW_DEG), ("DISTANCE", DISTANCE), ("TIMES", times)):
            page = page.replace(word, str(value))
        (folder / "page.html").write_text(page)
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu-sandbox", "--allow-file-access-from-files"]
        command += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--virtual-time-budget=60000"]
        command += [f"--user-data-dir={folder / 'profile'}", "--dump-dom", f"file://{folder / 'page.html'}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
        said = done.stdout.partition('<pre id="out">')[2].partition("</pre>")[0]
        content = json.loads(said) if said.startswith("{") else {"fault": said + done.stderr[-500:]}
        assert "fault" not in content, content["fault"]
        found = [Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))) for url in content["pictures"]]
        return [np.asarray(picture.convert("RGB")) for picture in found]

    return pictures


def test_three_js_plays_a_clip_as_we_draw_it(
    subject: tuple[SkinnedMesh, Skeleton], play: Callable[..., list[np.ndarray]], tmp_path: Path
) -> None:
    mesh, skeleton = subject
    mesh = SkinnedMesh(**{**vars(mesh), "weights": limit_influences(mesh.weights)})
    assert mesh.uv is not None
    # Large patches: what differs between two renderers' filters is not the point.
    rows, columns = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    texture = torch.stack([rows // 32 % 2, columns // 32 % 2, (rows + columns) // 64 % 2], dim=-1) * 0.6 + 0.2
    clip = walk(skeleton)
    write_glb(tmp_path / "walk.glb", mesh, skeleton, texture=texture, clips=[clip])
    # Between keys as well.
    times = [0.0, 0.31 * clip.duration, 0.77 * clip.duration]
    played = play(tmp_path / "walk.glb", times)
    vertices = posed_vertices(mesh, skeleton, clip, torch.tensor(times))
    # From the left: +X towards the camera, +Z to its left.
    towards = torch.stack([-vertices[..., 2], vertices[..., 1], vertices[..., 0] - DISTANCE], dim=-1)
    lens = Intrinsics.from_field_of_view(FIELD_OF_VIEW_DEG, SIZE, SIZE)
    ours = torch.stack([draw_flat(one, mesh, lens, texture).on_white() for one in towards])
    theirs = torch.from_numpy(np.stack(played)).float() / 255
    scores = ssim(theirs, ours)
    assert float(scores.min()) > 0.95, scores
    # Another moment is another picture.
    assert float(ssim(theirs[:1], ours[1:2])) < float(scores.min()) - 0.02
