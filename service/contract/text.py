"""Text: what goes into a sentence, made such that any reader can show it and JSON can carry it."""

from typing import Any


def printable(text: str) -> str:
    """Replace what UTF-8 cannot carry, e.g. half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode()


def show(value: Any) -> str:
    """Show a value in a sentence, shortened, as JSON can carry it."""
    try:
        text = printable(repr(value))
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply"
    return text if len(text) <= 60 else f"{text[:60]}…"


def sentence(text: str, longest: int = 200, keep: str = "") -> str:
    r"""Make a text that somebody else wrote fit into a message: cut, and nothing in it acts.

    Control characters and what UTF-8 cannot carry are written as their codes, so that a terminal
    shows them and any answer can hold them; those in `keep` stay as they are.

    Examples
    --------
    >>> sentence("red\x1b[31m " + "o" * 10**6, longest=12)
    'red\\x1b[31m ooo…'
    """
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return "".join(each if each.isprintable() or each in keep else repr(each)[1:-1] for each in cut)
