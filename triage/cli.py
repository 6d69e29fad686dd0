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
from triage.protocols import Scorer

if TYPE_CHECKING:
    from triage.cases.importing import Report
    from triage.recovery.values import Remedy

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


def run(work: Coroutine[Any, Any, Any], new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None) -> Any:
    """Runs a coroutine; Ctrl-C ends it without a traceback."""
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@app.command(rich_help_panel="Read messages")
def score(
    file: Annotated[str, typer.Argument(help="JSON lines or CSV with `id` and `text`; - is standard input.")] = "-",
    format: Annotated[str | None, typer.Option(help="jsonl or csv; left out, by the file's name (else jsonl).")] = None,
    text_field: Annotated[str, typer.Option(help="Field that holds the text.")] = "text",
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Show the words behind each level (about 5x slower).")
    ] = False,
) -> None:
    """Scores messages: one JSON line each on standard output, in the order they came.

    Rows may also have `subject`, `language`, `channel` and `sent_at` (an ISO time that "tomorrow" counts from). A row
    that cannot be read yields a line with `id` and `error`, and exit status 1 at the end.

    Example: amends score tickets.csv --text-field body > scores.jsonl
    """
    from triage.scoring.lines import run_score

    if format not in (None, "jsonl", "csv"):
        fail(f"There is no format {format!r}; there is jsonl and csv.")
    raise SystemExit(run_score(_scorer, file, format, text_field, evidence))


@app.command(rich_help_panel="Read messages")
def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Past tickets, .csv or .jsonl.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    per_hour: Annotated[
        float | None, typer.Option(min=0.001, help="Assume this many first replies an hour, whatever is recorded.")
    ] = None,
    one_is_highest: Annotated[
        bool, typer.Option("--one-is-highest", help="Where priorities are numbers: 1 is the most urgent.")
    ] = False,
) -> None:
    """Serves tickets of the past again in our order: which urgent ones would have come up sooner, and at whose cost.

    Fields: text, created_at, and as known id, first_reply_at, priority, language, tier, amount, customer. Each recorded
    first reply is a moment in which one ticket could be served. Rows that cannot be read are counted, and the exit
    status is 1.

    Example: amends replay tickets.csv --json > replay.json
    """
    from triage.cases.importing import kind_of, read_rows
    from triage.replay import place, read_tickets, show
    from triage.replay import replay as replay_tickets

    with file.open(encoding="utf-8-sig", errors="replace", newline="") as rows:
        tickets, rejected = read_tickets(read_rows(rows, kind_of(file)), one_is_highest=one_is_highest)
    with progress_of(file) as advance:
        placed = place(tickets, _scorer(), advance=advance)
    report = replay_tickets(placed, per_hour, rejected=rejected)
    if as_json:
        typer.echo(json.dumps(report.line(), ensure_ascii=False, indent=1))
    else:
        out.print(show(report))
    if rejected:
        raise typer.Exit(1)


@app.command(rich_help_panel="Make models")
def evaluate(
    file: Annotated[Path, typer.Argument(help="CSV with id, text, frustration, urgency (0-4) and failure.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compares scores with labels: the figures of the model card, with 95 % bootstrap intervals.

    Example: amends evaluate labels.csv --json
    """
    import json

    from models.evaluate import evaluate as run_evaluate

    found = run_evaluate(file, _scorer())
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        _show_figures(found)


@app.command(rich_help_panel="Make models")
def train(
    data: Annotated[Path, typer.Option(help="Folder with train.csv and test.csv of labelled messages.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    size: Annotated[str, typer.Option(help="small: heads on the shipped encoder.")] = "small",
    exclude_source: Annotated[list[str] | None, typer.Option(help="Leave out a source; may be repeated.")] = None,
) -> None:
    """Trains, calibrates and evaluates a model folder, with its card and its out-of-fold predictions.

    Example: amends train --data labels/ --out my-models/triage-en
    """
    from models.train import train as run_train

    if size != "small":
        fail(f"There is no size {size!r} yet; small trains heads on the shipped encoder.")
    _show_figures(run_train(data, out, exclude_source or ())["uniform draw"])


def _scorer() -> Scorer:
    """The model that the settings name."""
    from models.scorer import OnnxScorer

    return OnnxScorer.load(Settings())


def _show_figures(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table("", "figure", "value", "95 %", title=f"Agreement with {found['n']:,} labels")
    for head in ("frustration", "urgency", "failure"):
        for i, (measure, (value, low, high)) in enumerate(found[head].items()):
            table.add_row("" if i else head, measure, f"{value:.3f}", f"{low:.3f} - {high:.3f}")
    out.print(table)


@app.command(rich_help_panel="Run it")
def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo company first, and let messages arrive.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on; AMENDS_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; AMENDS_PORT.")] = None,
) -> None:
    """Serves API and console, and runs the durable jobs.

    Example: amends serve --demo
    """
    from api.server import new_loop
    from api.server import serve as serve_api

    chosen: dict[str, Any] = {k: v for k, v in {"host": host, "port": port}.items() if v is not None}
    run(serve_api(Settings(**chosen), demo=demo), new_loop)


@app.command(rich_help_panel="Run it")
def worker() -> None:
    """Runs durable jobs only, beside `serve` (with AMENDS_WORK_IN_SERVE=false there).

    Each worker needs a stable name of its own: AMENDS_WORKER_ID=worker-2 amends worker
    """
    from api.server import new_loop, work

    run(work(Settings()), new_loop)


@app.command(rich_help_panel="Run it")
def demo(
    renew: Annotated[
        bool, typer.Option("--renew", help="Delete the demo company and what was done in it, and load it as of today.")
    ] = False,
) -> None:
    """Loads the demo company into the database, once; other organisations stay as they are.

    `amends serve --demo` does so too, and lets more messages arrive.
    """
    from api.wiring import build
    from triage.demo import load, remove
    from triage.store.migrate import upgrade

    async def fill() -> None:
        service = build(Settings())
        try:
            await upgrade(service.store)
            if renew:
                await remove(service)
            await load(service)
        finally:
            await service.close()

    with err.status("Loading the demo company"):
        run(fill())
    out.print("The demo company is loaded. See it with: amends serve --demo", markup=False)


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


policy = typer.Typer(no_args_is_help=True, help="Remedies: what may be offered, when, up to what value.")
app.add_typer(policy, name="policy", rich_help_panel="Fill it")
PolicyFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A .json file with a list of remedies.")
]


@policy.command("import")
def import_policy_command(file: PolicyFile, organisation: Organisation = None) -> None:
    """Checks the remedies of a file and makes them the organisation's new policy.

    Example: amends policy import remedies.json
    """
    from triage.setup import opened, organisation_id_of
    from triage.store.repositories.policies import Policies

    remedies = read_policy(file)

    async def work() -> int:
        async with opened(Settings()) as store:
            organisation_id = await organisation_id_of(store, organisation)
            async with store.write() as session:
                return await Policies(session, organisation_id).add(remedies, datetime.now(UTC))

    out.print(f"Version {run(work())} of the policy: {len(remedies)} remedies.")


@policy.command("show")
def show_policy_command(file: PolicyFile) -> None:
    """Checks the remedies of a file and shows them; nothing is stored.

    Example: amends policy show remedies.json
    """
    from rich.table import Table

    table = Table("remedy", "label", "up to", "approval", "when", box=None)
    for r in read_policy(file):
        table.add_row(
            r.id,
            r.label,
            f"{r.max.amount} {r.max.currency}" if r.max else "",
            "yes" if r.needs_approval else "",
            r.when or "always",
        )
    out.print(table)


def read_policy(file: Path) -> "list[Remedy]":
    """The remedies of a JSON file; Invalid names the wrong field."""
    from triage.errors import Invalid
    from triage.recovery.policy import load_policy

    try:
        return load_policy(json.loads(file.read_text("utf-8")))
    except ValueError as error:
        raise Invalid(f"{file.name} is no JSON: {error}") from None
    except Invalid as error:
        raise Invalid(f"{file.name}{error.pointer or ''}: {error.detail}", pointer=error.pointer) from None


@app.command("draft", rich_help_panel="Try it")
def draft_command(
    file: Annotated[str, typer.Argument(help="A .jsonl file, or - for stdin.")] = "-",
    engine: Annotated[str | None, typer.Option(help="composer; empty: AMENDS_DRAFTER.")] = None,
) -> None:
    """Writes a checked reply for each row, one JSON line each, without a database.

    Fields: id, text, and as known customer, channel, order, agent, brand, history, now, remedies, cases, articles,
    attachments. A row that cannot be drafted yields a line with `error`, and the exit status is 1.

    Example: amends draft tickets.jsonl > drafts.jsonl
    """
    import sys

    from models.scorer import OnnxScorer
    from triage.errors import Invalid, Unavailable
    from triage.protocols import Scorer
    from triage.recovery.compose import Composer
    from triage.recovery.rows import draft_lines
    from triage.scoring.rules import RuleScorer

    settings = Settings()
    drafters = {"composer": Composer()}
    if (chosen := engine or settings.drafter) not in drafters:
        raise Invalid(f"No engine {chosen!r} here; there is {', '.join(drafters)}.")
    try:
        scorer: Scorer = OnnxScorer.load(settings)
    except Unavailable as error:
        err.print(f"amends: {error.detail}; scored by rules", style="yellow", markup=False)
        scorer = RuleScorer()
    failed = False
    with sys.stdin if file == "-" else Path(file).open(encoding="utf-8-sig", errors="replace") as lines:
        for line in draft_lines(lines, scorer, drafters[chosen]):
            failed = failed or "error" in line
            typer.echo(json.dumps(line, ensure_ascii=False))
    if failed:
        raise typer.Exit(1)


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
