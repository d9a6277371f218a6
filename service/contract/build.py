"""Build: what this runs from. An image and `make up` say it; it is nobody's setting."""

import os
from dataclasses import dataclass
from pathlib import Path

from service.contract import code_digest
from service.contract.errors import SettingError, UncommittedError
from service.contract.settings import CHECKOUT

CODE = CHECKOUT / "service"
COMMITTED, ANY = "committed", "any"


@dataclass(frozen=True)
class Build:
    """The image and the commit that the code here comes from.

    Attributes
    ----------
    image : str
        `LABLOOP_IMAGE`, which each image sets, e.g. ``labloop-lab:0.10.0``; ``local`` outside of
        one.
    revision : str
        `GIT_REVISION`, the checkout's commit; empty where it is not known.
    code_digest : str
        `CODE_DIGEST`, a digest of `service/` in that commit; empty where it is not known.
    run_code : str
        `RUN_CODE`, which code may run: ``any``, or only what is ``committed``, as a release image
        has it.
    """

    image: str = "local"
    revision: str = ""
    code_digest: str = ""
    run_code: str = ANY

    def is_dirty(self, code: Path = CODE) -> bool | None:
        """Tell whether the code was edited after its commit; None if the commit is not known.

        A container has no git. So `make up` and `make images` hand on a digest of the commit's
        code, and the files are compared with it.

        Examples
        --------
        >>> Build().is_dirty() is None
        True
        >>> Build(revision="0123456789ab", code_digest="of other code").is_dirty()
        True
        """
        if not self.revision or not self.code_digest:
            return None
        return self.code_digest != code_digest.of_folder(code)

    def check(self, code: Path = CODE) -> None:
        """Refuse to run code that is in no commit, unless any may run.

        Raises
        ------
        SettingError
            `RUN_CODE` is something else.
        UncommittedError
            The code was edited after its commit, or the commit is not known.

        Examples
        --------
        >>> Build().check()
        """
        if self.run_code == ANY:
            return
        if self.run_code != COMMITTED:
            raise SettingError(
                f"RUN_CODE={self.run_code!r} cannot be used: it is neither {COMMITTED!r} nor "
                f"{ANY!r}. Change it and start again."
            )
        dirty = self.is_dirty(code)
        if dirty is None:
            raise UncommittedError(
                f"{self.image} does not know of which commit its code is, and runs only what is "
                "committed. Build it by `make images` in a git clone, or set RUN_CODE=any to run "
                "it all the same."
            )
        if dirty:
            raise UncommittedError(
                f"{self.image} runs only what is committed, and {code} is not the code of its "
                f"commit {self.revision}. Commit the edits and build the image anew by "
                "`make images`, or set RUN_CODE=any to run it all the same."
            )


def build() -> Build:
    """Return what this process runs from.

    Examples
    --------
    >>> build().image
    'local'
    """
    said = os.environ.get
    return Build(
        image=said("LABLOOP_IMAGE") or Build.image,
        revision=said("GIT_REVISION") or Build.revision,
        code_digest=said("CODE_DIGEST") or Build.code_digest,
        run_code=said("RUN_CODE") or Build.run_code,
    )
