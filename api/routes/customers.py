"""A customer's right to be shown and to be forgotten."""

from typing import Any

from fastapi import APIRouter

from api.problems import problems
from api.security import Lead, Svc
from triage.messages.posted import Shape
from triage.store.erasure import erase_customer, export_customer

router = APIRouter(tags=["customers"])


class Erased(Shape):
    customer_id: str
    removed: dict[str, int]


class Export(Shape):
    customer_id: str
    tables: dict[str, list[dict[str, Any]]]


@router.delete("/v1/customers/{customer_id}", response_model=Erased, responses=problems(404))
async def delete_customer(customer_id: str, who: Lead, service: Svc) -> object:
    """Removes the customer and all that hangs on them; what "gone" means is said in docs/operations.md."""
    async with service.store.write() as session:
        removed = await erase_customer(session, who.organisation_id, customer_id, who.actor, service.clock())
    return {"customer_id": customer_id, "removed": removed}


@router.get("/v1/customers/{customer_id}/export", response_model=Export, responses=problems(404))
async def get_export(customer_id: str, who: Lead, service: Svc) -> object:
    """Everything held of the customer, by table."""
    async with service.store.read() as session:
        return await export_customer(session, who.organisation_id, customer_id)
