"""What the console borrows from npm."""

from pathlib import Path


def test_vendored_files_come_with_lock_and_licence() -> None:
    folder = Path(__file__).parents[2] / "api" / "pages"
    lock = (folder / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "http" not in lock
    for vendored in (folder / "static" / "vendor").iterdir():
        assert (vendored / "LICENSE").exists(), vendored
