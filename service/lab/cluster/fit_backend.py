"""Fit backend: how joblib, and so scikit-learn, computes on a cluster.

It is joblib's own backend for Dask, with other answers to these questions: what ``n_jobs=None``
means inside a worker, what is sent how often, what is seen meanwhile, what becomes of an error of
the cluster itself, and what an interrupted call leaves behind.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any
from uuid import uuid4

# Nearly every fit needs them; workers import this module before the first one.
import sklearn.ensemble
import sklearn.model_selection  # noqa: F401
from dask.sizeof import sizeof
from distributed import CancelledError, Future
from distributed.scheduler import KilledWorker
from distributed.utils import thread_state
from joblib import parallel_config, register_parallel_backend
from joblib._dask import DaskDistributedBackend
from tqdm.auto import tqdm

from service.contract.errors import ClusterError
from service.lab.cluster.fit_batch import Call, Large, packed, run

BACKEND = "labloop"
LARGE = 1000  # bytes, from which on an argument is sent once, for all calls that have it
AHEAD = 2  # batches for each core: one is computed, one waits there
BATCH_SECONDS = 0.5  # of a batch, from sending it to its result
TRIES = 5  # of a batch whose arguments are lost with the worker that had them
PAUSE = 1.0  # seconds between tries
BAR_AFTER = 1.0  # seconds; what is shorter has no progress bar
UNITS = {"_fit_and_score": "fit", "_parallel_build_trees": "tree"}

ANEW = "See if scheduler and workers run, with enough memory, and call `lab.cluster()` anew."

Callback = Callable[[Any], None]
Waiting = tuple[Call, Callback]


class FitBackend(DaskDistributedBackend):  # type: ignore[misc]
    """joblib's backend for Dask, for fits of scikit-learn.

    joblib hands all calls over at once, so that a progress bar knows how many there are. They wait
    here, and go to the workers in batches that take about `BATCH_SECONDS`.
    """

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Be told of a call to come, and say how many cores there are."""
        self.parallel = parallel
        if parallel is not None:
            parallel.pre_dispatch = "all"
        return self.effective_n_jobs(n_jobs)

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Say how many cores there are for so many jobs."""
        # With 1, joblib computes in this process: what n_jobs=1 asks for, but not a cluster that
        # has one worker.
        if n_jobs == 1:
            return 1
        try:
            return max(2, int(super().effective_n_jobs(n_jobs)))
        except TimeoutError as error:
            raise ClusterError(f"The cluster has no workers any more. {ANEW}") from error

    def get_nested_backend(self) -> tuple["FitBackend", int]:
        """Return what computes calls inside calls."""
        return self, 1  # nobody asks it, see `_fit`; joblib's own makes another one for each call

    def compute_batch_size(self) -> int:
        """Have joblib hand over each call by itself."""
        return 1

    def start_call(self) -> None:
        """Begin a call of `Parallel`."""
        self._call = object()
        self._waiting: deque[Waiting] = deque()
        self._running: set[Future] = set()
        self._sent: dict[int, tuple[Any, asyncio.Future[list[Future]]]] = {}
        self._batches = 0
        self._size = 1
        self._cores = self.effective_n_jobs(-1)
        self._done = 0
        self._unit = "task"
        self._bar: tqdm[Any] | None = None

    def stop_call(self) -> None:
        """Forget what was sent: the notebook may change it before the next call."""
        self._sent.clear()

    def submit(self, func: Any, callback: Callback) -> None:
        """Take a call that is to be computed."""
        [call] = func.items
        self._unit = UNITS.get(getattr(call[0], "__name__", ""), "task")
        self._waiting.append((call, callback))
        self.client.loop.add_callback(self._send, self._call)

    def _send(self, call: object) -> None:
        """Send batches while the workers have room for them."""
        while call is self._call and self._waiting and self._batches < AHEAD * self._cores:
            size = min(self._size, len(self._waiting) // (AHEAD * self._cores))
            batch = [self._waiting.popleft() for _ in range(max(size, 1))]
            self._batches += 1
            self.client.loop.add_callback(self._compute, batch, call)

    async def _compute(self, batch: list[Waiting], call: object) -> None:
        """Have a worker run a batch, and tell joblib what came of it, be it an error."""
        began = time.perf_counter()
        try:
            results = await self._result([each for each, _ in batch], call)
            cores = await self.client.scheduler.ncores(workers=None)
            self._cores = max(1, sum(cores.values()))  # there may be none for a moment
        except Exception as error:
            results = _explained(error)
        if call is not self._call:  # it was interrupted
            return
        seconds = (time.perf_counter() - began) / len(batch)
        self._size = max(1, min(2 * len(batch), int(BATCH_SECONDS / seconds)))
        self._batches -= 1
        if isinstance(results, list):
            for (_, callback), result in zip(batch, results, strict=True):
                callback([result])
        else:
            batch[0][1](results)  # joblib raises it, and then aborts
        self._send(call)

    async def _result(self, calls: list[Call], call: object) -> Any:
        for left in reversed(range(TRIES)):
            large: list[Future] = []
            try:
                return await self._tried(calls, large, call)
            except (CancelledError, OSError):
                if call is not self._call or not left or self.client.status != "running":
                    raise
            # The workers that had the arguments are gone, or on their way out.
            gone = [key for key, (_, sent) in self._sent.items() if _is_of(sent, large)]
            for key in gone:
                del self._sent[key]
            await asyncio.sleep(PAUSE)
        raise AssertionError("The last try returns or raises.")

    async def _tried(self, calls: list[Call], large: list[Future], call: object) -> Any:
        placed = [
            (
                function,
                tuple([await self._placed(value, large) for value in args]),
                {name: await self._placed(value, large) for name, value in kwargs.items()},
            )
            for function, args, kwargs in calls
        ]
        if call is not self._call:
            raise CancelledError
        key = f"{self._unit}-{uuid4().hex}"
        future = self.client.submit(_fit, packed(placed), large, key=key)
        self._running.add(future)
        try:
            return await future
        finally:
            self._running.discard(future)

    async def _placed(self, value: Any, large: list[Future]) -> Any:
        """Return an argument, or if it is large what stands for it, and add it to the large."""
        if (future := await self._future(value)) is None:
            return value
        if future not in large:
            large.append(future)
        return Large(large.index(future))

    async def _future(self, value: Any) -> Future | None:
        """Return a large argument as it is in the cluster, once it is there; else None."""
        known = self._sent.get(id(value))
        if known is None and not is_large(value):
            return None
        if known is None:
            # In a list, since a list's parts would be sent each; without hashing it first.
            sending = self.client.scatter([value], asynchronous=True, hash=False)
            # With the value itself, so that nothing else gets its id meanwhile.
            known = self._sent[id(value)] = value, asyncio.ensure_future(sending)
        return (await known[1])[0]

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End a call of `Parallel` early: an error, or an interrupt."""
        self._call = object()
        self._waiting.clear()
        self.client.loop.add_callback(self._cancel)

    async def _cancel(self) -> None:
        await self.client.cancel([*self._running], asynchronous=True)

    def batch_completed(self, batch_size: int, duration: float) -> None:
        """Count what is done."""
        self._done += batch_size
        if self._bar is not None:
            self._bar.update(self._done - self._bar.n)

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        """Show a bar while the notebook waits for results."""
        if hasattr(thread_state, "execution_state"):  # in a worker, so inside another call
            with super().retrieval_context():
                yield
            return
        total = self.parallel.n_dispatched_tasks
        with tqdm(total=total, initial=self._done, unit=self._unit, delay=BAR_AFTER) as bar:
            self._bar = bar
            yield
            bar.update(self._done - bar.n)


def load() -> None:
    """Do nothing: a worker that is told to has imported what fits need."""


def _fit(calls: bytes, large: list[Any]) -> Any:
    # As without a cluster, n_jobs=None means 1 inside a fit. With joblib's own -1, each tree of
    # each forest of a search is a task.
    with parallel_config(backend=BACKEND, n_jobs=1):
        return run(calls, large)


def is_large(value: Any) -> bool:
    """Tell whether an argument is sent by itself, once for all calls that have it.

    Examples
    --------
    >>> is_large([1.0] * 1000), is_large({"max_depth": 3})
    (True, False)
    """
    # Dask knows the sizes of what it knows; not of polars' tables, or SciPy's sparse arrays.
    return sizeof(value) > LARGE or prod(getattr(value, "shape", (0,))) > LARGE


def _is_of(sent: "asyncio.Future[list[Future]]", large: list[Future]) -> bool:
    return sent.done() and (sent.exception() is not None or sent.result()[0] in large)


def _explained(error: BaseException) -> BaseException:
    """Turn an error of the cluster into one that says what to do; leave others as they are."""
    if isinstance(error, KilledWorker | CancelledError | OSError):
        reason = str(error) or type(error).__name__
        return ClusterError(
            "Workers were lost again and again at the same batch of fits. Most likely a fit takes "
            f"more memory than a worker has, or ends its process ({reason}). {ANEW}"
        )
    return error


register_parallel_backend(BACKEND, FitBackend)
