"""The house itself: what is packaged, who may import whom, how big a file may get, how quickly the door opens."""

import ast
import importlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it there

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "priors" / "weights"
NOT_PACKAGED = {"tests", "docs", "tools", "build", "dist", "runs", "node_modules"}

# Who may import whom, from the ground up; a folder may always import itself. "cli" is the door, "" the face.
FLOORS = {
    "representations": set(),
    "priors": {"representations"},
    "scenes": {"representations"},
    "eval": {"representations", "priors", "scenes"},
    "optimize": {"representations", "priors", "scenes", "eval"},
    "cli": {"representations", "priors", "scenes", "eval", "optimize"},
    "": {"representations", "priors", "scenes", "eval", "optimize"},
}


def _modules() -> list[Path]:
    """Python files of the package, relative to the root."""
    found = []
    for folder, names, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        names[:] = [n for n in names if not n.startswith(".") and not (here == Path() and n in NOT_PACKAGED)]
        names[:] = [n for n in names if not n.endswith(".egg-info") and n != "__pycache__"]
        found += [here / file for file in files if file.endswith(".py")]
    return sorted(found)


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def _imports(path: Path) -> set[str]:
    """Absolute names, within the package, of what a module imports anywhere in it."""
    package = list(path.parent.parts)
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)]
            target = [*base, *(node.module.split(".") if node.module else [])]
            names |= {".".join(target)} if node.module else {".".join([*target, a.name]) for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_every_package_is_listed() -> None:
    """A folder that is not listed in pyproject.toml is missing from the wheel without a word."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {path.parent for path in _modules()}
    data = {file.parent.relative_to(ROOT) for file in WEIGHTS.rglob("*") if file.is_file()}
    without_init = sorted(str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file())
    assert not without_init, "these folders hold modules but no __init__.py"
    assert sorted(settings["packages"]) == sorted(".".join(["zoetrope", *folder.parts]) for folder in folders | data)


@pytest.mark.parametrize("path", _modules(), ids=str)
def test_nothing_imports_upward(path: Path) -> None:
    floor = path.parts[0] if len(path.parts) > 1 else ""
    imported = {name.split(".")[0] for name in _imports(path)}
    assert "zoetrope" not in imported, "inside the package imports are relative"
    upward = (imported & set(FLOORS)) - {floor, ""} - FLOORS[floor]
    assert not upward, f"{floor or 'the root'} may import {sorted(FLOORS[floor])} only"


def _public_names(path: Path) -> list[str]:
    """Public functions, classes and constants that a module defines at its top level."""
    names: list[str | None] = []
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [getattr(target, "id", None) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            names.append(getattr(node.target, "id", None))
    return [name for name in names if name and not name.startswith("_")]


def _twice(modules: list[Path]) -> dict[str, list[str]]:
    """Public names that several modules define, with those modules.

    Left out: the command line, whose classes are called as their commands are; rasterizer backends, of which each is
    one `visibility`; and numba kernels, of which each is one pair of `forward` and `backward`.
    """
    places: dict[str, list[str]] = {}
    for path in modules:
        if path.parts[0] == "cli":
            continue
        for name in _public_names(path):
            backend = name == "visibility" and path.name.endswith("_backend.py")
            kernel = name in ("forward", "backward") and path.name.startswith("numba_")
            if not backend and not kernel:
                places.setdefault(name, []).append(path.as_posix())
    return {name: where for name, where in places.items() if len(where) > 1}


def test_a_public_name_is_defined_once() -> None:
    assert _twice(_modules()) == {}


def test_a_name_defined_twice_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("def draw(): ...\nSIZE = 1\n_SIZE = 2")
    (tmp_path / "b.py").write_text("class draw: ...\nSIZE: int = 2\n_SIZE = 2")
    assert _twice([Path("a.py"), Path("b.py")]) == {"draw": ["a.py", "b.py"], "SIZE": ["a.py", "b.py"]}


def test_no_folder_is_a_corridor() -> None:
    """A folder of more than 25 modules gets sub-folders by what a reader looks for; tests count as well."""
    tests = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py")]
    counts: dict[str, int] = {}
    for path in [*_modules(), *tests]:
        if path.name != "__init__.py":
            counts[path.parent.as_posix()] = counts.get(path.parent.as_posix(), 0) + 1
    assert {folder: count for folder, count in counts.items() if count > 25} == {}


def _circle(arrows: dict[str, set[str]]) -> list[str]:
    """Nodes of one circle in a directed graph, in order; empty where there is none."""
    done: set[str] = set()
    for start in sorted(arrows):
        path, stack = [start], [iter(sorted(arrows.get(start, ())))]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                done.add(path.pop())
            elif step in path:
                return path[path.index(step) :]
            elif step not in done and step in arrows:
                path.append(step)
                stack.append(iter(sorted(arrows[step])))
    return []


def _arrows(modules: list[Path]) -> dict[str, set[str]]:
    """Imports between modules as they are loaded; those inside functions and for type checkers alone do not count."""
    known = {".".join(path.with_suffix("").parts) for path in modules}
    arrows: dict[str, set[str]] = {}
    for path in modules:
        name, found = ".".join(path.with_suffix("").parts), set()
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.level:
                package = list(path.parent.parts)
                base = [*package[: len(package) - (node.level - 1)], *(node.module.split(".") if node.module else [])]
                found |= {".".join(base), *(".".join([*base, alias.name]) for alias in node.names)}
        arrows[name] = (found & known) - {name}
    return arrows


def test_no_imports_go_round_in_circles() -> None:
    assert _circle(_arrows(_modules())) == []


def test_a_circle_would_be_found() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert _circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_an_upward_import_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "scenes").mkdir()
    for text in (
        "from ..optimize.fit import fit",
        "from .. import optimize",
        "def f():\n    from ..optimize import fit",
    ):
        (tmp_path / "scenes" / "a.py").write_text(text)
        with pytest.raises(AssertionError, match="scenes may import"):
            test_nothing_imports_upward(Path("scenes/a.py"))


def test_the_wheel_holds_the_package_its_weights_and_nothing_else(tmp_path: Path) -> None:
    # The tracked files are copied first: a build leaves things behind, and others may be building at the same time.
    source = tmp_path / "source"
    for file in [*_tracked(), *(ROOT / path for path in _modules())]:
        target = source / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path / "out"),
        str(source),
    ]
    # Where no bytecode is to be written, setuptools says so as a warning.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    said = done.stderr + done.stdout
    assert done.returncode == 0, said
    assert [line for line in said.splitlines() if re.search("warning|deprecat", line, re.IGNORECASE)] == []
    (wheel,) = (tmp_path / "out").glob("*.whl")
    assert wheel.name.startswith("zoetrope3d-")
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {name for name in held if name.startswith("zoetrope/")}
    expected = {f"zoetrope/{path.as_posix()}" for path in _modules()} | {"zoetrope/py.typed"}
    assert {name for name in package if name.endswith((".py", "py.typed"))} == expected
    weights = {f"zoetrope/{path.relative_to(ROOT).as_posix()}" for path in _tracked() if WEIGHTS in path.parents}
    assert len(weights) > 10
    assert {name for name in package if name.startswith("zoetrope/priors/weights/")} == weights
    assert package == expected | weights
    assert {name.split("/")[0] for name in held - package} == {f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_nobody_is_sent_to_another_project() -> None:
    """On PyPI `zoetrope` is somebody else's: no hint may name it, and no version may be looked up under it."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"] == "zoetrope3d"
    stranger = re.compile(r"""zoetrope\\?\[[a-z]|pip install [^\n`]*\bzoetrope(?!3d)\b|version\(['"]zoetrope['"]\)""")
    assert stranger.search("pip install 'zoetrope[usd]'")
    assert stranger.search("pip install zoetrope")
    assert stranger.search("pip install -q zoetrope")
    assert stranger.search('version("zoetrope")')
    assert not stranger.search("pip install 'zoetrope3d[usd]'")
    written = {".py", ".md", ".toml", ".txt", ".yml", ".ipynb", ""}
    texts = {path: path.read_text(encoding="utf-8") for path in _tracked() if path.suffix in written}
    asking = {path: found[0] for path, text in texts.items() if (found := stranger.search(text))}
    assert set(asking) <= {Path(__file__)}


def test_recorded_versions_cover_the_ranges_and_fit_every_build() -> None:
    """constraints.txt, by which `make` installs: each dependency once, within its range, without a build's label."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    recorded = [Requirement(line) for line in lines if not line.startswith("#")]
    versions = {}
    for held in recorded:
        (pin,) = held.specifier
        assert pin.operator == "==", f"{held} holds no version"
        assert not Version(pin.version).local, f"{held} names a build, which other machines do not have"
        assert not held.name.startswith(("nvidia", "cuda", "triton")), f"{held} is PyTorch's own choice"
        versions[canonicalize_name(held.name)] = pin.version
    assert len(versions) == len(recorded), "each once"
    assert len({str(held.marker) for held in recorded}) == 1, "one set of versions that go together"
    for needed in map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["dev"]]):
        assert needed.specifier.contains(versions[canonicalize_name(needed.name)]), f"{needed} is recorded as another"
    assert {"pip", "setuptools"} <= set(versions), "what installs is recorded as well"


def test_no_file_is_overgrown() -> None:
    """The house style: a file of more than 400 lines is two ideas; large data does not belong into git."""
    long = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in _modules()}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
    assert [str(path) for path in _tracked() if path.stat().st_size > 16 * 2**20] == []


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'numba', 'scipy', 'cv2', 'PIL', 'trimesh', 'tyro', 'rich'}"
    script = f"import sys, zoetrope; zoetrope.__version__; print(sorted({heavy} & set(sys.modules)))"
    assert _python(script) == "[]"
    script = f"import sys, zoetrope.cli, zoetrope.optimize.config; print(sorted({heavy} & set(sys.modules)))"
    assert set(ast.literal_eval(_python(script))) <= {"tyro", "rich"}


def test_the_face_has_what_it_promises() -> None:
    script = (
        "import zoetrope\n"
        "for name in zoetrope.__all__: getattr(zoetrope, name)\n"
        "assert set(zoetrope.__all__) <= set(dir(zoetrope))\n"
        "assert zoetrope.FitConfig.__module__ == 'zoetrope.optimize.config'\n"
        "try: zoetrope.nothing\n"
        "except AttributeError as fault: print(fault)"
    )
    assert _python(script) == "module 'zoetrope' has no attribute 'nothing'"


_FOLDERS = sorted({path.parent for path in _modules() if len(path.parts) > 1 and path.parts[0] != "cli"})


@pytest.mark.parametrize("folder", _FOLDERS, ids=str)
def test_a_folder_names_its_face(folder: Path) -> None:
    name = ".".join(folder.parts)
    face = importlib.import_module(f"zoetrope.{name}")
    assert len(face.__doc__ or "") > 20
    if folder.name == "backends":
        return  # they are called by the name of a backend, see `rasterize`
    names = [one for one in (getattr(face, "__all__", None) or dir(face)) if not one.startswith("_")]
    assert 3 <= len(names) <= 25
    for one in names:
        value = getattr(face, one)
        if callable(value):
            assert value.__module__.startswith(f"zoetrope.{name}")
        hidden = (ROOT / folder / f"{one}.py").exists() and folder.name != "rendering"
        assert not hidden, f"module {one} of the folder would hide the name"
    with pytest.raises(AttributeError, match="nothing"):
        getattr(face, "nothing")  # noqa: B009


@pytest.mark.skipif(os.name != "posix", reason="needs the times of child processes")
def test_help_answers_within_half_a_second() -> None:
    import resource

    command = [str(Path(sys.executable).with_name("zoetrope")), "--help"]
    if not Path(command[0]).exists():
        pytest.skip("zoetrope is not installed as a command")
    # The processor's time, not the clock's: other work on the machine must not fail this.
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert "usage: zoetrope" in done.stdout
    assert min(spent) < 0.5, f"zoetrope --help took {min(spent):.2f} s at best"


def test_shapes_are_checked_while_testing() -> None:
    import torch
    from jaxtyping import TypeCheckError

    from zoetrope.representations.geometry.mesh import face_normals, icosphere
    from zoetrope.representations.rotation import slerp

    vertices, faces = icosphere(0)
    face_normals(vertices, faces)
    with pytest.raises(TypeCheckError, match="faces"):
        face_normals(vertices, faces[:, :2])
    slerp(torch.tensor([1.0, 0, 0, 0]), torch.tensor([1.0, 0, 0, 0]), 1)  # an int serves where a float is asked for


def _python(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
