"""Disk checks: whether folders can be changed where they should, and have room."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from service.contract.build import Build, build
from service.contract.settings import CHECKOUT, Settings
from service.lab.doctor.diagnosis import Finding
from service.lab.reports.report import counted

FULL, LOW = 1e9, 5e9  # bytes


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Look whether the lab can change its own folders, and cannot change the log."""
    folders = [CHECKOUT / "notebooks", CHECKOUT / "service", CHECKOUT / "data"]
    more = (settings.models_dir, settings.log_copy_dir)
    folders += [each for each in more if not each.is_relative_to(CHECKOUT / "data")]
    own, changeable = os.geteuid(), True
    in_container = build().image != Build.image
    for folder in filter(Path.is_dir, folders):
        fixed = [*_fixed(folder)]
        if fixed:
            changeable = False
            owners = ", ".join(sorted({str(path.lstat().st_uid) for path in fixed}))
            chown = f"sudo chown -R {own} {folder}"
            yield Finding(
                "fix",
                "folders",
                f"{counted(len(fixed), 'file or folder')} in {folder} cannot be changed by "
                f"uid {own}, e.g. {fixed[0]}; owned by uid {owners}.",
                "`docker compose logs owner` says why." if in_container else chown,
            )
    if changeable:
        names = [
            str(each.relative_to(CHECKOUT) if each.is_relative_to(CHECKOUT) else each)
            for each in folders
        ]
        yield Finding("ok", "folders", f"{', '.join(names)} can be changed.")
    logs = settings.logs_dir
    if in_container and not settings.archive_url and not os.statvfs(logs).f_flag & os.ST_RDONLY:
        yield Finding(
            "fix",
            "folders",
            f"The log at {logs} can be changed here.",
            "In docker-compose.yml the lab mounts it as logs:/labloop/logs:ro.",
        )


def check_space(settings: Settings) -> Iterator[Finding]:
    """Measure the room for models, the log, its copy, and what is read from it."""
    places = (settings.models_dir, settings.logs_dir, settings.log_copy_dir)
    on_disk: dict[int, Path] = {}
    for place in [*places, Path(tempfile.gettempdir())]:
        while not place.exists():
            place = place.parent
        on_disk.setdefault(place.stat().st_dev, place)
    for place in on_disk.values():
        free = shutil.disk_usage(place).free
        sentence = f"{free / 1e9:.1f} GB free at {place}."
        if free < FULL:
            yield Finding("fix", "space", sentence, "Make room there, or lower LOG_MAX_BYTES.")
        else:
            yield Finding("note" if free < LOW else "ok", "space", sentence)


def _fixed(folder: Path) -> Iterator[Path]:
    """List what this process cannot change."""
    for path, _, files in os.walk(folder):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield Path(path)
        for name in files:
            file = Path(path) / name
            if not (file.is_symlink() or os.access(file, os.W_OK)) and file.exists():
                yield file
