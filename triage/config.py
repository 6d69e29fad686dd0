"""Settings, from `AMENDS_*` variables or `amends.toml`; docs/operations.md lists them all (a test compares)."""

import re
from functools import cached_property
from pathlib import Path

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """Everything that an operator may choose.

    Settings()                          # AMENDS_* variables over amends.toml over the defaults
    Settings(data=Path("/srv/amends"))  # an argument wins over both
    """

    model_config = SettingsConfigDict(env_prefix="AMENDS_", toml_file="amends.toml", extra="forbid", frozen=True)

    data: Path = Field(Path("var"), description="Folder of the embedded databases; made with mode 0700.")
    database_url: str = Field(
        "",
        description="SQLAlchemy URL of the rows; empty: SQLite in `data`. "
        "PostgreSQL: `postgresql+asyncpg://user@host/name`.",
    )
    work_url: str = Field(
        "",
        description="URL of the job library's tables; empty: a SQLite file in `data`, "
        "or the PostgreSQL database of `database_url`.",
    )
    worker_id: str = Field(
        "main",
        description="Stable name of this process among those that share `work_url`; "
        "a restarted process with the same name takes up its own unfinished jobs.",
    )
    work_in_serve: bool = Field(True, description="Whether `amends serve` also runs the durable jobs.")
    host: str = Field("127.0.0.1", description="Address that `amends serve` listens on.")
    port: int = Field(8000, description="Port that `amends serve` listens on.")
    public_url: str = Field("", description="Address under which people reach the console; empty: host and port.")
    weights: Path | None = Field(None, description="Folder with model folders; empty: those that ship.")
    triage_model: str = Field("triage-en", description="Model folder that scores.")
    embedder_model: str = Field("minilm-l6-en", description="Model folder that embeds cases.")
    threads: int = Field(0, description="Threads of the inference engine; 0: one per core.")
    drafter: str = Field("composer", description="Engine that writes drafts.")
    synchronous: str = Field(
        "NORMAL", description="SQLite's `synchronous`: NORMAL survives kill -9, FULL also a power cut."
    )
    retention_days: int = Field(
        730, description="Texts of conversations resolved longer ago than this are removed; 0: kept."
    )
    follow_up_days: int = Field(2, description="Days until a promise without a date of its own falls due.")
    max_extremes_in_a_row: int = Field(
        3,
        description="Claiming the next conversation hands one agent at most this many of extreme frustration in a row.",
    )
    log_level: str = Field("INFO", description="Lowest level that is logged.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @cached_property
    def rows_url(self) -> str:
        """Async SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data.absolute() / 'amends.db'}"

    @cached_property
    def jobs_url(self) -> str:
        """Sync URL of the job library's own tables."""
        if self.work_url:
            return self.work_url
        if self.rows_url.startswith("postgresql"):
            url = self.rows_url.replace("postgresql+asyncpg", "postgresql", 1)
            return re.sub(r"([?&])ssl=", r"\1sslmode=", url)  # what asyncpg calls ssl is libpq's sslmode
        return f"sqlite:///{self.data.absolute() / 'work.db'}"

    @cached_property
    def console_url(self) -> str:
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"
