"""Times as callers mean them: RFC 3339 with a zone, from 1990 to 2199. Others are a 422, which no schema can say."""

from datetime import datetime, timedelta, timezone

import schemathesis
from hypothesis import strategies as st

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1990, 1, 2), datetime(2199, 12, 30), timezones=ZONES).map(datetime.isoformat)

schemathesis.openapi.format("date-time", TIMES)
