"""Who is asking, and whether their role may."""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from triage.errors import NotAllowed, NotAuthenticated
from triage.keys import Principal, Role, principal_of_key, principal_of_session
from triage.service import Service
from triage.store.engine import Store

COOKIE = "amends_session"
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

READS: tuple[Role, ...] = ("agent", "lead", "analyst", "admin")
WORKS: tuple[Role, ...] = ("agent", "lead", "admin")
FEEDS: tuple[Role, ...] = ("ingest", "agent", "lead", "admin")
LEADS: tuple[Role, ...] = ("lead", "admin")
EVERYONE: tuple[Role, ...] = ("ingest", "agent", "lead", "analyst", "admin")

_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="A key, as `amends_<id>_<secret>`.")


def service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


class KnownKeys:
    """Helpdesks' keys that were right within the last seconds: looking one up takes a tenth of a message's time.

    So a revoked `ingest` key works for up to LASTS seconds more; those of people are looked up each time.
    """

    LASTS = 5.0
    MOST = 1000

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Principal]] = {}

    async def principal(self, store: Store, key: str) -> Principal | None:
        digest, now = hashlib.sha256(key.encode()).digest(), time.monotonic()
        known = self._known.get(digest)
        if known is not None and now < known[0]:
            return known[1]
        found = await principal_of_key(store, key)
        if found is not None and found.role == "ingest":
            if len(self._known) >= self.MOST:
                self._known.clear()
            self._known[digest] = (now + self.LASTS, found)
        return found


async def authenticate(request: Request) -> Principal:
    """The principal of the request's key or browser session; kept on the request.

    Errors: NotAuthenticated (401); NotAllowed (403) for a browser's change without its CSRF token.
    """
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    principal = await _find(request)
    request.state.principal = principal
    return principal


async def _find(request: Request) -> Principal:
    store = service(request).store
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, key = header.partition(" ")
        known: KnownKeys = request.app.state.known_keys
        principal = await known.principal(store, key.strip()) if scheme.lower() == "bearer" else None
        if principal is None:
            raise NotAuthenticated("The key is wrong or revoked. Send `Authorization: Bearer amends_<id>_<secret>`.")
        return principal
    token = request.cookies.get(COOKIE)
    if token is None:
        raise NotAuthenticated("No key. Send `Authorization: Bearer amends_<id>_<secret>`.")
    principal = await principal_of_session(store, token, "session", service(request).clock())
    if principal is None:
        raise NotAuthenticated("The session has ended; sign in again.")
    if request.method in UNSAFE:
        # A page's form carries it as a field (api/pages/page.py).
        sent = request.headers.get("x-csrf-token") or str(getattr(request.state, "csrf", ""))
        if not hmac.compare_digest(sent.encode(), (principal.csrf or "").encode()):
            raise NotAllowed("The CSRF token is missing or wrong; reload the page.")
    return principal


def allow(roles: tuple[Role, ...]) -> Callable[..., Awaitable[Principal]]:
    """A dependency that gives the principal, or refuses roles other than these."""

    async def permitted(request: Request, _: Annotated[object, Depends(_bearer)]) -> Principal:
        principal = await authenticate(request)
        if principal.role not in roles:
            raise NotAllowed(f"A key with the role {principal.role} may not do this; it needs {' or '.join(roles)}.")
        return principal

    permitted.roles = roles  # type: ignore[attr-defined]  # read by the test that lists every route's roles
    return permitted


Svc = Annotated[Service, Depends(service)]
Reader = Annotated[Principal, Depends(allow(READS))]
Worker = Annotated[Principal, Depends(allow(WORKS))]
Feeder = Annotated[Principal, Depends(allow(FEEDS))]
Lead = Annotated[Principal, Depends(allow(LEADS))]
Anyone = Annotated[Principal, Depends(allow(EVERYONE))]
