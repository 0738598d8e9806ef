"""Programs that are installed, and those that are not."""

from pathlib import Path

import pytest

from .packages import MissingPackageError, debian_program


def test_installed_program(tmp_path: Path) -> None:
    """What is installed is taken as it is, and nothing is written."""
    program = debian_program("sh", tmp_path)
    assert program.path.name == "sh"
    assert not program.environment
    assert list(tmp_path.iterdir()) == []


def test_missing_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be had says which it is, and why."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPackageError, match=r"no-such-program is .* no apt-get"):
        debian_program("no-such-program", tmp_path)
