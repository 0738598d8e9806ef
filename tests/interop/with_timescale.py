"""Run a command whose copies go to a TimescaleDB: `python -m tests.interop.with_timescale ...`."""

import os
from pathlib import Path
import subprocess
import sys
from tempfile import TemporaryDirectory

from .postgresql_server import postgresql_server


def main() -> int:
    """Run the rest of the arguments with the server's address, and return the exit status."""
    with (
        TemporaryDirectory(prefix="timescaledb-") as folder,
        postgresql_server(Path(folder), timescale=True) as server,
    ):
        environment = {"COPY_SERVER": f"127.0.0.1:{server.port}"}
        return subprocess.run(sys.argv[1:], env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
