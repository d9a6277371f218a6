"""Beside: versions that are not live, loaded when they are asked for by number."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from service.api.registry.loaded_model import LoadedModel

KEPT = 4
LOADED_AT_ONCE = 2

Key = tuple[str, int]


class Beside:
    """The last few versions that were asked for by number.

    Parameters
    ----------
    load : callable
        Loads a version by its model's name and its number, or raises.
    """

    def __init__(self, load: Callable[[str, int], LoadedModel]) -> None:
        self._load = load
        self._loading: dict[Key, Future[LoadedModel]] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(LOADED_AT_ONCE, "beside-loader")

    def get(self, name: str, version: int) -> Future[LoadedModel]:
        """Return a version as it is being loaded; what failed is tried again."""
        key = name, version
        with self._lock:
            loading = self._loading.pop(key, None)
            if loading is None or (loading.done() and loading.exception()):
                loading = self._threads.submit(self._load, name, version)
            self._loading[key] = loading
            done = [each for each, future in self._loading.items() if future.done()]
            for each in done[: max(0, len(self._loading) - KEPT)]:
                del self._loading[each]
        return loading

    def drop(self, name: str, version: int) -> None:
        """Forget a version."""
        with self._lock:
            self._loading.pop((name, version), None)

    def drop_model(self, name: str) -> None:
        """Forget all versions of a model."""
        with self._lock:
            for key in [key for key in self._loading if key[0] == name]:
                del self._loading[key]

    def drop_if(self, is_out: Callable[[LoadedModel], bool]) -> None:
        """Forget the loaded versions that are no longer to be served."""
        with self._lock:
            for key, loading in [*self._loading.items()]:
                if loading.done() and not loading.exception() and is_out(loading.result()):
                    del self._loading[key]

    def stop(self) -> None:
        """Break off what is being loaded."""
        self._threads.shutdown(cancel_futures=True)
