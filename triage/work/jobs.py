"""The durable jobs of one process: drafting after a message came in, the sweep, and the daily clean-up.

Jobs carry ids and return nothing, so that no customer's word lies in the job library's tables. A job's id is made
from what it is for, so that enqueuing it twice runs it once; the row that it fills decides whether there is still
something to do, so that running it twice does it once.
"""

import asyncio
import warnings
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any

import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from triage.clock import utc_now
from triage.recovery.drafting import make_draft
from triage.service import Service
from triage.store.engine import make_private_at
from triage.work.sweep import sweep, tidy

SHAPE = "1"
"""Version of the workflows' shape: it changes only when a job of the old shape could not go on in the new one."""
DRAFTS = "drafts"
CONCURRENT_DRAFTS = 8
POLL_SECONDS = 0.5
"""At most CONCURRENT_DRAFTS / POLL_SECONDS drafts a second: a burst of messages is scored before it is answered."""
STRANDED = timedelta(minutes=5)
"""A job that has run for so long died with a process that did not come back."""
GIVES_WAY = 1.0
"""Seconds that the next draft waits for a moment in which no message is being taken in: in a burst, one a second."""
KEPT_DAYS = 3
log = structlog.get_logger()


class Jobs:
    """Starts and runs jobs on behalf of a service; its coroutines run on the loop that called `start`.

    jobs = Jobs(service)
    await jobs.start()      # takes up what this worker id left unfinished, then listens
    await jobs.stop()
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="enqueue")
        self._held: set[str] = set()
        """Drafts that wait in this process for a calm moment to be enqueued."""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._launch)
        self.service.enqueue_draft = self.enqueue_draft

    async def stop(self) -> None:
        await asyncio.to_thread(self._stop)

    def _launch(self) -> None:
        settings = self.service.settings
        make_private_at(settings.jobs_url)
        config: DBOSConfig = {
            "name": "amends",
            "system_database_url": settings.jobs_url,
            "executor_id": settings.worker_id,
            "application_version": SHAPE,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "max_executor_threads": CONCURRENT_DRAFTS + 4,
        }
        DBOS(config=config)
        self._register()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the library's own, while it makes its tables
            DBOS.launch()
        DBOS.register_queue(
            DRAFTS,
            worker_concurrency=CONCURRENT_DRAFTS,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )
        DBOS.apply_schedules(
            [
                {"schedule_name": "sweep", "workflow_fn": self._sweep, "schedule": "*/5 * * * * *"},
                {"schedule_name": "tidy", "workflow_fn": self._tidy, "schedule": "0 17 * * * *"},
            ]
        )

    def _stop(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=5)

    def enqueue_draft(self, organisation_id: str, draft_id: str, number: int) -> None:
        """Starts job `draft:<draft>:<number>` unless it was started before. What is lost here, the sweep finds."""
        self._held.add(draft_id)
        self._threads.submit(self._enqueue, organisation_id, draft_id, number)

    def _enqueue(self, organisation_id: str, draft_id: str, number: int) -> None:
        try:
            self._run(self.service.traffic.calm(GIVES_WAY))
            self._start(organisation_id, draft_id, number)
        except Exception as error:
            log.warning("draft not enqueued; the sweep will", draft_id=draft_id, error=type(error).__name__)
        finally:
            self._held.discard(draft_id)

    def _start(self, organisation_id: str, draft_id: str, number: int) -> None:
        with SetWorkflowID(f"draft:{draft_id}:{number}"):
            DBOS.enqueue_workflow(DRAFTS, self._draft, organisation_id, draft_id)

    def waiting(self, draft_ids: Sequence[str]) -> set[str]:
        """Which of these drafts have a job that waits its turn, however long, or runs since less than STRANDED."""
        begun_after = (utc_now() - STRANDED).timestamp() * 1000
        jobs = DBOS.list_workflows(
            workflow_id_prefix=[f"draft:{draft_id}:" for draft_id in draft_ids],
            status=["ENQUEUED", "DELAYED", "PENDING"],
            load_input=False,
            load_output=False,
        )
        return self._held.intersection(draft_ids) | {
            job.workflow_id.split(":")[1]
            for job in jobs
            if job.status != "PENDING" or (job.dequeued_at or job.updated_at or 0) > begun_after
        }

    def _register(self) -> None:
        @DBOS.step(name="make_draft", retries_allowed=True, max_attempts=3)
        def make(organisation_id: str, draft_id: str) -> None:
            self._run(make_draft(self.service, organisation_id, draft_id))

        @DBOS.workflow(name="draft")
        def draft(organisation_id: str, draft_id: str) -> None:
            make(organisation_id, draft_id)

        @DBOS.workflow(name="sweep")
        def run_sweep(scheduled: datetime, context: Any) -> None:
            self._run(sweep(self.service, self.waiting, self._start))

        @DBOS.workflow(name="tidy")
        def run_tidy(scheduled: datetime, context: Any) -> None:
            self._run(tidy(self.service))
            _forget_jobs(self.service.clock() - timedelta(days=KEPT_DAYS))

        self._draft, self._sweep, self._tidy = draft, run_sweep, run_tidy

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs it on the service's loop, whose connections it uses, and waits. The exception carries no text."""
        assert self._loop is not None
        failure: str | None = None
        # In a context of its own: in the job's, the library would record what the work asks of it as steps of the job.
        running = Context().run(asyncio.run_coroutine_threadsafe, work, self._loop)
        try:
            running.result(timeout=120)
        except Exception as error:
            running.cancel()
            failure = type(error).__name__
            log.warning("job failed", error=failure)
        if failure:
            raise RuntimeError(failure)


def _forget_jobs(before: datetime) -> None:
    while old := DBOS.list_workflows(
        status=["SUCCESS", "ERROR", "CANCELLED"],
        end_time=before.isoformat(),
        limit=500,
        load_input=False,
        load_output=False,
    ):
        DBOS.delete_workflows([w.workflow_id for w in old])
