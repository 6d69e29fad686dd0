"""Writes card.md from a model folder's config: what it is, how it was trained, and how far it agrees with labels."""

from pathlib import Path
from typing import Any

from triage.scoring.values import FAILURES

CARD = """# {name}

Reads one English customer message: frustration and urgency (five ordered levels each, calibrated probabilities) and the
kind of service failure ({failures}).

- **Encoder**: `{encoder}` (sha256 `{sha}`), frozen; the mean of each of its layers and {explicit} explicit features.
- **Heads**: one hidden layer for each of the three, trained on {rows:,} labelled messages (train.csv, sha256
  `{data}`); sources left out: {excluded}.
- **Who labelled**: a large language model that read each message against the rubric (docs/model-card.md). The figures
  are agreement with that reading, not accuracy against people.
- **Calibration**: a scale and a shift a class (vector scaling), fitted on out-of-fold predictions of the rows that were
  drawn uniformly from their source. `uniform draw` below is therefore in-sample for these {shifts} numbers.
- **Limits**: English only (others abstain); texts over 256 tokens are read by their first and last 128; dry irony and
  calm emergencies are its weak spots. Not for decisions about people: it orders a queue that people work.

## Out of fold

Five folds, no conversation on both sides; value and 95 % bootstrap interval.

{tables}
"""


def write_card(folder: Path, config: dict[str, Any]) -> None:
    """Writes `folder`/card.md."""
    card = CARD.format(
        name=config["name"],
        failures=", ".join(FAILURES),
        encoder=config["encoder"],
        sha=config["encoder_sha256"][:12],
        explicit=config["explicit_features"],
        rows=config["trained_on"]["rows"],
        data=config["trained_on"]["sha256"][:12],
        excluded=", ".join(config["trained_on"]["excluded_sources"]) or "none",
        shifts=sum(1 + len(c["shift"]) for c in config["calibration"].values()),
        tables="\n\n".join(table(name, found) for name, found in config["out_of_fold"].items()),
    )
    (folder / "card.md").write_text(card, "utf-8")


def table(title: str, found: dict[str, Any]) -> str:
    """Returns a Markdown table of figures as `models.evaluate.figures` gives them."""
    lines = [f"### {title} (n = {found['n']:,})", "", "| | figure | value | 95 % |", "|---|---|---|---|"]
    for head in ("frustration", "urgency", "failure"):
        for measure, (value, low, high) in found[head].items():
            lines.append(f"| {head} | {measure} | {value:.3f} | {low:.3f}-{high:.3f} |")
    return "\n".join(lines)
