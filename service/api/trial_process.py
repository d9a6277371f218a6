"""Trial process: a version is tried where a crash hurts nobody.

A crafted model file can pass every check of types and still crash the process
that predicts with it; here it crashes alone. Importing scikit-learn takes
seconds, so a fork server does it once, and each trial is a fork of it.
"""

import multiprocessing
from multiprocessing import forkserver
from pathlib import Path

from service.contract.errors import ArtifactError

SECONDS = 60

_context = multiprocessing.get_context("forkserver")
# uvicorn too: it is the main module, which each child imports.
_context.set_forkserver_preload(["service.api.trial", "uvicorn.main"])


def start_server() -> None:
    """Start the fork server; it imports what it needs while this process does the same."""
    forkserver.ensure_running()


def run(root: Path, name: str, version: int) -> str | None:
    """Load a version in a process of its own, and try its fast path thoroughly there.

    Returns
    -------
    slow_because : str or None
        Why it has no fast path.

    Raises
    ------
    ArtifactError
        It fails, crashes or takes longer than 60 s.
    """
    from service.api import trial  # late: it imports scikit-learn, and the server is to go first

    ours, theirs = _context.Pipe(duplex=False)
    process = _context.Process(target=trial.report, args=(theirs, root, name, version), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(SECONDS):
            raise ArtifactError(f"The trial of {name} {version} took longer than {SECONDS} s.")
        answer: tuple[str | None, str | None] = ours.recv()
        refused, slow_because = answer
    except EOFError:
        process.join(SECONDS)
        raise ArtifactError(
            f"The trial of {name} {version} crashed (exit code {process.exitcode}). "
            "The model file is damaged, or the container is short of memory."
        ) from None
    finally:
        ours.close()
        process.kill()
        process.join()
    if refused is not None:
        raise ArtifactError(refused)
    return slow_because
