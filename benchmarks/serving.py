"""A server to measure: `amends serve` as a process of its own, and clients that post to it."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Server:
    """`amends serve` on a free port and an empty database, with a key."""

    def __init__(self, database_url: str = "") -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="amends-bench-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.env = os.environ | {
            "AMENDS_DATA": self.folder.name,
            "AMENDS_PORT": str(self.port),
            "AMENDS_LOG_LEVEL": "WARNING",
        }
        if database_url:
            self.env["AMENDS_DATABASE_URL"] = database_url
        command = [sys.executable, "-P", "-m", "triage.cli"]
        made = subprocess.run(
            [*command, "keys", "create", "--role", "ingest", "--organisation", "Bench", "--create-organisation"],
            env=self.env, check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.key = made.stdout.strip().splitlines()[-1]
        started = time.perf_counter()
        self.process = subprocess.Popen([*command, "serve"], env=self.env)
        while not self._ready():
            time.sleep(0.02)
        self.seconds_to_ready = time.perf_counter() - started

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError("the server did not start")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

    def caller(self) -> Callable[[str, Any], dict[str, Any]]:
        """A function that posts JSON over one kept connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

        def post(path: str, body: Any) -> dict[str, Any]:
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
            if response.status >= 300:
                raise RuntimeError(f"{response.status}: {answer}")
            return answer

        return post

    def settle(self, within: float = 90.0) -> None:
        """Returns once the server does nothing any more (its drafts are made), or after `within` seconds."""
        until, calm = time.monotonic() + within, 0
        while calm < 3 and time.monotonic() < until:
            before = self._cpu_seconds()
            time.sleep(0.5)
            calm = calm + 1 if self._cpu_seconds() - before < 0.05 else 0

    def _cpu_seconds(self) -> float:
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.folder.cleanup()


def posted(name: str, text: str) -> dict[str, Any]:
    return {
        "source": "bench",
        "external_id": name,
        "author": "customer",
        "conversation": {"external_id": name, "channel": "email"},
        "customer": {"external_id": name},
        "text": text,
    }


def concurrent(server: Server, bodies: list[dict[str, Any]], clients: int) -> float:
    """Returns messages a second."""
    lock, rest = threading.Lock(), list(bodies)

    def work() -> None:
        post = server.caller()
        while True:
            with lock:
                if not rest:
                    return
                body = rest.pop()
            post("/v1/messages", body)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(bodies) / (time.perf_counter() - started)
