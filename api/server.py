"""One process: the API, the pages, and (unless told otherwise) the durable jobs."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from rich.console import Console
from uvicorn.loops.auto import auto_loop_factory

from api.app import create_app
from api.logs import configure_logs
from api.wiring import build
from triage.config import Settings
from triage.demo import arrive, load
from triage.errors import Unavailable
from triage.keys import sign_in_link
from triage.service import Service
from triage.store.migrate import upgrade
from triage.store.repositories.directory import Directory
from triage.store.repositories.people import People
from triage.work.jobs import Jobs

new_loop = auto_loop_factory()
"""Makes an event loop: uvloop's, where it is installed (not on Windows)."""


async def serve(settings: Settings, *, demo: bool = False) -> None:
    """Serves until it is told to stop; with `demo`, the demo company is there and messages arrive while you watch."""
    configure_logs(settings.log_level)
    bound = _bind(settings.host, settings.port)
    service = build(settings)
    arriving: asyncio.Task[None] | None = None
    try:
        await upgrade(service.store)
        if demo:
            await load(service)
        jobs = Jobs(service) if settings.work_in_serve else None
        if jobs:
            await jobs.start()
        try:
            async with _listening(service, bound):
                await _announce(service)
                if demo:
                    arriving = asyncio.create_task(arrive(service))
        finally:
            if arriving:
                arriving.cancel()
            if jobs:
                await jobs.stop()
    finally:
        await service.close()


async def work(settings: Settings) -> None:
    """Runs durable jobs only, until it is told to stop."""
    configure_logs(settings.log_level)
    service = build(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    try:
        await upgrade(service.store)
        jobs = Jobs(service)
        await jobs.start()
        try:
            await stopping.wait()
        finally:
            await jobs.stop()
    finally:
        await service.close()


def _bind(host: str, port: int) -> socket.socket:
    """Takes the address before anything else is started; connections are refused until somebody listens.

    Errors: Unavailable when another program has it.
    """
    # The protocol is named, for only then asyncio turns Nagle's algorithm off: else an answer's body waits 40 ms for
    # the acknowledgement of its headers.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        detail = f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port or AMENDS_PORT"
        raise Unavailable(detail) from error
    return bound


class _Server(uvicorn.Server):
    """Returns when told to stop: uvicorn's own ends the process by the signal, before jobs and store are closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop, caught = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
        for number in caught:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in caught:
                loop.remove_signal_handler(number)


@asynccontextmanager
async def _listening(service: Service, bound: socket.socket) -> AsyncIterator[None]:
    """Listens; the block runs once the first request can be answered, then it serves until told to stop."""
    server = _Server(
        uvicorn.Config(
            create_app(service),
            log_config=None,  # api/logs.py is for everybody
            access_log=False,  # ours has the route instead of the URL, and the request id
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    serving = asyncio.create_task(server.serve([bound]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        yield
    await serving


async def _announce(service: Service) -> None:
    """Says where to look. Only a demo's sign-in link is printed: another's would stay in a log."""
    url, now = service.settings.console_url, service.clock()
    out = Console(soft_wrap=True, highlight=False)
    out.print(f"\n[bold]Amends[/bold] answers at {url}  (API: {url}/openapi.json)")
    async with service.store.read() as session:
        organisations = await Directory(session).organisations()
        demos = {o.id: await People(session, o.id).users() for o in organisations if o.demo}
    for organisation_id, users in demos.items():
        for user in sorted(users, key=lambda u: u.role != "lead")[:1]:
            link = await sign_in_link(service.store, service.settings, organisation_id, user.id, now)
            out.print(f"Sign in as {user.name} ({user.role} at the demo company), once, within 12 hours:\n  {link}\n")
    if not organisations:
        out.print("There is no organisation yet: amends keys create --help")
