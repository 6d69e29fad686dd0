"""The machine-readable description tells the truth: schemathesis calls every route by it and checks every answer."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

CONFIG = Path(__file__).with_name("schemathesis.toml")
STREAMS = "/v1/events"
"""Left out: it does not end by itself."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of `amends serve` on an empty database, and an admin's key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"AMENDS_DATA": str(tmp_path / "var"), "AMENDS_PORT": str(port), "AMENDS_LOG_LEVEL": "ERROR"}
    amends = [sys.executable, "-P", "-m", "triage.cli"]
    create = "keys create --role admin --user ada@example.com --name Ada -o Fernhill --create-organisation".split()
    key = subprocess.run([*amends, *create], env=env, check=True, capture_output=True, text=True).stdout.strip()
    process = subprocess.Popen([*amends, "serve"], env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                if httpx2.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx2.TransportError:
                assert process.poll() is None, "the server ended by itself"
                time.sleep(0.1)
        yield url, key
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.timeout(600)
def test_every_route_does_as_it_says(server: tuple[str, str], tmp_path: Path) -> None:
    url, key = server
    examples = os.environ.get("FUZZ_EXAMPLES", "8")
    fuzz = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIG)),
            *("run", f"{url}/openapi.json", "--checks", "all"),
            *("-H", f"Authorization: Bearer {key}", "--exclude-path", STREAMS, "--max-examples", examples),
            *("--seed", "1", "--no-color", "--warnings", "off"),
        ],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(CONFIG.with_name("schemathesis_hooks.py"))},
        capture_output=True,
        text=True,
    )
    assert fuzz.returncode == 0, fuzz.stdout[-8000:] + fuzz.stderr[-2000:]
