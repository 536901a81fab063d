"""Triton's kernel: against the reference, in Triton's interpreter where there is no GPU, and as it is compiled for one.

TRITON_INTERPRET=1 must be set before Triton is imported, so a second Python runs this file and `test_fragment.py` with
it; the same tests draw on the GPU where there is one.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zoetrope.representations.rendering import Fragments, rasterize

triton = pytest.importorskip("triton", reason="Triton comes with PyTorch's CUDA wheels only")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
drawn = pytest.mark.skipif(
    not (INTERPRETED or torch.cuda.is_available()), reason="needs a CUDA device, or TRITON_INTERPRET=1"
)
compiled = pytest.mark.skipif(INTERPRETED, reason="the interpreter compiles nothing")


def draw(vertices, faces, size, cull="none") -> Fragments:
    device = "cpu" if INTERPRETED else "cuda"
    found = rasterize(vertices.to(device), faces.to(device), size, "triton", cull=cull)
    return Fragments(found.face.cpu(), found.depth.cpu())


def same(one: Fragments, other: Fragments) -> bool:
    return torch.equal(one.face, other.face) and torch.equal(one.depth, other.depth)


def compile_for_gpu(kernel, kinds: dict[str, str], constants: dict[str, int], options: dict) -> str:
    """PTX for compute capability 8.0, which needs no GPU."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source = ASTSource(kernel, {**kinds, **dict.fromkeys(constants, "constexpr")}, constexprs=constants)
    return triton.compile(source, target=GPUTarget("cuda", 80, 32), options=options).asm["ptx"]


@compiled
def test_every_rule_and_the_reference_hold_in_the_interpreter():
    folder = Path(__file__).parents[1]
    # The finer sheets are hundreds of pictures of one triangle each: nothing for the interpreter.
    wanted = "(triton and not (neighbours and (0.5 or 0.25 or 0.333))) or interpreted"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", wanted, "-rs"]
    done = subprocess.run(
        [
            *command,
            *(
                str(folder / f"{name}.py")
                for name in ("test_fragment", "backends/test_triton_backend", "test_triton_coverage")
            ),
        ],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 40, done.stdout[-4000:]


@compiled
def test_the_compiled_kernel_rounds_every_product():
    """A fused multiply-add would give two faces different numbers at their common edge."""
    from zoetrope.representations.rendering.backends.triton_backend import LAUNCH, TILE, TRIANGLES_PER_STEP, _draw_tile

    kinds = {"corners": "*fp64", "box": "*i32", "number": "*i32", "listed": "*i64", "begin": "*i64"}
    kinds |= {"nearest": "*fp64", "owner": "*i32", "height": "i32", "width": "i32", "across": "i32", "down": "i32"}
    constants = {"TILE": TILE, "TRIANGLES_PER_STEP": TRIANGLES_PER_STEP}
    code = compile_for_gpu(_draw_tile, kinds, constants, LAUNCH)
    assert "mul.rn.f64" in code
    assert "fma.rn.f64" not in code
    assert "fma.rn.f64" in compile_for_gpu(_draw_tile, kinds, constants, {**LAUNCH, "enable_fp_fusion": True})
    # The threads of a tile need not wait for one another.
    assert "bar.sync" not in code


@compiled
def test_the_kernels_of_coverage_compile():
    from zoetrope.representations.rendering.triton_coverage import COLUMNS, CROSSED, SEGMENTS_PER_STEP, _add_row, _walk

    size = {"height": "i32", "width": "i32"}
    adds = {"ends": "*fp64", "jump": "*fp64", "listed": "*i64", "begin": "*i64", "number": "*fp64", **size}
    assert "st.global" in compile_for_gpu(
        _add_row, adds, {"COLUMNS": COLUMNS, "SEGMENTS_PER_STEP": SEGMENTS_PER_STEP}, {}
    )
    walks = {"ends": "*fp64", "jump": "*fp64", "block": "*i64", "grad": "*fp64", "gradient": "*fp64", **size}
    assert "st.global" in compile_for_gpu(_walk, walks, {"COLUMNS": CROSSED}, {})


@compiled
@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is at hand")
def test_what_is_on_the_cpu_is_sent_elsewhere(quad):
    vertices, faces = quad(1, 1, 7, 7, (8, 8))
    with pytest.raises(ValueError, match=r"vertices_clip is on cpu.*TRITON_INTERPRET=1"):
        rasterize(vertices, faces, (8, 8), "triton")


@drawn
def test_thousands_of_faces_interpreted(bumpy):
    vertices, faces = bumpy(4, 1, dtype=torch.float32)
    assert len(faces) == 5120
    found = draw(vertices, faces, (32, 24))
    assert same(found, rasterize(vertices, faces, (32, 24), "torch"))
    assert found.face.unique().numel() > 200


@drawn
def test_large_faces_through_each_other_interpreted():
    """Far larger than the picture, all ways round, some behind the camera, crossing and one behind the other."""
    generator = torch.Generator().manual_seed(4)
    vertices = 4 * torch.randn(2, 90, 4, generator=generator)
    vertices[..., 3] += 3
    faces = torch.arange(90).reshape(30, 3)
    found = draw(vertices, faces, (21, 43))
    assert same(found, rasterize(vertices, faces, (21, 43), "torch"))
    assert found.face.unique().numel() > 8


@drawn
def test_equal_faces_far_apart_in_the_list_interpreted(quad):
    """The first of many equal faces wins, within the triangles tested in one step and between steps."""
    vertices, faces = quad(1, 1, 19, 13, (14, 20))
    many = torch.cat([faces.flip(0), faces.repeat(60, 1)])
    once = rasterize(vertices, faces, (14, 20), "torch").face
    assert torch.equal(draw(vertices, many, (14, 20)).face, torch.where(once >= 0, 1 - once, -1))


@drawn
def test_lists_cut_into_chunks_change_nothing_interpreted(bumpy, monkeypatch):
    from zoetrope.representations.rendering.backends import triton_backend

    vertices, faces = bumpy(1, 3)
    whole = draw(vertices, faces, (17, 18))
    calls = []
    monkeypatch.setattr(triton_backend, "_TRIANGLES_AT_ONCE", 2 * len(faces))
    monkeypatch.setattr(triton_backend, "_PAIRS_AT_ONCE", 100)
    tile = triton_backend._draw_tile
    monkeypatch.setattr(triton_backend, "_draw_tile", _Counted(tile, calls))
    assert same(draw(vertices, faces, (17, 18)), whole)
    assert len(calls) > 2


class _Counted:
    def __init__(self, kernel, calls: list) -> None:
        self.kernel, self.calls = kernel, calls

    def __getitem__(self, grid):
        self.calls.append(grid)
        return self.kernel[grid]


@pytest.mark.skipif(not torch.cuda.is_available() or INTERPRETED, reason="needs a CUDA device")
def test_on_a_gpu_large_pictures_are_those_of_the_reference(bumpy):
    vertices, faces = bumpy(5, 20, dtype=torch.float32)
    on_gpu = vertices.cuda(), faces.cuda(), (257, 192)
    first, again = (rasterize(*on_gpu, "triton", cull="back") for _ in range(2))
    reference = rasterize(*on_gpu, "torch", cull="back")
    assert same(first, again)
    assert same(first, reference)


def test_triton_is_chosen_on_cuda_only_and_only_where_it_can_run(monkeypatch):
    from zoetrope.representations.rendering.backends import backend_choice

    cuda, found = torch.device("cuda"), importlib.util.find_spec
    monkeypatch.delenv(backend_choice.VARIABLE, raising=False)
    for ready, expected in ((True, "triton"), (False, "torch")):
        backend_choice.lacking.cache_clear()
        monkeypatch.setattr(torch.cuda, "is_available", lambda ready=ready: ready)
        monkeypatch.setenv("CC", "cc")
        # As if everything were installed: what is not asked for by name is not taken.
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: found("torch"))
        assert backend_choice.choose_backend(cuda) == expected
    assert backend_choice.choose_backend(torch.device("cpu")) == "numba"
    backend_choice.lacking.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    assert "C compiler" in backend_choice.lacking("triton")
    assert backend_choice.choose_backend(cuda) == "torch"
    backend_choice.lacking.cache_clear()


def test_the_environment_takes_the_place_of_auto(quad, monkeypatch):
    vertices, faces = quad(1, 1, 7, 7, (8, 8))
    asked = []
    from zoetrope.representations.rendering.backends import torch_backend

    real = torch_backend.visibility
    monkeypatch.setattr(torch_backend, "visibility", lambda *given: asked.append(1) or real(*given))
    monkeypatch.setenv("ZOETROPE_RASTERIZER", "torch")
    assert (rasterize(vertices, faces, (8, 8)).face >= 0).any()
    assert asked == [1]
    monkeypatch.setenv("ZOETROPE_RASTERIZER", "opengl")
    rasterize(vertices, faces, (8, 8), "torch")
    assert asked == [1, 1]
    with pytest.raises(ValueError, match="ZOETROPE_RASTERIZER is 'opengl'; set it to auto, numba, torch, triton"):
        rasterize(vertices, faces, (8, 8))


@pytest.mark.parametrize("backend", ["nvdiffrast", "pytorch3d", "triton"])
def test_what_is_not_installed_is_named_with_its_remedy(backend, quad, monkeypatch):
    vertices, faces = quad(1, 1, 7, 7, (8, 8))
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == backend else real(name))
    for module in (f"{backend}.torch", f"{backend}.renderer.mesh.rasterize_meshes"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=f"backend {backend} is not installed.*: pip install"):
        rasterize(vertices, faces, (8, 8), backend)
