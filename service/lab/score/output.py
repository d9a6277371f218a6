"""Output: the place of a result: who writes there, what is done, and what was planned."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from service.contract.errors import ScoringError
from service.contract.log.line import now
from service.lab.log.columns import Database, connect, let_read
from service.lab.score.part import REFUSED, Scored
from service.lab.score.places.place import LOCK, Place
from service.lab.score.plan import Plan

ABOUT = "_score.json"
SAID = """
    SELECT decode(value) FROM parquet_kv_metadata($parts) WHERE key = 'labloop'::BLOB"""
OURS = (ABOUT, LOCK, REFUSED)


class Output:
    """The place of a result.

    Parameters
    ----------
    place : Place
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def check(self, plan: Plan) -> None:
        """Refuse a place with something else in it.

        Raises
        ------
        ScoringError
            It has other files, or the result of another scoring.
        """
        self.place.check()
        inside = [file.path for file in plan.files if self.place.contains(file.path)]
        if inside:
            raise ScoringError(
                f"The result is to be in {self.place}, where the data set is, too ({inside[0]}). "
                "Give another folder."
            )
        about = self.about()
        if about is None:
            foreign = min((name for name in self.place.names() if name not in OURS), default=None)
            if foreign is not None:
                raise ScoringError(
                    f"{self.place} has other files ({foreign}). Give a new or an empty folder."
                )
        elif about["fingerprint"] != plan.fingerprint:
            raise ScoringError(
                f"{self.place} has scores of {about['model']} version {about['version']}, begun "
                f"{about['began']}, of other data, columns or another version. Give a new folder, "
                "or delete this one."
            )

    def about(self) -> dict[str, Any] | None:
        """Read what was planned; None if nothing was."""
        content = self.place.read(ABOUT)
        if content is None:
            return None
        try:
            said: dict[str, Any] = orjson.loads(content)
        except ValueError as error:
            raise ScoringError(
                f"{self.place}/{ABOUT} is damaged ({error}). Delete the folder, and score again."
            ) from error
        return said

    def database(self) -> Database:
        """Open a database that can read the files of the place."""
        database = connect()
        let_read(database, str(self.place))
        return database

    def done(self, fingerprint: str) -> dict[int, Scored]:
        """List the parts that are done."""
        parts = self.place.paths()
        if not parts:
            return {}
        with self.database() as database:
            rows = database.execute(SAID, {"parts": parts}).fetchall()
        found = [orjson.loads(text) for (text,) in rows]
        return {
            said["number"]: Scored(*(said[name] for name in Scored.__annotations__))
            for said in found
            if said["fingerprint"] == fingerprint
        }

    @contextmanager
    def opened(self, plan: Plan) -> Iterator[str]:
        """Keep others from writing here meanwhile.

        Yields
        ------
        staging : str
            What the place needs to write there.

        Raises
        ------
        ScoringError
            Another run writes here, or what `check` raises.
        """
        self.check(plan)
        with self.place.held() as staging:
            self.check(plan)  # once more: another run may have ended in between
            if self.about() is None:
                self._write(plan, {"finished": None})
            yield staging

    def finish(self, plan: Plan, refused: int) -> None:
        """Say that all parts are done."""
        self._write(plan, {"finished": now(), "refused": refused})

    def _write(self, plan: Plan, more: dict[str, Any]) -> None:
        before = self.about() or {}
        said = {
            "fingerprint": plan.fingerprint,
            "model": plan.name,
            "version": plan.version,
            "digest": plan.digest,
            "files": [file.path for file in plan.files],
            "rows": plan.rows,
            "parts": len(plan.parts),
            "began": before.get("began", now()),
        }
        self.place.replace(ABOUT, orjson.dumps(said | more, option=orjson.OPT_INDENT_2))
