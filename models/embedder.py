"""Unit vectors for retrieval, from the same encoder pass that scoring uses."""

from collections.abc import Sequence

from models.encoder import Encoder
from models.registry import Model, open_model
from triage.config import Settings
from triage.protocols import Vectors


class OnnxEmbedder:
    """Implements `triage.protocols.Embedder`.

    embedder = OnnxEmbedder.load(Settings())
    embedder.embed(["where is my parcel?"]).shape    # (1, 384)
    """

    def __init__(self, model: Model, encoder: Encoder | None = None, threads: int = 0) -> None:
        self.name = f"{model.path.name}@{model.digest.hex()[:12]}"
        self.dimensions: int = model.config["dimensions"]
        self._encoder = encoder or Encoder(model, threads)

    @classmethod
    def load(cls, settings: Settings) -> "OnnxEmbedder":
        """Returns the embedder that the settings name; Unavailable where its folder is missing or altered."""
        return cls(open_model(settings.embedder_model, settings.weights), threads=settings.threads)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns (len(texts), dimensions) float32, each row of length 1."""
        return self._encoder.encode(texts)[0]
