"""Meanwhile: what goes on in other threads while something is measured."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def meanwhile(work: Callable[[threading.Event], None], threads: int = 1) -> Iterator[None]:
    """Have threads work until the block ends; then an event tells them to stop."""
    stop = threading.Event()
    working = [threading.Thread(target=work, args=(stop,)) for _ in range(threads)]
    for thread in working:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in working:
            thread.join()
