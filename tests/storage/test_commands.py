"""`amends migrate` and `amends customers`, as an operator types them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from triage.cli import app
from triage.config import Settings
from triage.errors import Invalid, NotFound
from triage.store.engine import Store
from triage.store.erasure import customer_id_of
from triage.store.migrate import HEAD
from triage.store.tables import AuditEvent, Customer, Organisation


@pytest.fixture
def amends(store_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AMENDS_DATA", str(store_settings.data))
    monkeypatch.setenv("AMENDS_DATABASE_URL", store_settings.database_url)

    async def invoke(*arguments: str, **options: Any) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, **options)

    return invoke


async def customers(store: Store) -> int:
    async with store.read() as session:
        return await session.scalar(select(func.count()).select_from(Customer)) or 0


async def test_export_prints_all_of_a_customer(amends: Any, planted: Any) -> None:
    done = await amends("customers", "export", planted.customer.id)
    assert done.exit_code == 0
    export = json.loads(done.stdout)
    assert export["customer_id"] == planted.customer.id
    assert export["tables"]["message"][0]["text"] == planted.message.text


async def test_delete_asks_first(amends: Any, store: Store, planted: Any) -> None:
    refused = await amends("customers", "delete", planted.customer.id, input="n\n")
    assert refused.exit_code == 1
    assert await customers(store) == 1


async def test_delete_erases_and_says_what_comes_next(amends: Any, store: Store, planted: Any) -> None:
    done = await amends("customers", "delete", f"{planted.word.upper()}@example.com", "--yes")
    assert done.exit_code == 0
    assert "1 message" in done.stdout
    assert "migrate --compact" in done.stderr
    assert await customers(store) == 0
    async with store.read() as session:
        assert await session.scalar(select(AuditEvent.actor)) == "operator"


async def test_a_customer_nobody_knows_is_an_error(amends: Any, planted: Any) -> None:
    done = await amends("customers", "delete", "nobody@example.com", "--yes")
    assert isinstance(done.exception, NotFound)


async def test_a_name_that_two_customers_have_names_neither(
    store: Store, build: Any, organisation: Organisation
) -> None:
    one, two = (build.customer(organisation, source=s, external_id="1001") for s in ("shop", "helpdesk"))
    async with store.write() as session:
        session.add_all([one, two])
    async with store.read() as session:
        with pytest.raises(Invalid, match=rf"{one.id} \(shop 1001\)"):
            await customer_id_of(session, organisation.id, "1001")
        assert await customer_id_of(session, organisation.id, two.id) == two.id


async def test_a_customer_is_found_in_one_organisation_only(
    store: Store, planted: Any, two_organisations: tuple[Organisation, Organisation]
) -> None:
    async with store.read() as session:
        with pytest.raises(NotFound):
            await customer_id_of(session, two_organisations[1].id, planted.customer.email)


async def test_migrate_says_where_the_database_is(amends: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "was there already" in (await amends("migrate", "--compact")).stdout
    monkeypatch.setenv("AMENDS_DATA", str(tmp_path / "new"))
    monkeypatch.setenv("AMENDS_DATABASE_URL", "")
    assert f"at revision {HEAD} (was empty)" in (await amends("migrate")).stdout
