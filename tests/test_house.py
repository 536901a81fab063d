"""The house itself: what is packaged, who may import whom, how big a file may get, how quickly the door opens."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it there

ROOT = Path(__file__).resolve().parents[1]
NOT_PACKAGED = {"tests", "docs", "build", "dist", "runs", "node_modules"}

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
    without_init = sorted(str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file())
    assert not without_init, "these folders hold modules but no __init__.py"
    assert sorted(settings["packages"]) == sorted(".".join(["zoetrope", *folder.parts]) for folder in folders)


@pytest.mark.parametrize("path", _modules(), ids=str)
def test_nothing_imports_upward(path: Path) -> None:
    floor = path.parts[0] if len(path.parts) > 1 else ""
    imported = {name.split(".")[0] for name in _imports(path)}
    assert "zoetrope" not in imported, "inside the package imports are relative"
    upward = (imported & set(FLOORS)) - {floor, ""} - FLOORS[floor]
    assert not upward, f"{floor or 'the root'} may import {sorted(FLOORS[floor])} only"


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


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
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
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    (wheel,) = (tmp_path / "out").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {name for name in held if name.startswith("zoetrope/")}
    expected = {f"zoetrope/{path.as_posix()}" for path in _modules()} | {"zoetrope/py.typed"}
    assert {name for name in package if name.endswith((".py", "py.typed"))} == expected
    assert {name.split("/")[0] for name in held - package} == {f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in held)


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
