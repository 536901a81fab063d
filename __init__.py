"""zoetrope: a handful of photos of an animal or a character becomes a textured, rigged, animated 3D subject.

    from pathlib import Path
    from zoetrope import FitConfig, fit
    fit(FitConfig(photos=Path("photos/fox"), out=Path("runs/fox")))

The names of this face are loaded on first use; `import zoetrope` by itself imports no PyTorch.

Conventions, everywhere in the package
--------------------------------------
World and rest frame   right-handed, +Y up, the subject's front +Z, its left +X (as glTF and VRM 1.0); unitless.
Cameras                OpenGL axes: +X right, +Y up, looking along -Z. On disk nerfstudio's transforms.json.
                       The default field of view is 30 degrees.
Angles                 degrees at borders, in names that end in `_deg`. Azimuth 0 looks at the subject's front, 90 at
                       its left: camera centre = distance * (sin az cos el, sin el, cos az cos el).
Pictures               (B, H, W, C) float32 in [0, 1], sRGB-encoded; pixel centres at half integers, row 0 on top.
                       Shading is computed in linear light and encoded last.
Rotations              unit quaternions (w, x, y, z); glTF files alone store (x, y, z, w).
Guidance               scale s means eps_uncond + s * (eps_cond - eps_uncond).
Randomness             explicit generators; one seed, machine and thread count give the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .lazy_face import lazy_face

if TYPE_CHECKING:
    from .optimize.config import FitConfig as FitConfig
    from .optimize.fit import RunResult as RunResult
    from .optimize.fit import fit as fit
    from .scenes.error import InputError as InputError
    from .scenes.photos.collection import Collection as Collection
    from .scenes.photos.collection import load_collection as load_collection
    from .scenes.scene import Scene as Scene
    from .scenes.subject import Subject as Subject
    from .scenes.subject import load_subject as load_subject

    __version__: str

_load, _ = lazy_face(
    __name__,
    {
        ".optimize.config": "FitConfig",
        ".optimize.fit": "RunResult fit",
        ".scenes.error": "InputError",
        ".scenes.photos.collection": "Collection load_collection",
        ".scenes.scene": "Scene",
        ".scenes.subject": "Subject load_subject",
    },
)

__all__ = [
    "Collection",
    "FitConfig",
    "InputError",
    "RunResult",
    "Scene",
    "Subject",
    "__version__",
    "fit",
    "load_collection",
    "load_subject",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("zoetrope3d")
    return _load(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
