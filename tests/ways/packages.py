"""Programs of Debian's packages, in a folder of their own: nothing is installed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from getpass import getuser
import os
from pathlib import Path
import shutil
import subprocess

_SECONDS = 300
_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where servers are installed, and what is not searched for every user."""


class MissingPackageError(Exception):
    """A package cannot be had; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that can be run."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that it needs besides."""


def debian_program(name: str, folder: Path, *, package: str | None = None) -> Program:
    """Return a program that is installed, or else that of Debian's package.

    The package has the same name, or that of `package`.

    It is unpacked into the folder, with what of its libraries is not installed. Raises
    MissingPackageError.
    """
    if path := shutil.which(name, path=f"{os.environ['PATH']}:{_SYSTEM}"):
        return Program(Path(path))
    if shutil.which("apt-get") is None:
        raise MissingPackageError(f"{name} is not installed, and there is no apt-get to get it")
    unpacked = folder / "unpacked"
    for archive in _downloaded(package or name, folder):
        _run(name, "dpkg-deb", "--extract", str(archive), str(unpacked))
    found = shutil.which(name, path=f"{unpacked}/usr/bin:{unpacked}/usr/sbin")
    if found is None:
        raise MissingPackageError(f"Debian's package {package or name} has no program {name}")
    libraries = ":".join(map(str, unpacked.glob("usr/lib/*-linux-gnu*")))
    return Program(Path(found), {"LD_LIBRARY_PATH": libraries} if libraries else {})


def _downloaded(name: str, folder: Path) -> list[Path]:
    """Download a package of Debian's with what it needs and is not installed."""
    lists, archives = folder / "lists", folder / "archives"
    for one in (lists, archives):
        (one / "partial").mkdir(parents=True)
    options = [
        *("-qq", "--option", f"Dir::State::Lists={lists}"),
        *("--option", f"Dir::Cache::Archives={archives}"),
        *("--option", f"Dir::Cache::pkgcache={folder / 'pkgcache.bin'}"),
        *("--option", f"Dir::Cache::srcpkgcache={folder / 'srcpkgcache.bin'}"),
        *("--option", "Debug::NoLocking=1", "--option", "Acquire::Languages=none"),
        *("--option", f"APT::Sandbox::User={getuser()}"),
    ]
    _run(name, "apt-get", *options, "update")
    install = ("install", "--download-only", "--no-install-recommends", "--yes", name)
    _run(name, "apt-get", *options, *install)
    return sorted(archives.glob("*.deb"))


def _run(name: str, *command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        why = (getattr(error, "stderr", "") or str(error)).strip()
        raise MissingPackageError(f"{name} cannot be had: {why}") from None
