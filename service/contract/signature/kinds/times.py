"""Times: moments, with a time zone or without, and lengths of time.

In JSON, in a URL and in the log they are text as in ISO 8601. A moment without a zone is written
as ``2024-02-03T04:05:06``, and one with a zone in UTC, as ``2024-02-03T04:05:06+00:00``: so texts
of one feature sort as their moments do. A length of time is written as ``P1DT2H3M4.5S``.
"""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from service.contract.signature.kinds.kind import Kind, Marks, Misfit, Value, outside

if TYPE_CHECKING:
    from service.contract.signature.feature import Feature

FINER = re.compile(r"[.,]\d{6}\d*[1-9]")  # than a microsecond
LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")  # a URL's plus is a space
YEARS_OF_NANOSECONDS = range(1678, 2262)
COARSER = {"s": 1_000_000, "ms": 1000}  # units of training, in microseconds
DURATION = re.compile(r"[+-]?P(?=.)")


class Datetime(Kind):
    """A moment; values are text, checked and in the form above."""

    wanted, json = "a date and time as in ISO 8601, such as 2024-02-03T04:05:06", "string"

    def placeholder(self, feature: "Feature") -> Value:
        """Return a value that fits and tells nothing."""
        return "2000-01-01T00:00:00" + ("+00:00" if feature.has_zone else "")

    def read(self, feature: "Feature", value: Any) -> Any:
        """Read a moment; one of a feature with a time zone needs an offset, others have none."""
        if not isinstance(value, str):
            return self.other(feature, value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return self.other(feature, value)
        if FINER.search(value):
            return Misfit("is finer than a microsecond; round it first")
        if feature.has_zone != (moment.tzinfo is not None):
            offset = "needs an offset, such as Z or +01:00"
            return Misfit(offset if feature.has_zone else "has an offset, but training had none")
        try:
            moment = moment.astimezone(UTC) if feature.has_zone else moment
        except OverflowError:
            return Misfit("is outside the range of datetime")
        step = COARSER.get(feature.dtype[11:].partition(",")[0].rstrip("]"))
        if step is not None and moment.microsecond % step:
            return Misfit(f"is finer than {feature.dtype}; round it first")
        if "[ns" in feature.dtype and moment.year not in YEARS_OF_NANOSECONDS:
            return Misfit(f"is outside the range of {feature.dtype}")
        return moment.isoformat()

    def from_text(self, feature: "Feature", text: str) -> Any:
        """Read a moment from a URL."""
        return LOST_PLUS.sub("+", text) if "T" in text else text

    def column(self, feature: "Feature", values: list[Any]) -> pd.Series:
        """Make a column of moments in the time zone of training."""
        moments = pd.to_datetime(pd.Series(values, dtype=object), format="ISO8601", utc=True)
        if not feature.has_zone:
            moments = moments.dt.tz_localize(None)
        return moments.astype(feature.dtype)

    def unusual(self, feature: "Feature", values: list[Any]) -> Marks:
        """Find moments before or after all of training."""
        rows = outside(values, feature.minimum, feature.maximum)
        return {"out_of_range": rows} if rows else {}


class Timedelta(Kind):
    """A length of time; values are text, checked and in the form above."""

    wanted, json = "a length of time as in ISO 8601, such as P1DT2H3M4.5S", "string"

    def placeholder(self, feature: "Feature") -> Value:
        """Return a value that fits and tells nothing."""
        return "P0DT0H0M0S"

    def read(self, feature: "Feature", value: Any) -> Any:
        """Read a length of time."""
        if not isinstance(value, str) or not DURATION.match(value):
            return self.other(feature, value)
        try:
            length = pd.Timedelta(value)
            whole = pd.Series([length]).astype(feature.dtype)
        except (ValueError, OverflowError):
            return self.other(feature, value)
        if whole[0] != length:
            return Misfit(f"is finer than {feature.dtype}; round it first")
        return length.isoformat()

    def column(self, feature: "Feature", values: list[Any]) -> pd.Series:
        """Make a column of lengths of time."""
        lengths = [pd.NaT if value is None else pd.Timedelta(value) for value in values]
        return pd.Series(lengths, dtype="timedelta64[ns]").astype(feature.dtype)

    def unusual(self, feature: "Feature", values: list[Any]) -> Marks:
        """Find lengths below or above all of training."""
        if feature.minimum is None:
            return {}
        seconds = [v if v is None else pd.Timedelta(v).total_seconds() for v in values]
        low, high = (
            pd.Timedelta(bound).total_seconds() for bound in (feature.minimum, feature.maximum)
        )
        rows = outside(seconds, low, high)
        return {"out_of_range": rows} if rows else {}
