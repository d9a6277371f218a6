"""Build: what this runs from. An image and `make up` say it; it is nobody's setting."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Build:
    """The image and the commit that the code here comes from.

    Attributes
    ----------
    image : str
        `LABLOOP_IMAGE`, which each image sets, e.g. ``labloop-lab:0.7.0``; ``local`` outside of
        one.
    revision : str
        `GIT_REVISION`, the checkout's commit; empty where it is not known.
    code_digest : str
        `CODE_DIGEST`, a digest of `service/` in that commit; empty where it is not known.
    """

    image: str = "local"
    revision: str = ""
    code_digest: str = ""


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
    )
