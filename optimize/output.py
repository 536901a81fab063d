"""The files of a finished run: cameras, meshes, rigged and textured GLBs, videos and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..eval.metrics.silhouette import mask_iou
from ..representations.body.skeleton import Skeleton
from ..representations.camera import Intrinsics, project
from ..representations.geometry.mesh import SkinnedMesh
from ..representations.motion.clip import Clip
from ..representations.motion.flap import flap
from ..representations.motion.gait import walk
from ..representations.motion.sway import sway
from ..representations.rendering.coverage import coverage
from ..representations.rendering.photo_light import PhotoLight
from ..representations.rendering.topology import Topology
from ..representations.rotation import multiply, quaternion_from_vector
from ..scenes.atomic import atomic_write
from ..scenes.export.gltf_export import write_glb
from ..scenes.export.write_subject import write_turntables
from ..scenes.hypotheses.hypotheses import Hypotheses
from ..scenes.mesh_file import write_ply
from ..scenes.photos.nerfstudio import CameraFrame, write_transforms
from ..scenes.photos.outlier_note import outlier_notes
from ..scenes.photos.photo_light_note import light_notes
from ..scenes.photos.resample import to_bytes
from ..scenes.preview.contact_sheet import SheetEntry, novel_camera, write_contact_sheet
from ..scenes.preview.studio import draw_subject
from ..scenes.preview.turntable_camera import fitting_distance
from ..scenes.run_folder import RunFolder
from ..scenes.scene import Scene
from ..scenes.subject import Subject, save_subject
from .observe.observations import Observations
from .texture.backproject import Textures
from .texture.texture_scene import TexturedScene

_SCORING_SIZE = 256
_SHEET_SIZE = 176
_SHEET_FIELD_OF_VIEW_DEG = 30.0
_LEG_WORDS = ("shoulder", "elbow", "wrist", "paw", "hip", "knee", "hock", "leg", "foot", "arm", "hand", "wing")


@torch.no_grad()
def write_outputs(
    run: RunFolder,
    scene: Scene,
    observations: Observations,
    textured: TexturedScene,
    name: str,
    *,
    outliers: Mapping[int, float] | None = None,
    videos: bool = True,
) -> list[str]:
    """Writes everything that a run folder holds besides logs, checkpoints and scores; returns what people should know.

    `textured`: of this scene; `outliers`: photos that are explained badly, with their times the usual loss, to be noted
    beside their cameras; `videos`: turntables as well.
    """
    notes: list[str] = []
    skeleton, mesh = scene.surface.skeleton().to("cpu"), textured.mesh.to("cpu")
    _write_geometry(run, scene, textured, observations, outliers or {})
    subject = _subject(mesh, skeleton, scene, textured.textures, notes)
    save_subject(run.exact_subject, subject)
    rest_pose = quaternion_from_vector(scene.shared_pose()).cpu()
    write_glb(run.subject, mesh, skeleton, texture=subject.texture, clips=subject.clips, pose=rest_pose, name=name)
    _write_instances(run, scene, mesh, skeleton, textured.textures, observations)
    write_observations(run, observations)
    if videos:
        paths = [run.turntable(ending) for ending in (".mp4", ".gif", ".webp")]
        write_turntables(subject, paths, motion="walk" if _has(subject, "walk") else "interpolate")
    _write_sheet(run, textured.to("cpu"), scene.hypotheses, observations, name)
    return notes


def _write_geometry(
    run: RunFolder,
    scene: Scene,
    textured: TexturedScene,
    observations: Observations,
    outliers: Mapping[int, float],
) -> None:
    """Cameras, with the light in them and outliers noted, and posed meshes in one world: the given one where cameras
    are known, else the subject's own frame."""
    hypotheses, mesh = scene.hypotheses, textured.mesh
    matrices = hypotheses.camera().world_from_camera().double().cpu().numpy()
    bodies, world, extra = hypotheses.to_world(textured.posed), hypotheses.world_from_rest(), {}
    if world is not None:
        matrices = [photo.camera.camera_to_world for photo in observations.photos if photo.camera is not None]
        extra = {"world_from_rest": world.tolist()}
    frames = []
    for k, (photo, zoom) in enumerate(zip(observations.photos, _zooms(hypotheses, len(matrices)), strict=True)):
        fx, fy, cx, cy = observations.lens(k)
        name, size = photo.path.name, (photo.width, photo.height)
        frames.append(CameraFrame(name, matrices[k], fx * zoom, fy * zoom, cx, cy, *size))
        write_ply(run.posed / f"{photo.stem}.ply", bodies[k], mesh.faces)
    notes = [a | b for a, b in zip(light_notes(textured.light), outlier_notes(len(frames), outliers), strict=True)]
    write_transforms(run.cameras, frames, extra, notes)
    write_ply(run.rest, mesh.vertices, mesh.faces)


def _zooms(hypotheses: Hypotheses, count: int) -> list[float]:
    """Focal lengths over their first guesses."""
    one = torch.ones(count, device=hypotheses.photo.device)
    return hypotheses.lens(Intrinsics(one, one, one, one, 1, 1)).fx.tolist()


def _subject(mesh: SkinnedMesh, skeleton: Skeleton, scene: Scene, textures: Textures, notes: list[str]) -> Subject:
    shared = quaternion_from_vector(scene.shared_pose()).cpu()
    clips = []
    try:
        clips.append(_in_posture(flap(skeleton) if skeleton.plan == "bird" else walk(skeleton), skeleton, shared))
    except ValueError as error:
        # A body whose limbs came out too strange for a gait is worth keeping all the same.
        notes.append(f"the subject gets no clip of its own gait: {error}")
    poses = scene.rotations().cpu()
    clips.append(sway(poses[_tour(poses)]))
    return Subject(mesh, skeleton, torch.from_numpy(to_bytes(textures.shared.cpu())), tuple(clips))


def _in_posture(clip: Clip, skeleton: Skeleton, shared: Float[Tensor, "J 4"]) -> Clip:
    """The clip with neck, head, tail and ears held as the photos show them; legs and trunk move as the gait says."""
    rotations = clip.rotations.clone()
    for joint, name in enumerate(skeleton.names):
        trunk = skeleton.parts[joint].startswith("trunk")
        if not trunk and not any(word in name.lower() for word in _LEG_WORDS):
            rotations[:, joint] = multiply(rotations[:, joint], shared[joint].expand(len(rotations), 4))
    return Clip(clip.name, clip.times, rotations, clip.loop)


def _tour(poses: Float[Tensor, "P J 4"]) -> list[int]:
    """An order in which each pose is followed by the most similar one that is left, from the first."""
    apart = 1 - torch.einsum("pjc,qjc->pqj", poses, poses).abs().mean(-1)
    order, left = [0], set(range(1, len(poses)))
    while left:
        order.append(min(left, key=lambda k: (float(apart[order[-1], k]), k)))
        left.remove(order[-1])
    return order


def _has(subject: Subject, motion: str) -> bool:
    return any(clip.name == motion for clip in subject.clips)


def _write_instances(
    run: RunFolder, scene: Scene, mesh: SkinnedMesh, skeleton: Skeleton, textures: Textures, observations: Observations
) -> None:
    rotations = scene.rotations().cpu()
    offsets = scene.surface.instance(scene.hypotheses.photo).cpu()
    for k, stem in enumerate(observations.stems):
        own = mesh.with_vertices(mesh.vertices + offsets[k])
        write_glb(
            run.instances / f"{stem}.glb", own, skeleton, texture=textures.own[k].cpu(), pose=rotations[k], name=stem
        )


def write_observations(run: RunFolder, observations: Observations) -> None:
    """What the fit looked at: crops, their masks, and where these are to be believed."""
    view = observations.at(_SCORING_SIZE)
    for k, stem in enumerate(observations.stems):
        for folder, picture in (("crops", view.pixels[k]), ("masks", view.mask[k]), ("valid", view.valid[k])):
            path = run.observations / folder / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as temporary:
                Image.fromarray(to_bytes(picture.cpu())).save(temporary, format="PNG")


def _write_sheet(
    run: RunFolder, textured: TexturedScene, hypotheses: Hypotheses, observations: Observations, name: str
) -> None:
    mesh, posed, textures, light = textured.mesh, textured.posed, textured.textures, textured.light
    view, small = (observations.at(size).through(hypotheses).to("cpu") for size in (_SCORING_SIZE, _SHEET_SIZE))
    camera, size = hypotheses.camera().orbit().to("cpu"), _SCORING_SIZE
    seen = coverage(project(posed, camera, view.intrinsics), mesh.faces, (size, size))
    ious = [float(mask_iou((seen[k] > 0.5).numpy(), (view.mask[k] > 0.5).numpy())) for k in range(len(posed))]
    lens = Intrinsics.from_field_of_view(_SHEET_FIELD_OF_VIEW_DEG, _SHEET_SIZE, _SHEET_SIZE)
    topology = Topology.of(mesh.faces)
    entries = []
    for k, stem in enumerate(observations.stems):
        one = slice(k, k + 1)
        own = camera.select(one)
        texture = textures.own[k]
        body, lit = posed[one], PhotoLight(light.coefficients[one])
        fit = draw_subject(body, mesh, own, small.intrinsics.select(one), texture, None, topology, lit).color[0]
        centred = body - (body.amin(1) + body.amax(1)) / 2
        aside = novel_camera(own)
        far = fitting_distance(centred, aside, _SHEET_FIELD_OF_VIEW_DEG)
        novel = draw_subject(centred, mesh, replace(aside, distance=far), lens, texture, None, topology).color[0]
        azimuth = float((own.azimuth_deg + 180) % 360 - 180)
        note = f"az {azimuth:.0f}, el {float(own.elevation_deg):.0f}"
        entries.append(SheetEntry(stem, small.pixels[k].cpu(), fit, novel, seen[k].cpu(), ious[k], note))
    write_contact_sheet(run.contact_sheet, entries, title=name)
