"""Settings: which source wins, and the addresses that follow from them."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from triage.config import Settings


def test_argument_wins_over_variable_over_file_over_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().port == 8000
    (tmp_path / "amends.toml").write_text("port = 8001\n")
    assert Settings().port == 8001
    monkeypatch.setenv("AMENDS_PORT", "8002")
    assert Settings().port == 8002
    assert Settings(port=8003).port == 8003


def test_unknown_name_in_the_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "amends.toml").write_text("retention_day = 30\n")
    with pytest.raises(ValidationError, match="retention_day"):
        Settings()


def test_embedded_databases_lie_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert make_url(settings.rows_url).database == str(tmp_path / "amends.db")
    assert make_url(settings.jobs_url).database == str(tmp_path / "work.db")


@pytest.mark.parametrize(
    ("rows", "jobs"),
    [
        ("postgresql+asyncpg://u@h/n", "postgresql://u@h/n"),
        ("postgresql+asyncpg://u@h/n?ssl=require", "postgresql://u@h/n?sslmode=require"),
        (
            "postgresql+asyncpg://u@/n?host=/run/pg&ssl=verify-full",
            "postgresql://u@/n?host=/run/pg&sslmode=verify-full",
        ),
        ("postgresql+asyncpg://ssl=@h/n", "postgresql://ssl=@h/n"),
    ],
)
def test_jobs_follow_the_rows_to_postgresql(rows: str, jobs: str) -> None:
    assert Settings(database_url=rows).jobs_url == jobs
    assert Settings(database_url=rows, work_url="sqlite:///elsewhere.db").jobs_url == "sqlite:///elsewhere.db"


def test_console_stands_where_people_reach_it() -> None:
    assert Settings(port=9000).console_url == "http://127.0.0.1:9000"
    assert Settings(public_url="https://amends.example.com/").console_url == "https://amends.example.com"
