"""The websocket of a dashboard's pictures is passed on for as long as both ends are there."""

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import pytest
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler
from websocket import ABNF, WebSocket, WebSocketConnectionClosedException, create_connection

from tests.support.jupyter import Jupyter, running_jupyter
from tests.support.live import free_ports, wait_until

pytestmark = pytest.mark.slow  # a server of Jupyter
TOKEN = "a-token-of-jupyter"
SAID = "x" * 10_000
opened: list[WebSocketHandler] = []


class Dashboard(WebSocketHandler):
    """Accepts after a while, talks and pings without end, and goes when it is told to."""

    async def prepare(self) -> None:
        await asyncio.sleep(float(self.get_argument("after", "0")))

    async def open(self) -> None:
        opened.append(self)
        talking = asyncio.ensure_future(self.talk())
        talking.add_done_callback(lambda task: task.result())

    async def talk(self) -> None:
        with suppress(WebSocketClosedError):
            while True:
                self.ping(b"there?")
                await self.write_message(SAID)

    def on_message(self, message: str | bytes) -> None:
        if message == "go":
            self.close()

    def on_close(self) -> None:
        opened.remove(self)


@pytest.fixture(scope="module")
def dashboard() -> Iterator[int]:
    """Serve in a thread; return the port."""
    (port,) = free_ports(1)
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        server = Application([("/ws", Dashboard)]).listen(port, "127.0.0.1")
        end = asyncio.Event()
        running.set_result((asyncio.get_running_loop(), end))
        await end.wait()
        server.stop()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    loop, end = running.result(30)
    yield port
    loop.call_soon_threadsafe(end.set)
    thread.join(30)


@pytest.fixture
def jupyter(dashboard: int, tmp_path: Path) -> Iterator[Jupyter]:
    """Start a server whose log is looked at in the end."""
    with running_jupyter(tmp_path, told(dashboard)) as jupyter:
        yield jupyter
        wait_until(lambda: not opened, "the dashboard's connections to be closed")
    assert re.findall(r".*(?:\[E |Traceback|never retrieved).*", jupyter.log.read_text()) == []


def told(port: int) -> dict[str, str]:
    """Return what a server is told of a dashboard at this port."""
    return {"DASK_SCHEDULER_ADDRESS": "", "DASHBOARD_PORT": str(port), "JUPYTER_TOKEN": TOKEN}


def connect(jupyter: Jupyter, query: str = "") -> WebSocket:
    url = f"{jupyter.url.replace('http', 'ws')}/labloop-cluster/ws?{query}"
    header = {"Authorization": f"token {TOKEN}"}
    return create_connection(url, header=header, timeout=30, suppress_origin=True)


def vanish(connection: WebSocket) -> None:
    """Be gone as a tab that crashed is: the other end gets a reset."""
    assert connection.sock
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sock.close()


def test_messages_go_both_ways(jupyter: Jupyter) -> None:
    connection = connect(jupyter)
    assert [connection.recv() for _ in range(100)] == [SAID] * 100
    connection.send("go")
    with suppress(ConnectionError):  # it waits for an answer, but not long
        while connection.recv():
            pass  # until it is told that the dashboard has gone
    vanish(connection)


@pytest.mark.parametrize("leave", [WebSocket.shutdown, WebSocket.close, vanish])
def test_a_closed_tab_is_no_error(jupyter: Jupyter, leave) -> None:  # type: ignore[no-untyped-def]
    for _ in range(20):
        connection = connect(jupyter)
        assert connection.recv() == SAID
        leave(connection)


def test_a_tab_may_close_early(jupyter: Jupyter) -> None:
    for _ in range(5):
        vanish(connect(jupyter, "after=0.2"))
    connection = connect(jupyter)
    assert connection.recv() == SAID
    connection.close()


def test_a_dashboard_may_end_first(jupyter: Jupyter) -> None:
    for _ in range(20):
        connection = connect(jupyter)
        assert connection.recv() == SAID
        with suppress(OSError, WebSocketConnectionClosedException):
            for message in ("go", *[SAID] * 100):
                connection.send(message)
        vanish(connection)


def test_a_missing_dashboard_is_told(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with running_jupyter(tmp_path, told(port)) as jupyter:
        connection = connect(jupyter)
        opcode, said = connection.recv_data()
        vanish(connection)
    assert opcode == ABNF.OPCODE_CLOSE
    assert struct.unpack("!H", said[:2]) == (1011,)
    assert said[2:] == b"The dashboard does not answer."
    assert "Traceback" not in jupyter.log.read_text()
