"""Logs: JSON lines on stderr, our own and every library's; a customer's words never stand in them."""

import logging
import sys

import structlog
from structlog.typing import Processor

from triage.messages.personal import scrub


def configure_logs(level: str) -> None:
    """Sets up both structlog and the standard library's logging, in one form.

    Of an exception the kinds and lines of code are kept, not the messages: a database's may quote a text, and servers
    log whatever a request's handling raised.
    """
    named: list[Processor] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    written: list[Processor] = [structlog.processors.format_exc_info, scrub, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*named, *written],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=named, processors=[remove_meta, *written])
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
