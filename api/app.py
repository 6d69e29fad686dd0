"""The web application: routes, pages, errors, and the life of the process around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import middleware, pages, problems
from api.routes import cases, conversations, customers, drafts, events, follow_ups, health, messages, queue, triage
from api.security import KnownKeys
from api.views import Problem
from triage.service import Service

DESCRIPTION = """Scores customer messages for frustration and urgency, orders the recovery queue, finds similar
resolved cases, and drafts replies for an agent to edit. Nothing is ever sent to a customer by itself."""


def create_app(service: Service) -> FastAPI:
    """Returns the application over a service; whoever made the service closes it."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.stopping = asyncio.Event()
        yield
        app.state.stopping.set()

    app = FastAPI(
        title="Amends", version=version("amends"), description=DESCRIPTION, lifespan=life, docs_url=None, redoc_url=None
    )
    app.state.service = service
    app.state.known_keys = KnownKeys()
    problems.install(app)
    for module in (triage, messages, queue, conversations, drafts, cases, customers, follow_ups, events, health):
        app.include_router(module.router)
    app.include_router(pages.router)
    app.mount("/static", pages.static, name="static")
    app.add_middleware(middleware.Around)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 with our problems in place of the framework's own error shape."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = schema["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = schema
    return app.openapi_schema
