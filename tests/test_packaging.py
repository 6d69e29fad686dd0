"""The wheel carries all it needs and nothing else, and works from a folder whose names lie in wait for it."""

import ast
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx2
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("triage", "models", "prompts", "api")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

LOADED_BY_NAME = {
    "aiosqlite": "SQLAlchemy loads it for sqlite+aiosqlite:// URLs",
    "asyncpg": "SQLAlchemy loads it for postgresql+asyncpg:// URLs",
    "psycopg": "the job library loads it for postgresql:// URLs",
}
"""Dependencies that no import statement of ours names, and who does."""

MADE_BY_DEVELOPERS = ("models/export.py",)
"""Modules that make what ships, from a checkout with the test tools."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT],
        cwd=folder,
    )
    (built,) = folder.glob("amends-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the wheel, which sees this environment's libraries but not our tree."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    # Before the libraries come into view: pip would find the editable install among them and remove it.
    _run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel],
        cwd=home,
    )
    # A folder named in a .pth file has its own .pth files left alone, so the editable install's finder stays out.
    libraries = Path(sysconfig.get_path("purelib", vars={"base": str(home)})) / "libraries.pth"
    libraries.write_text(sysconfig.get_path("purelib") + "\n" + sysconfig.get_path("platlib") + "\n")
    return home / "bin"


@pytest.fixture(scope="module")
def decoys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages of our names, as another project may well have, that raise when imported."""
    folder = tmp_path_factory.mktemp("decoys")
    for name in PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('decoy {name} was imported')\n")
        (folder / f"{name}.txt").write_text("not ours")
    return folder


def test_wheel_has_what_runs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    info = next(name.split("/")[0] for name in names if ".dist-info/" in name)
    assert {name.split("/")[0] for name in names} == {*PACKAGES, info}
    for package in PACKAGES:
        assert f"{package}/__init__.py" in names
    tracked = _tracked()
    assert names >= {name for name in tracked if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    assert not [name for name in names if "__pycache__" in name or Path(name).suffix in {".pyc", ".pkl", ".db"}]
    assert f"{info}/licenses/LICENSE" in names


@pytest.mark.parametrize(
    "pattern",
    [
        r"triage/store/migrations/env\.py",
        r"triage/store/migrations/versions/.+\.py",
        r"triage/demo/data/.+",
        r"prompts/.+\.(md|txt|toml|json|yaml|jinja)",
        r"models/weights/.+/encoder\.onnx",
        r"models/weights/.+/heads\.safetensors",
        r"models/weights/.+/tokenizer\.json",
        r"models/weights/.+/card\.md",
        r"models/weights/.*(NOTICE|LICENSE).*",
        r"api/pages/.+\.html",
        r"api/pages/static/.+\.css",
        r"api/pages/static/.+\.js",
        r"api/pages/static/vendor/.+/LICENSE",
    ],
)
def test_wheel_has_the_data_that_code_reads(wheel: Path, pattern: str) -> None:
    assert [name for name in zipfile.ZipFile(wheel).namelist() if re.fullmatch(pattern, name)]


def test_help_wins_over_decoys(installed: Path, decoys: Path) -> None:
    poisoned = subprocess.run(
        [installed / "python", "-c", "import triage"], cwd=decoys, capture_output=True, text=True, check=False
    )
    assert "decoy triage was imported" in poisoned.stderr  # or the two tests below prove nothing
    shown = _run([installed / "amends", "--help"], cwd=decoys)
    for command in ("score", "draft", "serve", "migrate", "demo"):
        assert command in shown


def test_score_wins_over_decoys(installed: Path, decoys: Path) -> None:
    rows = [
        {"id": "furious", "text": "Third time I write. Nobody calls back. Refund me today or I call my lawyer!"},
        {"id": "calm", "text": "Thank you, the parcel came yesterday and everything is fine."},
    ]
    out = _run([installed / "amends", "score", "-"], cwd=decoys, stdin="".join(json.dumps(row) + "\n" for row in rows))
    furious, calm = (json.loads(line) for line in out.splitlines())
    assert (furious["id"], calm["id"]) == ("furious", "calm")
    assert furious["model"].startswith("triage-en@")
    assert furious["frustration"]["score"] > calm["frustration"]["score"]
    assert sum(furious["urgency"]["probabilities"]) == pytest.approx(1, abs=0.01)


@pytest.mark.timeout(240)  # seconds on an idle machine, the better part of a minute on one that is busy
def test_serve_wins_over_decoys(installed: Path, decoys: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = tmp_path / "log"
    with (
        log.open("w") as written,
        subprocess.Popen(
            [installed / "amends", "serve", "--demo", "--port", str(port)],
            cwd=decoys,
            env={**_clean_environment(), "AMENDS_DATA": str(tmp_path / "var")},
            stdout=written,
            stderr=written,
        ) as process,
    ):
        try:
            with httpx2.Client(base_url=address, follow_redirects=True) as client:
                assert _answer(client, "/readyz", process).status_code == 200, log.read_text()
                page = client.get("/")
                assert page.status_code == 200, log.read_text()
                loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
                assert loaded
                assert {client.get(path).status_code for path in loaded} == {200}
            second = subprocess.run(
                [installed / "amends", "serve", "--port", str(port)],
                cwd=decoys,
                env={**_clean_environment(), "AMENDS_DATA": str(tmp_path / "second")},
                capture_output=True,
                text=True,
                check=False,
            )
            assert (second.returncode, second.stderr.count("\n")) == (2, 1), second.stderr
            assert "choose another with --port" in second.stderr
        finally:
            process.terminate()
            status = process.wait(timeout=30)
    assert status == 0, log.read_text()  # jobs and store were closed, not cut off by the signal
    assert address in log.read_text()


def test_uvicorn_gets_the_app_itself() -> None:
    """A string would make uvicorn import `api` from wherever the process stands."""
    calls = [
        call
        for _, tree in _modules(*PACKAGES)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"uvicorn.run", "uvicorn.Config"}
    ]
    apps = [call.args[0] if call.args else next(k.value for k in call.keywords if k.arg == "app") for call in calls]
    assert apps, "nobody starts uvicorn any more: drop this test"
    assert not [ast.unparse(app) for app in apps if isinstance(app, ast.Constant | ast.JoinedStr)]


def test_every_import_is_declared() -> None:
    """What users run finds what they installed; what only developers run may use the dev group too."""
    run, make = _imported(*PACKAGES, but=MADE_BY_DEVELOPERS), _imported("tests", "benchmarks", *MADE_BY_DEVELOPERS)
    dev = {canonicalize_name(Requirement(line).name) for line in PYPROJECT["dependency-groups"]["dev"]}
    assert not sorted(run - _declared())
    assert not sorted(make - _declared() - dev - {"packaging"})  # which pytest itself needs


def test_every_dependency_is_imported() -> None:
    assert not sorted(_declared() - LOADED_BY_NAME.keys() - _imported(*PACKAGES))
    assert not sorted(LOADED_BY_NAME.keys() - _declared())


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_names_packages_and_nothing_of_a_machine(lock: str) -> None:
    for line in (ROOT / lock).read_text().splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*  # via [\w.,() -]+", line), line
        assert not re.match(r"(nvidia|cuda|triton)", line), line


def test_locks_answer_pyproject_and_agree() -> None:
    run, test = _pins("requirements.lock"), _pins("requirements-dev.lock")
    assert run.items() <= test.items()
    wanted = [Requirement(line) for line in [*_requirements(), *PYPROJECT["dependency-groups"]["dev"]]]
    stale = [str(need) for need in wanted if not need.specifier.contains(test.get(canonicalize_name(need.name), "0"))]
    assert not stale, "run `make lock`"


def _run(command: list[str | Path], cwd: Path, stdin: str = "") -> str:
    """Standard output of a command that must succeed, run as from a shell that knows nothing of our tree."""
    done = subprocess.run(
        command, cwd=cwd, env=_clean_environment(), input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AMENDS"))}


def _answer(client: httpx2.Client, path: str, process: subprocess.Popen[bytes], within: float = 120) -> httpx2.Response:
    """The first answer of a server that is still starting."""
    deadline = time.monotonic() + within
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return client.get(path)
        except httpx2.ConnectError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
    pytest.fail(f"no answer from {client.base_url} within {within} s; exit status {process.poll()}")


def _tracked() -> set[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


def _requirements() -> Iterator[str]:
    yield from PYPROJECT["project"]["dependencies"]
    for extra in PYPROJECT["project"]["optional-dependencies"].values():
        yield from extra


def _declared() -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in _requirements()}


def _pins(lock: str) -> dict[str, str]:
    return dict(line.split()[0].split("==", 1) for line in (ROOT / lock).read_text().splitlines())


def _modules(*places: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module in those folders or files, parsed."""
    for place in map(ROOT.joinpath, places):
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text(), filename=str(file))


def _imported(*places: str, but: tuple[str, ...] = ()) -> set[str]:
    """The distributions that modules there import, at the top or inside functions."""
    names = set[str]()
    for tree in (tree for name, tree in _modules(*places) if name not in but):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
    own = {path.stem for path in [*ROOT.iterdir(), *ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/*.py")]}
    names -= {*sys.stdlib_module_names, *own}
    distributions = packages_distributions()
    assert not {name for name in names if name not in distributions}, "imported, but not installed here"
    return {canonicalize_name(distributions[name][0]) for name in names}
