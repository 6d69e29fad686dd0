"""Cursors: opaque, and made of the place after which the next page begins, so that rows may come and go between."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from triage.errors import Invalid


def cursor(at: datetime | None, id: str) -> str:
    """Returns a token for the place (at, id)."""
    place = json.dumps([at.isoformat() if at else None, id])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place(token: str | None) -> tuple[datetime | None, str] | None:
    """Returns the place that a token names; Invalid for one that we did not make."""
    if token is None:
        return None
    try:
        at, id = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars="-_", validate=True))
        if not isinstance(id, str) or "\x00" in id:
            raise ValueError
        found = datetime.fromisoformat(at) if at is not None else None
        if found is not None and found.tzinfo is None:
            raise ValueError
        return found, id
    except (ValueError, TypeError, binascii.Error):
        raise Invalid("This cursor is none of ours; leave it out to begin again.", pointer="query/cursor") from None


def page(data: list[Any], limit: int, last: tuple[datetime | None, str] | None) -> dict[str, Any]:
    """Returns `{data, next_cursor, has_more}` of limit + 1 rows asked for; `last` is the place of the limit-th."""
    more = len(data) > limit
    return {"data": data[:limit], "next_cursor": cursor(*last) if more and last else None, "has_more": more}
