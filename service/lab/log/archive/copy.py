"""Copy: an archive in columns, as the copy of a log on this machine; the texts are not kept."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from service.contract.errors import ObjectMissingError
from service.contract.log.archive import STATE
from service.contract.log.segment import SegmentName
from service.lab.log.archive.archive import Archive, ArchivedLog, Listing
from service.lab.log.columns import Database, connect
from service.lab.log.copy import FORMAT, LOOKS, LogFiles
from service.lab.log.copy_files import listed
from service.lab.log.segment.sealed import Found, Sealed, SealedText

NAMED = 5  # segments that are named one by one


class ArchiveCopy:
    """The copy of all logs of an archive.

    Parameters
    ----------
    url : str
        `ARCHIVE_URL`; nothing is asked of the store yet.
    copies : Path
        `LOG_COPY_DIR`; the copy is a folder in it, with a folder for each log.
    """

    def __init__(self, url: str, copies: Path) -> None:
        self.archive = Archive(url)
        name = f"archive-{sha256(url.encode()).hexdigest()[:8]}"
        self.home = copies / f"{FORMAT}-{name}"
        self._outdated = [copies / f"{number}-{name}" for number in range(1, FORMAT)]

    @contextmanager
    def files(self) -> Iterator[LogFiles]:
        """Have the replicas ship what they have, bring the copy up to date, and yield its files.

        Yields
        ------
        LogFiles
            They can be read until the context ends.

        Raises
        ------
        StoreError
            The store cannot be used.
        LabloopError
            The copy cannot be written.
        """
        owing, wish = self.archive.call()
        listing = self.archive.listing()
        for look in range(1, LOOKS + 1):
            with ExitStack() as held:
                logs = [log for each, log in listing.logs.items() if each in owing]
                silent = {log.log for log in logs if not log.has_fulfilled(wish)}
                files, missing = held.enter_context(self._files(listing, silent))
                if missing and look < LOOKS:
                    names, listing = listing.names, self.archive.listing()
                    if names != listing.names:
                        continue  # replicas go on shipping
                yield files
                return

    @contextmanager
    def _files(self, listing: Listing, silent: set[str]) -> Iterator[tuple[LogFiles, bool]]:
        with ExitStack() as held:
            # DuckDB takes some names for patterns, so it sees the folder under a plain name.
            root = Path(held.enter_context(TemporaryDirectory(prefix="labloop-"))).resolve()
            home = root / "copy"
            home.symlink_to(self.home.absolute())
            database = held.enter_context(connect(root, self.home))
            self._forget(listing)
            found = {
                log.log: self._found(database, log, home / log.log, root / "texts" / log.log)
                for log in listing.logs.values()
            }
            damage = [*listing.unread]
            for log in listing.logs.values():
                damage += [f"{self.archive.url}/{said}" for said in found[log.log].inside]
                between = [*_behind(log), *found[log.log].between]
                damage += [f"Log {log.log} of {log.replica}: {said}" for said in between]
                if log.log in silent:
                    damage.append(self._silence(log))
            files = LogFiles(
                database=database,
                predictions=[part for each in found.values() for part in each.predictions],
                feedback=[part for each in found.values() for part in each.feedback],
                damage=damage,
                torn=sum(len(log.torn) for log in listing.logs.values()),
            )
            yield files, any(each.missing for each in found.values())

    def _found(self, database: Database, log: ArchivedLog, home: Path, texts: Path) -> Found:
        """Copy what is new of a log, and say what there is."""
        copied, segments = listed(home), [Path(log.log) / name for name in log.segments]

        @contextmanager
        def text_of(file: Path) -> Iterator[SealedText | None]:
            text = texts / file.name
            texts.mkdir(parents=True, exist_ok=True)
            try:
                self.archive.objects.download(str(file), text)
                yield SealedText(file, text, text.read_bytes())
            except ObjectMissingError:  # deleted just now
                yield None
            finally:
                text.unlink(missing_ok=True)

        sealed = Sealed(self.home / log.log, self._outdated)
        sealed.refresh(database, copied, segments, home, text_of)
        return sealed.found(home, segments, [], log.present, log.waiting, _deleted(log))

    def _forget(self, listing: Listing) -> None:
        """Delete the copies of logs that are gone altogether."""
        for folder in self.home.glob("*/"):
            if folder.name not in listing.logs:
                rmtree(folder, ignore_errors=True)

    def _silence(self, log: ArchivedLog) -> str:
        """Say which replica did not answer, and what of it is missing at most."""
        assert log.told is not None
        lost = "What it logged later, if anything, is not in the archive."
        if names := [*log.waiting]:
            lines = sum(log.waiting.values())
            lost = f"{_listed(names)}, with {lines} lines by then, and what it logged later, "
            lost += "are only on its disk."
        return (
            f"Replica {log.replica} has not answered since {log.told:%Y-%m-%d %H:%M:%S} UTC. "
            f"{lost} An API that gets the disk archives it. If the disk is gone for good, delete "
            f"{self.archive.url}/{log.log}/{STATE}, and nobody asks for it any more."
        )


def _deleted(log: ArchivedLog) -> int:
    """Return the highest number of the segments that the bucket's own rules have deleted.

    These go by age, so the oldest are the first.
    """
    numbers = [name.number for name in (*log.present, *log.waiting)]
    if numbers:
        return min(numbers) - 1
    return log.state["shipped"] if log.state else 0


def _behind(log: ArchivedLog) -> Iterator[str]:
    """Say that segments which were archived are gone, though older ones are there."""
    newest = max(log.present, default=None)
    if newest is not None and log.state is not None and newest.number < log.state["shipped"]:
        first, last = newest.number + 1, log.state["shipped"]
        yield f"Segments {first} to {last}, after {newest}, were archived, and are missing."


def _listed(names: list[SegmentName]) -> str:
    """Name segments.

    Examples
    --------
    >>> _listed([SegmentName(1, "ab", 0), SegmentName(2, "ab", 7)])
    'Segments 000001-ab-000000000 and 000002-ab-000000007'
    """
    if len(names) > NAMED:
        return f"{len(names)} segments, {names[0]} to {names[-1]}"
    *most, last = map(str, names)
    return f"Segments {', '.join(most)} and {last}" if most else f"Segment {last}"
