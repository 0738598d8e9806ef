"""The server: its parts put together, and its two ports."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
import grpc.aio

from .access import Access
from .accounts import Accounts
from .calls import Gate
from .catalog import Catalog
from .clock import Clock
from .control import Control
from .emulator import Emulator
from .fault_control import FaultControl
from .faults import FaultRules
from .job_history import JobHistory
from .jobs import Jobs
from .load_jobs import LoadJobs
from .metadata_quota import MetadataQuota
from .noted_changes import NotedChanges
from .rest import Resources, RestApi, unknown_path
from .routine_calls import RoutineCalls
from .routines import Routines
from .running_statements import RunningStatements
from .schema_lag import SchemaLag
from .settings import Settings
from .store import Store
from .streaming_buffer import StreamingBuffer
from .table_data import TableData
from .table_loads import TableLoads
from .uploads import Uploads
from .write_service import WriteService
from .write_streams import WriteStreams

_HOST = "127.0.0.1"
# Above BigQuery's own limit, so that it is the service that refuses and says why.
_MAX_MESSAGE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server and the bqemulator behind it listen."""

    rest_url: str
    storage_url: str
    emulator_rest_url: str
    emulator_storage_url: str
    emulator_pid: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    addresses: Addresses
    accounts: Accounts
    catalog: Catalog


@asynccontextmanager
async def running(
    data_dir: Path, rest_port: int, grpc_port: int, settings: Settings, *, in_memory: bool
) -> AsyncIterator[Server]:
    """Serve the data folder on two ports of the loopback interface; 0 is any free port.

    With `in_memory` the rows of tables are kept in memory, and cannot be served again.
    """
    async with AsyncExitStack() as stack:
        store = stack.enter_context(closing(Store(data_dir / "server.sqlite")))
        emulator = await stack.enter_async_context(Emulator.running(data_dir, in_memory=in_memory))
        faults = FaultRules()
        gate = Gate(faults)
        clock = Clock(store)
        changes = NotedChanges(store)
        await changes.recover(emulator)
        buffer = StreamingBuffer(store, clock, settings)
        loads = TableLoads(changes, emulator, buffer)
        accounts = Accounts(store, settings)
        catalog = Catalog(store, emulator, clock, SchemaLag(settings), buffer)
        access = Access(accounts, catalog)
        streams = WriteStreams(store, loads, catalog, clock, data_dir)
        history = JobHistory(store)
        statements = RunningStatements(catalog, emulator, buffer, changes, clock)
        routines = Routines(store, catalog, emulator, clock)
        load_jobs = LoadJobs(history, catalog, loads, settings, data_dir)

        app = web.Application(client_max_size=64 * 2**20)
        app.on_response_prepare.append(_dating(clock))
        api = RestApi(app, gate, access)
        Resources(catalog, MetadataQuota(settings), accounts).register(api)
        TableData(catalog, emulator, buffer, settings, statements).register(api)
        RoutineCalls(routines).register(api)
        Jobs(catalog, emulator, statements, history, routines).register(api)
        Uploads(load_jobs, store, settings, data_dir).register(api)
        Control(gate, accounts, catalog, statements, clock, routines, history).register(app)
        FaultControl(faults, settings).register(app)
        app.router.add_route("*", "/{path:.*}", unknown_path)
        stack.push_async_callback(load_jobs.stop)
        load_jobs.resume()
        service = WriteService(gate, access, catalog, streams, emulator)
        rest_url = await stack.enter_async_context(_rest(app, rest_port))
        storage_url = await stack.enter_async_context(_grpc(service, grpc_port))
        addresses = Addresses(
            rest_url, storage_url, emulator.rest_url, emulator.storage_url, emulator.pid
        )
        yield Server(addresses, accounts, catalog)


def _dating(clock: Clock) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what gives answers the Date of the server's clock."""

    async def date(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = clock.http_date()

    return date


@asynccontextmanager
async def _rest(app: web.Application, port: int) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
        yield f"http://{_HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _grpc(service: WriteService, port: int) -> AsyncIterator[str]:
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            # Two servers on one port would share its calls between them.
            ("grpc.so_reuseport", 0),
        )
    )
    server.add_generic_rpc_handlers((service.handler(),))
    bound = server.add_insecure_port(f"{_HOST}:{port}")
    await server.start()
    try:
        yield f"http://{_HOST}:{bound}"
    finally:
        await server.stop(1)
