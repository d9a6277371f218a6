"""Queue: how much is taken in and not answered yet. What would be too much is turned away.

What is turned away costs nearly nothing, so what was taken in is answered in time whatever comes.
"""

from service.contract.errors import OverloadedError

LARGE_BODIES = 16  # of the largest size, that a worker has in memory at once


class Queue:
    """Counts a worker's requests, each in a ``with`` of its own, and the bytes of their bodies.

    Parameters
    ----------
    requests : int
        `MAX_WAITING`.
    body_bytes : int
        `MAX_BODY_BYTES`.

    Examples
    --------
    >>> queue = Queue(requests=1, body_bytes=1000)
    >>> with queue, queue:
    ...     pass
    Traceback (most recent call last):
        ...
    service.contract.errors.OverloadedError: 1 requests wait for an answer already. ...
    """

    def __init__(self, requests: int, body_bytes: int) -> None:
        self.most_requests = requests
        self.most_bytes = LARGE_BODIES * body_bytes
        self.requests = 0
        self.bytes = 0

    def __enter__(self) -> None:
        """Take a place, from the complete request to its answer.

        Raises
        ------
        OverloadedError
            All places are taken.
        """
        if self.requests >= self.most_requests:
            raise OverloadedError(
                f"{self.requests} requests wait for an answer already. Try again in a second; "
                "MAX_WAITING and API_WORKERS say how much is taken in."
            )
        self.requests += 1

    def __exit__(self, *error: object) -> None:
        """Free the place."""
        self.requests -= 1

    def hold(self, size: int) -> None:
        """Keep so many bytes more in memory; whoever does calls `release` in the end.

        Raises
        ------
        OverloadedError
            There is no room for them.
        """
        if self.bytes + size > self.most_bytes:
            raise OverloadedError(
                f"{self.bytes} bytes of requests are being read already. Try again in a second."
            )
        self.bytes += size

    def release(self, size: int) -> None:
        """Release what was held."""
        self.bytes -= size
