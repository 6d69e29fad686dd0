"""Static files, addressed with a hash of their content: a browser keeps them for good and never keeps a stale one."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "static"


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]


def url(name: str) -> str:
    """The address of a static file, as `/static/console.css?v=<hash>`."""
    return f"/static/{name}?v={_digest(name)}"


class Static(StaticFiles):
    """Answers with a year of caching where the address carries a hash, else with an ETag to ask about."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        scope = kwargs.get("scope") or next(a for a in args if isinstance(a, dict))
        named = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if named else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


static = Static(directory=FOLDER)
