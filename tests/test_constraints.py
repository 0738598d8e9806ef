"""The versions that are written down are those that may be installed."""

from importlib.metadata import distributions
import json
from pathlib import Path
import re

import homeassistant
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
import pytest

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "script" / "constraints"
SETUP = (ROOT / "script" / "setup").read_text()
HOMES = sorted(CONSTRAINTS.glob("home-assistant-*.txt"))


def lines(path: Path) -> list[str]:
    """Return what a file says, without comments and what is after a marker's semicolon."""
    found = (line.partition("#")[0].partition(";")[0].strip() for line in path.open())
    return [line for line in found if line]


def versions(path: Path) -> dict[str, str]:
    """Return the versions of a file of constraints, which has nothing else, by package."""
    pairs = [re.fullmatch(r"([\w.-]+)==([\w.+!-]+)", line) for line in lines(path)]
    assert all(pairs), f"{path} says more than versions"
    return {canonicalize_name(pair[1]): pair[2] for pair in pairs if pair}


@pytest.mark.parametrize("path", sorted(CONSTRAINTS.iterdir()), ids=lambda path: path.stem)
def test_versions_alone(path: Path) -> None:
    """Each package has one version, and no address."""
    assert len(versions(path)) == len(lines(path)) > 0


def test_promised_versions() -> None:
    """There are those for the oldest Home Assistant that is promised, and for the tests' own."""
    promised = json.loads((ROOT / "hacs.json").read_text())["homeassistant"]
    usual = re.search(r'HOME_ASSISTANT="(.+)"', SETUP)
    assert usual is not None
    known = [versions(path)["homeassistant"] for path in HOMES]
    assert known == [path.stem.removeprefix("home-assistant-") for path in HOMES]
    assert {promised, usual[1]} <= set(known)
    assert min(known, key=Version) == promised


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        *((path, ("requirements.txt", "requirements_test.txt")) for path in HOMES),
        (CONSTRAINTS / "bigquery.txt", ("requirements_bigquery.txt",)),
    ],
    ids=lambda value: getattr(value, "stem", ""),
)
def test_requirements_are_met(path: Path, wanted: tuple[str, ...]) -> None:
    """What is written down is what the requirements allow."""
    held = versions(path)
    for requirement in (Requirement(line) for name in wanted for line in lines(ROOT / name)):
        assert requirement.specifier.contains(held[canonicalize_name(requirement.name)])


def test_installed_versions() -> None:
    """What is installed is what Home Assistant's own constraints allow."""
    folder = Path(homeassistant.__file__).parent
    constraints = map(Requirement, lines(folder / "package_constraints.txt"))
    installed = {canonicalize_name(found.name): found.version for found in distributions()}
    rejected = {
        str(constraint)
        for constraint in constraints
        if (version := installed.get(canonicalize_name(constraint.name)))
        and not constraint.specifier.contains(version, prereleases=True)
    }
    assert rejected == set()
    assert "homeassistant" in installed
