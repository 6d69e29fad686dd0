"""What an operator does before anybody has a key: find or make an organisation, its users and their keys."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from triage.config import Settings
from triage.errors import Invalid, NotFound
from triage.keys import Role, create_key, sign_in_link
from triage.store.engine import Store
from triage.store.erasure import customer_id_of, erase_customer, export_customer
from triage.store.migrate import upgrade
from triage.store.repositories.directory import Directory
from triage.store.repositories.live import Audit
from triage.store.repositories.people import People
from triage.store.tables import ApiKey


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    """The migrated store, closed at the end of the block."""
    store = Store(settings)
    try:
        await upgrade(store)
        yield store
    finally:
        await store.close()


async def organisation_id_of(store: Store, name_or_id: str | None) -> str:
    """The organisation named, or the only one there is.

    Errors: NotFound where there is none; Invalid where there are several and none is named.
    """
    async with store.read() as session:
        directory = Directory(session)
        if name_or_id is not None:
            found = await directory.organisation(name_or_id)
            if found is None:
                raise NotFound(f"There is no organisation {name_or_id!r}.")
            return found.id
        every = await directory.organisations()
    if not every:
        raise NotFound("There is no organisation yet: make one with `amends keys create --create-organisation`.")
    if len(every) > 1:
        raise Invalid(f"Say which organisation: {', '.join(o.name for o in every)}.")
    return every[0].id


async def new_key(
    settings: Settings,
    role: Role,
    now: datetime,
    organisation: str | None,
    create_organisation: bool,
    user: str | None,
    name: str | None,
    label: str,
) -> str:
    """A new key, to be shown once; makes organisation and user where asked to."""
    async with opened(settings) as store:
        if create_organisation:
            if organisation is None:
                raise Invalid("Name the organisation to make, with --organisation.")
            async with store.write() as session:
                directory = Directory(session)
                if await directory.organisation(organisation) is None:
                    directory.add_organisation(organisation, now)
        organisation_id = await organisation_id_of(store, organisation)
        if user and name:
            async with store.write() as session:
                people = People(session, organisation_id)
                if await people.user(user) is None:
                    people.add_user(name, user, role, now)
        return await create_key(store, organisation_id, role, now, user, label)


async def new_link(settings: Settings, user: str, now: datetime, organisation: str | None) -> str:
    """An address that signs that user in, once. NotFound where there is no such user."""
    async with opened(settings) as store:
        organisation_id = await organisation_id_of(store, organisation)
        async with store.read() as session:
            found = await People(session, organisation_id).user(user)
        if found is None:
            raise NotFound(f"There is no user {user!r}.")
        return await sign_in_link(store, settings, organisation_id, found.id, now)


async def all_keys(settings: Settings, organisation: str | None) -> Sequence[ApiKey]:
    async with opened(settings) as store:
        organisation_id = await organisation_id_of(store, organisation)
        async with store.read() as session:
            return await People(session, organisation_id).keys()


async def revoke(settings: Settings, key_id: str, now: datetime, organisation: str | None) -> None:
    """Revokes a key; NotFound where there is none to revoke."""
    async with opened(settings) as store:
        organisation_id = await organisation_id_of(store, organisation)
        async with store.write() as session:
            if not await People(session, organisation_id).revoke_key(key_id, now):
                raise NotFound("There is no such key that is not revoked already.")
            Audit(session, organisation_id).add("operator", "key.revoked", key_id, now)


async def export_one(settings: Settings, customer: str, organisation: str | None) -> dict[str, Any]:
    """Everything held of a customer, who is named by id, e-mail address or the helpdesk's id."""
    async with opened(settings) as store:
        organisation_id = await organisation_id_of(store, organisation)
        async with store.read() as session:
            customer_id = await customer_id_of(session, organisation_id, customer)
            return await export_customer(session, organisation_id, customer_id)


async def erase_one(settings: Settings, customer: str, organisation: str | None, now: datetime) -> dict[str, int]:
    """How many rows of the customer went from each table."""
    async with opened(settings) as store:
        organisation_id = await organisation_id_of(store, organisation)
        async with store.write() as session:
            customer_id = await customer_id_of(session, organisation_id, customer)
            return await erase_customer(session, organisation_id, customer_id, "operator", now)
