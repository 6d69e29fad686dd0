"""The command `amends`. Models and the web come in only with the command that needs them."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from triage.config import Settings
from triage.errors import AmendsError

if TYPE_CHECKING:
    from triage.cases.importing import Report

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Scores customer messages for frustration and urgency, finds similar resolved cases, drafts replies to edit.",
)
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

Organisation = Annotated[
    str | None, typer.Option("--organisation", "-o", help="Name or id; needed only where there are several.")
]


def main() -> None:
    """Runs the command line; an error that we know is one line on stderr and exit status 2."""
    try:
        app()
    except AmendsError as error:
        fail(error.detail)


def fail(detail: str) -> NoReturn:
    err.print(f"amends: {detail}", style="red", markup=False)
    raise SystemExit(2)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine; Ctrl-C ends it without a traceback."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@app.command(rich_help_panel="Run it")
def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo company first, and let messages arrive.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on; AMENDS_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; AMENDS_PORT.")] = None,
) -> None:
    """Serves API and console, and runs the durable jobs.

    Example: amends serve --demo
    """
    from api.server import serve as serve_api

    chosen: dict[str, Any] = {k: v for k, v in {"host": host, "port": port}.items() if v is not None}
    run(serve_api(Settings(**chosen), demo=demo))


@app.command(rich_help_panel="Run it")
def worker() -> None:
    """Runs durable jobs only, beside `serve` (with AMENDS_WORK_IN_SERVE=false there).

    Each worker needs a stable name of its own: AMENDS_WORKER_ID=worker-2 amends worker
    """
    from api.server import work

    run(work(Settings()))


@app.command(rich_help_panel="Run it")
def migrate(
    compact: Annotated[
        bool, typer.Option("--compact", help="Then rewrite the files, so that erased text is gone from their bytes.")
    ] = False,
) -> None:
    """Brings the database to this version's schema; at the newest already, it changes nothing.

    After an erasure, --compact: SQLite needs a moment in which `serve` and `worker` are stopped. On PostgreSQL it is a
    VACUUM FULL, which locks each table; the write-ahead log and backups keep old rows until they are recycled.

    Example: amends migrate --compact
    """
    from triage.store.migrate import HEAD
    from triage.store.migrate import migrate as migrate_database

    before = run(migrate_database(Settings(), compact=compact))
    was = {"": "was empty", HEAD: "was there already"}.get(before, f"was at {before}")
    out.print(f"The database is at revision {HEAD} ({was}).", "Its files are rewritten." if compact else "")


customers = typer.Typer(no_args_is_help=True, help="Erasure and access: all that is held of one customer.")
app.add_typer(customers, name="customers", rich_help_panel="Run it")
CustomerId = Annotated[
    str, typer.Argument(help="Our id (cus_...), or an e-mail address or helpdesk id that only one has.")
]


@customers.command("export")
def export_customer_command(customer: CustomerId, organisation: Organisation = None) -> None:
    """Prints everything that is held of a customer, by table, as JSON.

    Example: amends customers export ada@example.com > ada.json
    """
    from triage.setup import export_one

    typer.echo(json.dumps(run(export_one(Settings(), customer, organisation)), ensure_ascii=False, indent=2))


@customers.command("delete")
def delete_customer_command(
    customer: CustomerId,
    organisation: Organisation = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erases a customer: conversations, messages, scores, drafts, cases, vectors, index entries, stored answers.

    One audit event with ids stays. Copies in the files' free space go with `amends migrate --compact`.

    Example: amends customers delete ada@example.com
    """
    from triage.setup import erase_one

    if not yes:
        typer.confirm(f"Erase all that is held of {customer}? This cannot be undone.", abort=True, err=True)
    for table, rows in run(erase_one(Settings(), customer, organisation, datetime.now(UTC))).items():
        if rows:
            out.print(f"{rows:>6} {table}")
    err.print("Now run `amends migrate --compact`, so that no copy stays in the files.", markup=False)


keys = typer.Typer(no_args_is_help=True, help="Keys for helpdesks and people; each is shown once.")
app.add_typer(keys, name="keys", rich_help_panel="Run it")


@keys.command("create")
def create_key_command(
    role: Annotated[str, typer.Option(help="ingest, agent, lead, analyst or admin.")],
    user: Annotated[str | None, typer.Option(help="E-mail address of the person; not for ingest keys.")] = None,
    name: Annotated[str | None, typer.Option(help="The person's name; makes a user where there is none.")] = None,
    organisation: Organisation = None,
    create_organisation: Annotated[bool, typer.Option("--create-organisation", help="Make it if need be.")] = False,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
) -> None:
    """Prints a new key. Only its hash is kept.

    Example: amends keys create --role ingest --organisation "Fernhill" --create-organisation --label zendesk
    """
    from triage.keys import ROLES
    from triage.setup import new_key

    if role not in ROLES:
        fail(f"There is no role {role!r}; there is {', '.join(ROLES)}.")
    settings, now = Settings(), datetime.now(UTC)
    key = run(new_key(settings, role, now, organisation, create_organisation, user, name, label))
    typer.echo(key)


@keys.command("link")
def create_link(
    user: Annotated[str, typer.Argument(help="E-mail address of one of our users.")], organisation: Organisation = None
) -> None:
    """Prints an address that signs that person in to the console: once, within 12 hours.

    Example: amends keys link ada@example.com
    """
    from triage.setup import new_link

    typer.echo(run(new_link(Settings(), user, datetime.now(UTC), organisation)))


@keys.command("list")
def list_keys(organisation: Organisation = None) -> None:
    """Lists keys by id, role, user and label; never the keys themselves."""
    from rich.table import Table

    from triage.setup import all_keys

    table = Table("id", "role", "user", "label", "created", "revoked")
    for key in run(all_keys(Settings(), organisation)):
        revoked = f"{key.revoked_at:%Y-%m-%d}" if key.revoked_at else ""
        table.add_row(key.id, key.role, key.user_id or "", key.label, f"{key.created_at:%Y-%m-%d}", revoked)
    out.print(table)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="As `keys list` shows it.")], organisation: Organisation = None
) -> None:
    """Revokes a key at once."""
    from triage.setup import revoke

    run(revoke(Settings(), key_id, datetime.now(UTC), organisation))


cases = typer.Typer(no_args_is_help=True, help="Resolved cases: fill the case base and ask it.")
app.add_typer(cases, name="cases", rich_help_panel="Fill it")
articles = typer.Typer(no_args_is_help=True, help="Help articles and saved replies: sources for answers.")
app.add_typer(articles, name="articles", rich_help_panel="Fill it")
RowsFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A .csv or .jsonl file.")]


@cases.command("import")
def import_cases_command(file: RowsFile, organisation: Organisation = None) -> None:
    """Takes resolved cases from a file; personal data is replaced before anything is stored.

    Fields: problem, and as known external_id, summary, failure, frustration, urgency, product, channel, language,
    remedy, cost, currency, csat, reopened, kept, accepted, resolved_at. The same file again changes nothing, so an
    import that was cut off is simply started again. Rows that cannot be taken are listed, and the exit status is 1.

    Example: amends cases import resolved.csv
    """
    from models.embedder import OnnxEmbedder
    from triage.cases.importing import Report, import_cases, kind_of, read_rows
    from triage.cases.threaded import Threaded
    from triage.setup import opened, organisation_id_of

    settings, kind = Settings(), kind_of(file)

    async def work() -> Report:
        async with opened(settings) as store:
            organisation_id = await organisation_id_of(store, organisation)
            embedder = Threaded(OnnxEmbedder.load(settings))
            with file.open(encoding="utf-8-sig", errors="replace", newline="") as rows, progress_of(file) as advance:
                return await import_cases(
                    store, embedder, organisation_id, read_rows(rows, kind), datetime.now(UTC), advance
                )

    report_import(run(work()), "cases")


@cases.command("search")
def search_cases_command(
    text: Annotated[str, typer.Argument(help="What the customer wrote.")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    organisation: Organisation = None,
) -> None:
    """Finds resolved cases like a message, with why each matched and how it ended.

    Example: amends cases search "the replacement came crushed too"
    """
    from models.embedder import OnnxEmbedder
    from triage.cases.search import CaseSearch
    from triage.cases.values import Circumstances, SearchResult
    from triage.setup import opened, organisation_id_of

    settings = Settings()

    async def work() -> SearchResult:
        async with opened(settings) as store:
            organisation_id = await organisation_id_of(store, organisation)
            embedder = OnnxEmbedder.load(settings)
            async with store.read() as session:
                return await CaseSearch(embedder.name).search(
                    session,
                    organisation_id,
                    text,
                    embedder.embed([text])[0],
                    circumstances=Circumstances(now=datetime.now(UTC)),
                    limit=limit,
                )

    found = run(work())
    if as_json:
        typer.echo(json.dumps({"data": [m.line() for m in found.matches], "nothing_near": found.nothing_near}))
        return
    if found.nothing_near:
        out.print("No similar case.")
    for match in found.matches:
        out.print(f"{match.score:.2f}  {match.case.summary}", style="bold", markup=False)
        out.print(f"      {'; '.join(match.why)}", markup=False)


@articles.command("import")
def import_articles_command(file: RowsFile, organisation: Organisation = None) -> None:
    """Takes help articles and saved replies: title, text, and as known external_id, kind (article, saved_reply), url.

    Example: amends articles import help.jsonl
    """
    from triage.cases.importing import Report, import_articles, kind_of, read_rows
    from triage.setup import opened, organisation_id_of

    kind = kind_of(file)

    async def work() -> Report:
        async with opened(Settings()) as store:
            organisation_id = await organisation_id_of(store, organisation)
            with file.open(encoding="utf-8-sig", errors="replace", newline="") as rows:
                return await import_articles(store, organisation_id, read_rows(rows, kind), datetime.now(UTC))

    report_import(run(work()), "articles")


@contextmanager
def progress_of(file: Path) -> Iterator[Callable[[int], None]]:
    """A progress bar over the lines of a file on stderr where that is a terminal; yields what to tell the line to."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with file.open("rb") as lines:
        total = sum(1 for _ in lines)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task(file.name, total=total)
        yield lambda line: progress.update(task, completed=line)


def report_import(report: "Report", noun: str) -> None:
    """Says what became of the rows; ends with status 1 where some were not taken."""
    out.print(f"{report.added} {noun} added, {report.changed} changed, {report.unchanged} as they were")
    for row in report.rejected:
        err.print(f"line {row.line}: {row.reason}", markup=False)
    if report.rejected:
        err.print(f"{len(report.rejected)} rows were not taken", style="red")
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
