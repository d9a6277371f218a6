"""Script: a program that starts workers, and that each of them runs again."""

import sys
from pathlib import Path

from service.contract.errors import ClusterError

ASKED = "__name__"  # what a script must ask for, to know that a worker runs it


def check_script() -> None:
    """Refuse a script that would start workers in its workers.

    Python runs a script again in each process that it starts, so that what the script defines is
    there. A notebook is not run again.

    Raises
    ------
    ClusterError
        The text says what to write.

    Examples
    --------
    >>> check_script()
    """
    main = sys.modules["__main__"]
    name = getattr(getattr(main, "__spec__", None), "name", "")
    file = getattr(main, "__file__", None)
    if file is None or name.rpartition(".")[2] == "__main__":  # nobody runs these again
        return
    try:
        source = Path(file).read_text(errors="replace")
    except OSError:  # nor can a worker read it
        return
    if ASKED not in source:
        raise ClusterError(
            f"{file} starts workers, and each worker runs it again. Put what it does below a line "
            'with `if __name__ == "__main__":`, or use a notebook.'
        )
