"""Text: values and texts of others in a message, such that a terminal and JSON can show them."""

from typing import Any


def printable(text: str) -> str:
    """Replace what UTF-8 cannot encode, e.g. half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode()


def show(value: Any) -> str:
    """Write a value for a message, shortened and such that UTF-8 can encode it."""
    try:
        text = printable(repr(value))
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply"
    return text if len(text) <= 60 else f"{text[:60]}…"


def name_of(thing: Any) -> str:
    """Return the full name of a class or function, under which lists have it.

    Examples
    --------
    >>> from collections import OrderedDict
    >>> name_of(OrderedDict)
    'collections.OrderedDict'
    """
    return f"{thing.__module__}.{thing.__qualname__}"


def shortened(value: Any, longest: int = 60) -> str:
    """Write a value as text, without its end if it is long.

    Examples
    --------
    >>> shortened("a long review", longest=6)
    'a long…'
    """
    text = str(value)
    return text if len(text) <= longest else f"{text[:longest]}…"


def sentence(text: str, longest: int = 200, keep: str = "") -> str:
    r"""Make somebody else's text safe for a message: shortened, and without control characters.

    Control characters, and what UTF-8 cannot encode, are written as their codes, so that any
    terminal and any response can show them. Those in `keep` stay as they are.

    Examples
    --------
    >>> sentence("red\x1b[31m " + "o" * 10**6, longest=12)
    'red\\x1b[31m ooo…'
    """
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return "".join(each if each.isprintable() or each in keep else repr(each)[1:-1] for each in cut)
