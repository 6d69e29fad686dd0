"""A model is a folder: config.json, its weights (ONNX, safetensors), a tokenizer and a card. No pickles.

open_model("triage-en")                          # what ships
open_model("triage-en", Path("/srv/models"))     # an operator's own
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triage.errors import Unavailable

SHIPPED = Path(__file__).parent / "weights"
CONFIG = "config.json"
ENCODER = "encoder.onnx"


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Model:
    """A checked model folder; `config["files"]` holds the SHA-256 of each of its weight files."""

    path: Path
    config: dict[str, Any]

    @property
    def digest(self) -> bytes:
        """SHA-256 over the config, which names the hash of every weight file and of the encoder it leans on."""
        return hashlib.sha256((self.path / CONFIG).read_bytes()).digest()

    @property
    def encoder(self) -> "Model":
        """The folder that holds the encoder: this one, or the sibling that `config["encoder"]` names."""
        if (self.path / ENCODER).exists():
            return self
        sibling = open_model(self.config["encoder"], self.path.parent)
        expected = self.config["encoder_sha256"]
        if sibling.config["files"][ENCODER] != expected:
            raise Unavailable(f"model {self.path.name} was made for another {sibling.path.name}: {expected[:12]}")
        return sibling


def open_model(name: str, weights: Path | None = None) -> Model:
    """Returns the folder `name` of `weights`, or else the one that ships; Unavailable where missing or altered."""
    own = weights and weights / name
    return open_folder(own if own and own.exists() else SHIPPED / name)


def open_folder(path: Path) -> Model:
    """Returns the folder with every file's hash checked: an altered weight file is refused, not served."""
    try:
        config = json.loads((path / CONFIG).read_text("utf-8"))
        for name, expected in config["files"].items():
            if sha256_of(path / name) != expected:
                raise Unavailable(f"model {path.name}: {name} is not the file that {CONFIG} names; restore the folder")
    except FileNotFoundError as e:
        raise Unavailable(f"model {path.name}: {e.filename} is missing; check `weights` and the model's name") from e
    except (ValueError, KeyError, TypeError) as e:
        raise Unavailable(f"model {path.name}: {CONFIG} cannot be read ({e!r})") from e
    return Model(path, config)


def write_config(path: Path, config: dict[str, Any], files: tuple[str, ...]) -> None:
    """Writes config.json with the hashes of `files`, which must be there already."""
    config = config | {"files": {name: sha256_of(path / name) for name in files}}
    (path / CONFIG).write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", "utf-8")
