"""Doctor: looks at everything that the loop needs, as a notebook sees it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.contract.build import Build, build
from service.contract.errors import ApiUnreachableError, LabloopError
from service.contract.files import is_locked
from service.contract.log.segment import open_segments
from service.contract.model import entries
from service.contract.model.manifest import installed_libraries
from service.contract.model.store import ModelStore
from service.contract.settings import CHECKOUT, Settings
from service.contract.text import printable
from service.lab.client.client import Client
from service.lab.doctor.diagnosis import Diagnosis, Finding, Level
from service.lab.log.copy import LogCopy
from service.lab.log.place import log_elsewhere
from service.lab.reports.report import counted

FULL, LOW = 1e9, 5e9  # bytes
CLOCK_SECONDS = 5.0
SEAL_SECONDS = 30.0  # a living API seals what a dead one left within one
SHOWN = 5  # damaged places that are named one by one
REBUILD = "`docker compose up --build` gives both the same; without Docker, `make down`, `make up`."


class Doctor:
    """One examination.

    Parameters
    ----------
    settings : Settings
    store : ModelStore
    client : Client
    log : LogCopy
    """

    def __init__(self, settings: Settings, store: ModelStore, client: Client, log: LogCopy) -> None:
        self.settings = settings
        self.store = store
        self.client = client
        self.log = log
        self.findings: list[Finding] = []
        self.in_container = build().image != Build.image

    def examine(self) -> Diagnosis:
        """Look at everything once."""
        answers = self._look_at_api()
        self._look_at_models(self._served() if answers else None)
        self._look_at_folders()
        self._look_at_space()
        self._look_at_log(answers)
        return Diagnosis(self.findings)

    def _say(self, level: Level, check: str, sentence: str, remedy: str = "") -> None:
        self.findings.append(Finding(level, check, sentence, remedy))

    def _look_at_api(self) -> bool:
        """Ask whether it is there, what it runs, what time it has, and whether it is ready."""
        try:
            live = self.client.get("/health/live")
        except LabloopError as error:
            self._say("fix", "api", str(error))
            return not isinstance(error, ApiUnreachableError)
        if "libraries" in live:
            self._compare_versions(live)
            self._compare_clocks(live)
        else:
            self._say("fix", "versions", "The API is older than 0.4.0, this lab is not.", REBUILD)
        try:
            ready = self.client.get("/health/ready")
        except LabloopError as error:
            self._say("fix", "api", f"It is not ready: {error}")
        else:
            serves = f"It serves {ready['model']} version {ready['version']} by default"
            self._say("ok", "api", f"{serves}; LOG_SYNC is {ready['log_sync']}.")
        return True

    def _compare_versions(self, live: dict[str, Any]) -> None:
        here, there = installed_libraries(), live["libraries"]
        others = [
            f"{name} {there.get(name)} there and {here[name]} here"
            for name in here
            if there.get(name) != here[name]
        ]
        image, own = live["image"], build().image
        if Build.image not in (image, own) and image.partition(":")[2] != own.partition(":")[2]:
            others.append(f"image {image} there and {own} here")
        if others:
            self._say("fix", "versions", f"The two sides differ: {', '.join(others)}.", REBUILD)
        else:
            said = ", ".join(f"{name} {number}" for name, number in here.items())
            self._say("ok", "versions", f"Both sides have {said}.")

    def _compare_clocks(self, live: dict[str, Any]) -> None:
        ahead = (datetime.fromisoformat(live["time"]) - datetime.now(UTC)).total_seconds()
        if abs(ahead) < CLOCK_SECONDS:
            self._say("ok", "clocks", "They agree.")
            return
        which = "ahead of" if ahead > 0 else "behind"
        self._say(
            "fix",
            "clocks",
            f"The API's clock is {abs(ahead):.0f} s {which} this one.",
            "Times in the log and since=… are off by that. Set both machines by one time server.",
        )

    def _served(self) -> dict[str, dict[str, Any]] | None:
        """Ask what the API has made of each model."""
        try:
            models = self.client.get("/models")["models"]
        except LabloopError as error:
            self._say("fix", "api", f"It does not list its models: {error}")
            return None
        return {model["name"]: model for model in models}

    def _look_at_models(self, served: dict[str, dict[str, Any]] | None) -> None:
        """Read every manifest and alias, and compare them with what is served."""
        self._look_at_odd_entries()
        before = len(self.findings)
        names = self.store.names()
        if served is not None and served.keys() != set(names):
            self._say(
                "fix",
                "models",
                f"The API knows {', '.join(sorted(served)) or 'no model'}; "
                f"{self.settings.models_dir} has {', '.join(names) or 'none'}.",
                "Set MODELS_DIR to the same folder on both sides.",
            )
        for name in names:
            self._look_at_versions(name)
            if served is not None and name in served:
                self._look_at_serving(name, served[name])
        if len(self.findings) == before:
            self._say("ok", "models", f"{counted(len(names), 'model')}, all readable and live.")

    def _look_at_odd_entries(self) -> None:
        """Name what lies in the store and is neither a model nor a version."""
        root = self.settings.models_dir
        found = [*entries.odd(root)] if root.is_dir() else []
        for path, why in found[:SHOWN]:
            shown = printable(str(path.relative_to(root)))
            sentence = f"{shown!r} in {root} counts for nothing: {why}."
            self._say("note", "models", sentence, "Restore it, or move it away.")
        if len(found) > SHOWN:
            self._say("note", "models", f"{counted(len(found) - SHOWN, 'more thing')} like these.")

    def _look_at_versions(self, name: str) -> None:
        for version in self.store.versions(name):
            try:
                self.store.manifest(name, version)
            except LabloopError as error:
                remedy = f"Restore it, or delete it: lab.delete({name!r}, {version})."
                self._say("fix", "models", str(error), remedy)
        if (problem := self.store.problem(name)) is not None:
            self._say("fix", "models", problem)

    def _look_at_serving(self, name: str, served: dict[str, Any]) -> None:
        versions = self.store.versions(name)
        # Where the store has a problem, that is said already, and why a worker serves otherwise.
        workers = served["workers"] if self.store.problem(name) is None else []
        try:
            aliases = self.store.aliases(name)
        except LabloopError:  # which is said already
            return
        live = aliases.live
        if live is None and versions:
            promote = f"lab.promote({name!r}, {versions[-1]})"
            self._say(
                "note", "models", f"{name} has no live version.", f"{promote} makes one live."
            )
        for worker in workers:
            reason = worker["refused"].get(str(live))
            if live is None or worker["version"] == live:
                continue
            who = f"worker {worker['pid']}" if len(workers) > 1 else "the API"
            if reason is not None:
                remedy = "Publish it anew, or lab.promote(…) another."
                which = f"{name} version {live} is to be live, and {who} refused it: {reason}"
                self._say("fix", "models", which, remedy)
            elif worker["generation"] < aliases.generation:
                self._say("note", "models", f"{name} version {live} is being tried by {who}.")
            else:
                which = f"{name} version {live} is to be live, and {who} does not serve it."
                self._say("fix", "models", which, f"lab.promote({name!r}, {live}) makes it look.")
        for refusal in served["refused"]:
            if refusal["version"] not in (None, live):
                which = f"{name} version {refusal['version']}"
                self._say("note", "models", f"{which} was refused: {refusal['reason']}")

    def _look_at_folders(self) -> None:
        """See whether what the lab changes can be changed, and whether the log cannot."""
        folders = [CHECKOUT / "notebooks", CHECKOUT / "service", CHECKOUT / "data"]
        more = (self.settings.models_dir, self.settings.log_copy_dir)
        folders += [each for each in more if not each.is_relative_to(CHECKOUT / "data")]
        own, changeable = os.geteuid(), True
        for folder in filter(Path.is_dir, folders):
            fixed = [*_fixed(folder)]
            if fixed:
                changeable = False
                owners = ", ".join(sorted({str(path.lstat().st_uid) for path in fixed}))
                chown = f"sudo chown -R {own} {folder}"
                self._say(
                    "fix",
                    "folders",
                    f"{counted(len(fixed), 'file or folder')} in {folder} cannot be changed by "
                    f"uid {own}, e.g. {fixed[0]}; owned by uid {owners}.",
                    "`docker compose logs owner` says why." if self.in_container else chown,
                )
        if changeable:
            names = [
                str(each.relative_to(CHECKOUT) if each.is_relative_to(CHECKOUT) else each)
                for each in folders
            ]
            self._say("ok", "folders", f"{', '.join(names)} can be changed.")
        logs = self.settings.logs_dir
        if self.in_container and not os.statvfs(logs).f_flag & os.ST_RDONLY:
            self._say(
                "fix",
                "folders",
                f"The log at {logs} can be changed here.",
                "In docker-compose.yml the lab mounts it as logs:/labloop/logs:ro.",
            )

    def _look_at_space(self) -> None:
        """Measure the room for models, log, the log's copy, and what is read from the log."""
        places = (self.settings.models_dir, self.settings.logs_dir, self.settings.log_copy_dir)
        on_disk: dict[int, Path] = {}
        for place in [*places, Path(tempfile.gettempdir())]:
            while not place.exists():
                place = place.parent
            on_disk.setdefault(place.stat().st_dev, place)
        for place in on_disk.values():
            free = shutil.disk_usage(place).free
            sentence = f"{free / 1e9:.1f} GB free at {place}."
            if free < FULL:
                remedy = "Make room there, or lower LOG_MAX_BYTES."
                self._say("fix", "space", sentence, remedy)
            else:
                self._say("note" if free < LOW else "ok", "space", sentence)

    def _look_at_log(self, api_answers: bool) -> None:
        """Check every line that is not copied yet, and say what the copy knows of the rest."""
        self._look_at_segments(api_answers)
        if api_answers:
            self._look_where_api_logs()
        try:
            with self.log.files() as files:
                damage, torn = files.damage, files.torn
        except LabloopError as error:
            self._say("fix", "log", str(error))
            return
        remedy = "The rest is read. Restore the file if you have a copy of it."
        for sentence in damage[:SHOWN]:
            self._say("fix", "log", sentence, remedy)
        if len(damage) > SHOWN:
            self._say("fix", "log", f"{counted(len(damage) - SHOWN, 'more place')} like these.")
        if torn:
            sentence = f"A crash cut off {counted(torn, 'line')}; no answer was given for these."
            self._say("note", "log", sentence)
        if not damage:
            sentence = "Every line is what was written, or was when it was copied; none is missing."
            self._say("ok", "log", sentence)

    def _look_where_api_logs(self) -> None:
        try:
            sentence = log_elsewhere(self.client, self.settings)
        except LabloopError as error:
            sentence = f"The API does not say where it logs: {error}"
        if sentence:
            self._say("fix", "log", sentence)

    def _look_at_segments(self, api_answers: bool) -> None:
        """Find the segments that nobody writes any more and nobody has sealed."""
        dead = [*_left_open(self.log.folder)]
        if not dead:
            return
        sentence = f"{counted(len(dead), 'segment')} of a stopped API not sealed, e.g. {dead[0]}."
        if api_answers:
            remedy = (
                "A living API does it at once: is its LOGS_DIR this one, and its disk not full?"
            )
            self._say("fix", "log", sentence, remedy)
        else:
            self._say("note", "log", sentence, "The next start seals them.")


def _fixed(folder: Path) -> Iterator[Path]:
    """List what this process cannot change."""
    for path, _, files in os.walk(folder):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield Path(path)
        for name in files:
            file = Path(path) / name
            if not (file.is_symlink() or os.access(file, os.W_OK)) and file.exists():
                yield file


def _left_open(folder: Path) -> Iterator[Path]:
    """List open segments without a writer; one that was written just now may be sealed soon."""
    for file in open_segments(folder):
        try:
            if not file.is_file():  # the reading of the log names it
                continue
            if time.time() - file.stat().st_mtime > SEAL_SECONDS and not is_locked(file):
                yield file
        except FileNotFoundError:  # sealed just now
            continue
