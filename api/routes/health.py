"""Whether the process lives, whether it can serve, and its figures."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from api.problems import PROBLEM, problems
from api.security import Anyone, Svc
from triage.errors import Unavailable
from triage.store.repositories.directory import Directory

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str
    model: str | None = None


@router.get("/livez", response_model=Health)
async def livez() -> object:
    return {"status": "pass"}


@router.get("/readyz", response_model=Health, responses={503: PROBLEM})
async def readyz(service: Svc) -> object:
    """Ready when the database answers and a model is loaded."""
    try:
        async with service.store.read() as session:
            await Directory(session).organisations()
    except Exception as error:
        raise Unavailable(f"The database does not answer ({type(error).__name__}).") from None
    return {"status": "pass", "model": service.scorer.name}


@router.get("/metrics", response_class=Response, responses=problems(also={200: {"content": {"text/plain": {}}}}))
async def metrics(who: Anyone) -> Response:
    """Prometheus figures of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
