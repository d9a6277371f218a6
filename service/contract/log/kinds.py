"""Kinds: which features of a line are times or lengths of time, although JSON has them as text."""

import re
from datetime import datetime
from typing import Literal

from service.contract.signature.signature import Signature

TimeKind = Literal["datetime", "datetime_utc", "timedelta"]
DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?")
DATETIME_UTC = re.compile(rf"{DATETIME.pattern}(?:Z|[+-]\d{{2}}:\d{{2}})")
TIMEDELTA = re.compile(
    r"(-?)P(?:(-?\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,15})(?:\.(\d{1,9}))?S)?)?"
)


def kinds_of(signature: Signature) -> dict[TimeKind, list[str]]:
    """Return the logged features that are times, by what their texts mean; see `Heading`."""
    kinds: dict[TimeKind, list[str]] = {}
    for feature in signature.features:
        if feature.kind not in ("datetime", "timedelta") or feature.private:
            continue
        has_zone = feature.kind == "datetime" and "," in feature.dtype  # datetime64[us, UTC]
        kinds.setdefault("datetime_utc" if has_zone else feature.kind, []).append(feature.name)
    return kinds


def is_time(text: str, kind: TimeKind) -> bool:
    """Whether a text is such a time, as ISO 8601 has it.

    Examples
    --------
    >>> is_time("2024-02-03T04:05:06.5", "datetime"), is_time("2024-02-30T00:00:00", "datetime")
    (True, False)
    >>> is_time("2024-02-03T04:05:06+00:00", "datetime_utc")
    True
    """
    try:
        if kind == "timedelta":
            return abs(microseconds(text)) < 2**63
        form = DATETIME if kind == "datetime" else DATETIME_UTC
        return form.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def microseconds(duration: str) -> int:
    """Read a length of time; what is shorter than a microsecond is cut off.

    Raises
    ------
    ValueError
        It is none, as ISO 8601 has it.

    Examples
    --------
    >>> microseconds("P1DT2H3M4.5S"), microseconds("P-1DT23H59M59.999999999S")
    (93784500000, -1)
    """
    match = TIMEDELTA.fullmatch(duration)
    if match is None or not any(match.groups()[1:]):
        raise ValueError(f"{duration!r} is no length of time as in P1DT2H3M4.5S")
    sign, days, hours, minutes, seconds, fraction = match.groups(default="0")
    whole = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    length = whole * 1_000_000 + int(fraction[:6].ljust(6, "0"))
    return -length if sign == "-" else length
