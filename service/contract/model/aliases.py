"""Aliases: which version of a model is live, and what was before, in one small file."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from service.contract.errors import ArtifactError, InUseError
from service.contract.files import read_regular, replace_file

ALIASES = "aliases.json"
LAST_NUMBER = 999_999_999  # that a version can have
LARGEST = 1_000_000  # bytes
KEPT = 1000  # earlier live versions, and deletions, that are remembered; so it stays small

Number = Annotated[int, Field(ge=1, le=LAST_NUMBER)]


class Aliases(BaseModel):
    """Which version is live, and what was live before.

    `generation` rises with every change, so that a reader can tell whether it
    has seen one. `live_since` is when `live` was moved to where it is; None where nobody knows.
    `history` holds earlier live versions, the last one last. `last` is the
    number that was given out last; 0 where that is not known, as in a file of Labloop 0.4.
    `deleted` says when versions were deleted. `passed_over` is not in the file: after a
    rollback it names the versions between that are not there any more.
    """

    model_config = ConfigDict(frozen=True)

    generation: int = Field(default=0, ge=0, lt=2**53)
    live: Number | None = None
    live_since: AwareDatetime | None = None
    shadow: Number | None = None
    history: list[Number] = []
    last: int = Field(default=0, ge=0, le=LAST_NUMBER)
    deleted: dict[Number, AwareDatetime] = {}
    passed_over: list[Number] = Field(default=[], exclude=True)

    def unused(self, versions: list[int]) -> Iterator[int]:
        """Yield the numbers that the next version may have, beside those that are there already.

        They go on from the last that was given out, and not from the highest that is there, which
        may be a date.

        Examples
        --------
        >>> next(Aliases(last=3).unused([1, 2, 3, 20261125]))
        4
        """
        last = self.last or max([self.live or 0, *self.history, *versions])
        numbers = chain(range(last + 1, LAST_NUMBER + 1), range(1, last + 1))
        return (number for number in numbers if number not in self.deleted)

    def moved_to(self, version: int) -> "Aliases":
        """Return these with another version live; what was live is history."""
        if self.live == version:
            return self
        before = [] if self.live is None else [self.live]
        return self._with_live(version, history=[*self.history, *before])

    def moved_back(self, is_there: Callable[[int], bool]) -> "Aliases":
        """Return these with the version live that was live before, of those that are there.

        Examples
        --------
        >>> now = Aliases(live=4, history=[1, 2, 3])
        >>> before = now.moved_back(lambda version: version < 3)
        >>> before.live, before.history, before.passed_over
        (2, [1], [3])
        """
        earlier, passed_over = [*self.history], []
        while earlier and not is_there(earlier[-1]):
            passed_over.append(earlier.pop())
        live = earlier.pop() if earlier else None
        return self._with_live(live, history=earlier, passed_over=passed_over)

    def without(self, name: str, version: int) -> "Aliases":
        """Return these with a version remembered as deleted.

        Raises
        ------
        InUseError
            It is live.
        """
        if version == self.live:
            raise InUseError(
                f"Version {version} of model {name!r} is live, so it cannot be deleted. Make "
                f"another live first: lab.promote({name!r}, version) or lab.rollback({name!r})."
            )
        return self.model_copy(update={"deleted": {**self.deleted, version: datetime.now(UTC)}})

    def next_generation(self) -> "Aliases":
        """Return these as a reader can tell that there was a change."""
        return self.model_copy(update={"generation": self.generation + 1})

    @classmethod
    def anew(cls) -> "Aliases":
        """Return what stands for a file that is damaged.

        The seconds since 1970 are more than the changes that any reader has seen.
        """
        return cls(generation=int(time.time()))

    def _with_live(self, live: int | None, **update: Any) -> "Aliases":
        since = self.live_since if live == self.live else datetime.now(UTC)
        return self.model_copy(update={"live": live, "live_since": since, **update})


def read(home: Path) -> Aliases:
    """Read the aliases in a model's folder; a model without the file has none.

    Raises
    ------
    ArtifactError
        The file cannot be read.
    """
    try:
        content = read_regular(home / ALIASES, LARGEST)
    except FileNotFoundError:
        if not os.path.lexists(home / ALIASES):
            return Aliases()
        raise _unreadable(home.name, "It is a link that leads nowhere") from None
    except OSError as error:
        raise _unreadable(home.name, error.strerror or str(error)) from error
    return loads(content, home.name)


def loads(content: bytes, name: str) -> Aliases:
    """Read the aliases of a model by its name.

    Raises
    ------
    ArtifactError
        They cannot be read.
    """
    try:
        return Aliases.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "Its content"
        raise _unreadable(name, f"{where}: {first['msg']}") from error


def _unreadable(name: str, reason: str) -> ArtifactError:
    return ArtifactError(
        f"{name}/{ALIASES} cannot be read ({reason[:200]}). In a notebook, "
        f"lab.promote({name!r}, version) writes it anew."
    )


def dumps(aliases: Aliases) -> bytes:
    """Write aliases; what is remembered of long ago is left out."""
    history, deleted = aliases.history[-KEPT:], [*aliases.deleted.items()][-KEPT:]
    kept = aliases.model_copy(update={"history": history, "deleted": dict(deleted)})
    return kept.model_dump_json().encode() + b"\n"


def replace(home: Path, content: bytes) -> None:
    """Replace the file in a model's folder at once: readers see the old one or the new one."""
    file = home / ALIASES
    if file.is_dir() and not file.is_symlink():
        raise ArtifactError(f"{file} is a folder where a file belongs. Move it away, then go on.")
    replace_file(file, content, prefix=".aliases-")
