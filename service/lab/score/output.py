"""Output: the folder of a result: who writes there, what is done, and what was planned."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from service.contract.errors import ScoringError
from service.contract.files import lock_now, make_folder, replace_file
from service.contract.log.line import now
from service.lab.log.columns import connect
from service.lab.score.part import Scored
from service.lab.score.plan import Plan

ABOUT = "_score.json"
LOCK = ".lock"
STAGING = ".staging-"
PARTS = "part-*.parquet"
SAID = """
    SELECT decode(value) FROM parquet_kv_metadata($parts) WHERE key = 'labloop'::BLOB"""
OURS = (ABOUT, LOCK, "_refused")


class Output:
    """The folder of a result.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def check(self, plan: Plan) -> None:
        """Refuse a folder with something else in it.

        Raises
        ------
        ScoringError
            It has other files, or the result of another scoring.
        """
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise ScoringError(f"{self.folder} is a file. Give a folder for the result.")
        inside = [Path(file.path) for file in plan.files if self.folder in Path(file.path).parents]
        if inside:
            raise ScoringError(
                f"The result is to be in {self.folder}, where the data set is, too ({inside[0]}). "
                "Give another folder."
            )
        about = self.about()
        if about is None:
            foreign = [path.name for path in self.folder.iterdir() if not self._is_ours(path)]
            if foreign:
                raise ScoringError(
                    f"{self.folder} has other files ({sorted(foreign)[0]}). Give a new or an empty "
                    "folder."
                )
        elif about["fingerprint"] != plan.fingerprint:
            raise ScoringError(
                f"{self.folder} has scores of {about['model']} version {about['version']}, begun "
                f"{about['began']}, of other data, columns or another version. Give a new folder, "
                "or delete this one."
            )

    def about(self) -> dict[str, Any] | None:
        """Read what was planned; None if nothing was."""
        try:
            said: dict[str, Any] = orjson.loads((self.folder / ABOUT).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ScoringError(
                f"{self.folder / ABOUT} is damaged ({error}). Delete the folder, and score again."
            ) from error
        return said

    def done(self, fingerprint: str) -> dict[int, Scored]:
        """List the parts that are done."""
        parts = sorted(map(str, self.folder.glob(PARTS)))
        if not parts:
            return {}
        with connect() as database:
            rows = database.execute(SAID, {"parts": parts}).fetchall()
        found = [orjson.loads(text) for (text,) in rows]
        return {
            said["number"]: Scored(*(said[name] for name in Scored.__annotations__))
            for said in found
            if said["fingerprint"] == fingerprint
        }

    @contextmanager
    def opened(self, plan: Plan) -> Iterator[Path]:
        """Keep others from writing here meanwhile.

        Yields
        ------
        staging : Path
            A folder to write to first.

        Raises
        ------
        ScoringError
            Another run writes here, or what `check` raises.
        """
        self.check(plan)
        try:
            make_folder(self.folder)
            handle = lock_now(self.folder / LOCK)
        except OSError as error:
            raise ScoringError(f"{self.folder} cannot be written: {error.strerror}.") from error
        if handle is None:
            who = (self.folder / LOCK).read_text(errors="replace").strip() or "another process"
            raise ScoringError(
                f"Another run writes to {self.folder}: {who}. Wait for its end, or give another "
                "folder."
            )
        try:
            self.check(plan)  # once more: another run may have ended in between
            os.truncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
            for left in self.folder.glob(f"{STAGING}*"):
                shutil.rmtree(left)
            if self.about() is None:
                self._write(plan, {"finished": None})
            staging = self.folder / f"{STAGING}{uuid4().hex[:12]}"
            staging.mkdir()
            yield staging
            shutil.rmtree(staging)
        finally:
            os.close(handle)

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
        content = orjson.dumps(said | more, option=orjson.OPT_INDENT_2)
        replace_file(self.folder / ABOUT, content, prefix=".score-")

    def _is_ours(self, path: Path) -> bool:
        return path.name in OURS or path.name.startswith((STAGING, ".score-"))
