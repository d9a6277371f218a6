"""Message: what a fork is to call, with descriptors among its arguments."""

import io
import os
import pickle
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

MOST_BYTES = 65536
MOST_DESCRIPTORS = 16


class Message(NamedTuple):
    """A call that only the fork unpickles, so that nothing is imported in who passes it on.

    `is_adopted` says whether the fork becomes a child of the supervisor.

    Examples
    --------
    >>> with open("/dev/null", "rb", buffering=0) as file:
    ...     message = Message.of(False, len, file, b"and what is not open")
    ...     message = message._replace(files=[*map(os.dup, message.files)])
    >>> function, (copy, text) = message.read()
    >>> function.__name__, copy.name == file.name, text
    ('len', False, b'and what is not open')
    >>> copy.close()
    """

    is_adopted: bool
    call: bytes
    files: list[int]

    @classmethod
    def of(cls, is_adopted: bool, function: Callable[..., None], *arguments: Any) -> "Message":
        """Pickle a call; sockets, connections and raw files in it are passed as descriptors."""
        buffer = io.BytesIO()
        pickler = _Pickler(buffer)
        pickler.dump((function, arguments))
        return cls(is_adopted, buffer.getvalue(), pickler.files)

    def send(self, target: socket.socket, flags: int = 0) -> None:
        """Send it; the sender's own descriptors stay open."""
        socket.send_fds(target, [bytes([self.is_adopted]), self.call], self.files, flags)

    @classmethod
    def receive(cls, source: socket.socket) -> "Message":
        """Receive one that somebody sent."""
        said, files, _, _ = socket.recv_fds(source, MOST_BYTES, MOST_DESCRIPTORS)
        for each in files:
            os.set_inheritable(each, False)
        return cls(bool(said[0]), said[1:], [*files])

    def close(self) -> None:
        """Close what came with it."""
        for each in self.files:
            os.close(each)

    def read(self) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """Return function and arguments, which own the descriptors from now on."""
        unpickler = _Unpickler(io.BytesIO(self.call))
        unpickler.files = self.files
        function, arguments = unpickler.load()
        return function, arguments


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer)
        self.files: list[int] = []

    def persistent_id(self, value: Any) -> tuple[str, int, Any] | None:
        if isinstance(value, socket.socket):
            said: tuple[str, Any] = ("socket", None)
        elif isinstance(value, Connection):
            said = ("connection", (value.readable, value.writable))
        elif isinstance(value, io.FileIO):
            said = ("file", value.mode)
        else:
            return None
        self.files.append(value.fileno())
        return said[0], len(self.files) - 1, said[1]


class _Unpickler(pickle.Unpickler):
    files: list[int]

    def persistent_load(self, given: tuple[str, int, Any]) -> Any:
        kind, number, more = given
        if kind == "socket":
            return socket.socket(fileno=self.files[number])
        if kind == "connection":
            return Connection(self.files[number], *more)
        return io.FileIO(self.files[number], more)
