"""Keys and sign-in links: shown once, kept as hashes.

A key is `amends_<id>_<secret>`: 32 hex digits that find it and 256 random bits that prove it. A secret of that
entropy needs no slow hash.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from triage.config import Settings
from triage.errors import Invalid
from triage.store.engine import Store
from triage.store.repositories.directory import Credential, Directory
from triage.store.repositories.live import Audit
from triage.store.repositories.people import People

Role = Literal["ingest", "agent", "lead", "analyst", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
LINK_LASTS = timedelta(hours=12)
SESSION_LASTS = timedelta(hours=12)
_KEY = re.compile(r"amends_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
_SESSION = re.compile(r"([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: every act records `actor`."""

    organisation_id: str
    user_id: str | None
    name: str | None
    role: Role
    credential_id: str
    csrf: str | None = None
    """Set for a browser, which must send it back with every change."""

    @property
    def actor(self) -> str:
        return self.user_id or self.credential_id


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _principal(found: Credential | None, secret: str) -> Principal | None:
    # Compare against something even where nothing was found, so that timing does not tell ids apart.
    matches = hmac.compare_digest(found.secret_hash if found else _digest("none"), _digest(secret))
    if found is None or not matches:
        return None
    role: Role = found.role  # type: ignore[assignment]  # only ROLES are ever stored
    return Principal(found.organisation_id, found.user_id, found.user_name, role, found.id, found.csrf)


async def create_key(
    store: Store, organisation_id: str, role: Role, now: datetime, user: str | None = None, label: str = ""
) -> str:
    """Returns the whole key, which is not stored and cannot be shown again.

    Errors: Invalid when a role other than `ingest` comes without one of the organisation's users.
    """
    secret = secrets.token_urlsafe(32)
    async with store.write() as session:
        people = People(session, organisation_id)
        owner = await people.user(user) if user else None
        if role != "ingest" and owner is None:
            raise Invalid(f"A key with the role {role} belongs to a user: name one by e-mail address or id.")
        key = people.add_key(role, _digest(secret), now, owner.id if owner else None, label)
        Audit(session, organisation_id).add(owner.id if owner else "system", "key.created", key.id, now)
    return f"amends_{key.id.removeprefix('key_')}_{secret}"


async def principal_of_key(store: Store, key: str) -> Principal | None:
    """Whose key it is; None for a wrong, unknown or revoked one."""
    parts = _KEY.fullmatch(key)
    if not parts:
        return None
    async with store.read() as session:
        return _principal(await Directory(session).key(f"key_{parts[1]}"), parts[2])


async def create_browser_session(
    store: Store, organisation_id: str, user_id: str, kind: Literal["session", "link"], now: datetime
) -> tuple[str, str]:
    """Returns the token (a cookie's value, or the end of a sign-in link) and the CSRF token."""
    secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    async with store.write() as session:
        lasts = SESSION_LASTS if kind == "session" else LINK_LASTS
        made = People(session, organisation_id).add_browser_session(user_id, kind, _digest(secret), csrf, now + lasts)
    return f"{made.id.removeprefix('ses_')}_{secret}", csrf


async def sign_in_link(store: Store, settings: Settings, organisation_id: str, user_id: str, now: datetime) -> str:
    """Returns an address that signs a browser in as that user, once, within LINK_LASTS."""
    token, _ = await create_browser_session(store, organisation_id, user_id, "link", now)
    return f"{settings.console_url}/sign-in?token={token}"


async def principal_of_session(
    store: Store, token: str, kind: Literal["session", "link"], now: datetime
) -> Principal | None:
    """Whose browser session or link it is; None for a wrong, ended or expired one."""
    parts = _SESSION.fullmatch(token)
    if not parts:
        return None
    async with store.read() as session:
        return _principal(await Directory(session).browser_session(f"ses_{parts[1]}", kind, now), parts[2])


async def end_browser_session(store: Store, principal: Principal) -> bool:
    """Signs a browser out, or uses a link up; whether it was still there."""
    async with store.write() as session:
        return await People(session, principal.organisation_id).end_browser_session(principal.credential_id)
