"""What goes wrong is told by its kind and its line of code; a customer's words reach neither log nor answer."""

import asyncio
import io
import json
import logging
import socket
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import structlog
import uvicorn
from bodies import message
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.app import create_app
from api.logs import configure_logs
from triage.service import Service

SECRET = "zanzibar-kettle-4711"
SQLITE = pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The lines logged since, as values; logging is put back afterwards."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs("INFO")
    # A logger that is used first now would keep this test's stderr for good.
    structlog.configure(**before | structlog.get_config() | {"cache_logger_on_first_use": False})
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


def fail() -> None:
    raise ValueError(f"cannot read {SECRET}")


@pytest.mark.parametrize("logger", [structlog.get_logger, lambda: logging.getLogger("some.library")])
def test_of_an_exception_kind_and_place_are_logged_and_not_its_message(logs: Any, logger: Any) -> None:
    try:
        fail()
    except ValueError:
        logger().error("it failed", exc_info=True)
    [line] = logs()
    assert (line["event"], line["level"]) == ("it failed", "error")
    assert "ValueError" in line["exception"]
    assert "test_logs.py" in line["exception"]
    assert SECRET not in json.dumps(line)


@SQLITE
async def test_a_server_that_logs_what_a_request_raised_logs_no_words(service: Service, admin: Any, logs: Any) -> None:
    class Broken:
        name = "broken"

        async def read(self, texts: Any) -> Any:
            raise LookupError(f"no score for {texts}")

    service.scorer = Broken()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(service), log_config=None))
    serving = asyncio.create_task(server.serve([listening]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/messages"
    async with httpx2.AsyncClient() as client:
        while not server.started:
            await asyncio.sleep(0.01)
        answer = await client.post(
            url, json=message(text=f"Where is my {SECRET}?"), headers={"Authorization": f"Bearer {admin.key}"}
        )
    server.should_exit = True
    await serving
    assert answer.status_code == 500
    assert SECRET not in answer.text
    lines = logs()
    assert any("LookupError" in line.get("exception", "") for line in lines)
    assert SECRET not in json.dumps(lines)


async def test_an_error_of_the_database_tells_no_values(service: Service) -> None:
    with pytest.raises(DBAPIError) as found:
        async with service.store.read() as session:
            await session.execute(text("SELECT :words FROM nowhere"), {"words": SECRET})
    assert SECRET not in str(found.value)


@SQLITE
@pytest.mark.parametrize(
    "error", [OperationalError("", {}, Exception("database is locked")), PoolTimeout(), ConnectionRefusedError()]
)
async def test_a_database_that_does_not_answer_is_a_503(service: Service, admin: Any, error: Exception) -> None:
    class Down:
        name = "down"

        async def read(self, texts: Any) -> Any:
            raise error

    service.scorer = Down()
    answer = await admin.post("/v1/messages", message())
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("/unavailable")


@SQLITE
async def test_no_answer_is_kept_by_a_cache_unless_it_says_so(admin: Any, client: Any) -> None:
    for path in ("/v1/queue", "/v1/conversations/cnv_0", "/livez", "/openapi.json", "/nothing"):
        assert (await admin.get(path)).headers["cache-control"] == "no-store"
    assert "immutable" in (await client.get("/static/console.css?v=1")).headers["cache-control"]


@SQLITE
async def test_invented_methods_and_paths_add_no_figures(admin: Any) -> None:
    for number in range(3):
        await admin("MADE" + "UP" * number, f"/nothing/{number}")
    figures = (await admin.get("/metrics")).text
    assert 'method="other",route="other"' in figures
    assert "MADE" not in figures
