"""Every error that a caller may meet.

* AmendsError
  - NotAuthenticated     401  no key, or not one of ours
  - NotAllowed           403  the key's role does not permit it
  - NotFound             404  nothing by that id in this organisation
  - Conflict             409  the thing changed, or means something else
    + StaleVersion       409  the caller saw an older version
    + InFlight           409  the same request is being answered right now
  - TooLarge             413  a text or body over the limit
  - Invalid              422  a field is wrong; `pointer` says which
  - Unavailable          503  a part is down; try again
"""


class AmendsError(Exception):
    """What went wrong, where, and what to do about it, in one sentence for the caller."""

    status = 500
    code = "error"

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        """JSON pointer (RFC 6901) to the wrong field of the request body, as `/messages/3/text`."""


class NotAuthenticated(AmendsError):
    status = 401
    code = "not_authenticated"


class NotAllowed(AmendsError):
    status = 403
    code = "not_allowed"


class NotFound(AmendsError):
    status = 404
    code = "not_found"


class Conflict(AmendsError):
    status = 409
    code = "conflict"


class StaleVersion(Conflict):
    code = "stale_version"


class InFlight(Conflict):
    code = "in_flight"


class TooLarge(AmendsError):
    status = 413
    code = "too_large"


class Invalid(AmendsError):
    status = 422
    code = "invalid"


class Unavailable(AmendsError):
    status = 503
    code = "unavailable"
