"""Run the local BigQuery: `python -m tests.local_bigquery`, or `script/bigquery` for a person."""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
import os
from pathlib import Path
import signal
import sys
import tempfile

import orjson

from .accounts import new_key
from .permissions import Grant
from .server import Addresses, Server, running
from .settings import Settings


def main() -> None:
    """Serve until Ctrl-C, SIGTERM or, with --with-parent, the end of standard input."""
    arguments = _arguments()
    with _data_dir(arguments.data_dir) as data_dir:
        asyncio.run(_serve(arguments, data_dir))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bigquery", description=__doc__)
    parser.add_argument(
        "--data-dir", type=Path, help="keep the data in this folder (default: none is kept)"
    )
    parser.add_argument(
        "--in-memory", action="store_true", help="keep no tables in the folder, which is faster"
    )
    parser.add_argument("--rest-port", type=int, default=0, help="default: any free port")
    parser.add_argument("--grpc-port", type=int, default=0, help="default: any free port")
    parser.add_argument("--project", default="local-project", help="default: %(default)s")
    parser.add_argument(
        "--key", type=Path, help="write a key file for roles/bigquery.dataEditor on the project"
    )
    parser.add_argument(
        "--settings", type=orjson.loads, default={}, help="values of `settings.Settings`, as JSON"
    )
    parser.add_argument(
        "--with-parent",
        action="store_true",
        help="print the addresses as JSON, and stop when standard input ends",
    )
    return parser.parse_args()


@contextmanager
def _data_dir(chosen: Path | None) -> Iterator[Path]:
    if chosen:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="local-bigquery-") as folder:
        yield Path(folder)


async def _serve(arguments: argparse.Namespace, data_dir: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    settings = Settings()
    settings.change(arguments.settings)
    ports = arguments.rest_port, arguments.grpc_port
    in_memory = arguments.in_memory or arguments.data_dir is None
    async with running(data_dir, *ports, settings, in_memory=in_memory) as server:
        server.catalog.add_project(arguments.project)
        if arguments.with_parent:
            loop.add_reader(sys.stdin, _on_input, stop)
            print(orjson.dumps(asdict(server.addresses)).decode(), flush=True)
        else:
            if arguments.key:
                _write_key(server, arguments.project, arguments.key)
            _tell(server.addresses, arguments)
        await stop.wait()


def _on_input(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin)
        stop.set()


def _write_key(server: Server, project: str, path: Path) -> None:
    account = server.accounts.create(project, [Grant("roles/bigquery.dataEditor", project)])
    key = new_key(account, f"{server.addresses.rest_url}/token")
    server.accounts.save(account)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(key, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _tell(addresses: Addresses, arguments: argparse.Namespace) -> None:
    print(f"BigQuery API:       {addresses.rest_url}")
    print(f"Storage Write API:  {addresses.storage_url}")
    print(f"Project:            {arguments.project}")
    if arguments.key:
        print(f"Key file:           {arguments.key}")
    print(f"Data:               {arguments.data_dir or 'gone at the end'}")
    print("Stop with Ctrl-C.", flush=True)


if __name__ == "__main__":
    main()
