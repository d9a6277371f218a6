"""The kinds of features: how each reads, checks and restores its values.

One class a kind. A `Feature` holds what is known of a column, and asks its kind what to do with a
value. Imports `service.contract`; the feature itself is an argument.
"""

from service.contract.signature.kinds.kind import Kind
from service.contract.signature.kinds.labels import Category, Text
from service.contract.signature.kinds.numbers import Boolean, Integer, Number
from service.contract.signature.kinds.times import Datetime, Timedelta

KINDS: dict[str, Kind] = {
    "number": Number(),
    "integer": Integer(),
    "boolean": Boolean(),
    "category": Category(),
    "text": Text(),
    "datetime": Datetime(),
    "timedelta": Timedelta(),
}
