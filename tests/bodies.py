"""Bodies of requests that many tests send."""

from typing import Any


def message(
    number: int | str = 1, text: str = "My parcel is late again and nobody answers!", **fields: Any
) -> dict[str, Any]:
    """The body of a POST /v1/messages; one conversation and customer a number."""
    return {
        "source": "helpdesk",
        "external_id": f"m{number}",
        "author": "customer",
        "conversation": {"external_id": f"c{number}", "channel": "email", "subject": "My order"},
        "customer": {"external_id": f"u{number}", "name": "Rosa Lind", "email": "rosa.lind@example.com"},
        "text": text,
    } | fields
