"""Assigned: the attributes that a class's own code sets, read from its bytecode."""

import opcode
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

STORE_ATTR, EXTENDED_ARG = opcode.opmap["STORE_ATTR"], opcode.EXTENDED_ARG


def assigned_by(kind: type) -> set[str]:
    """Return the names that a class's own methods assign, as in ``self.coef_ = ...``.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> "coef_" in assigned_by(Ridge.__mro__[3])  # _BaseRidge
    True
    """
    return {
        name
        for method, member in vars(kind).items()
        if method != "__sklearn_tags__"  # it sets attributes of the tags, not of the object
        for function in _functions(member)
        for name in _assigned(function.__code__)
    }


def _functions(member: Any) -> Iterator[FunctionType]:
    """Return the functions in a class's member: of a method, a property, or a decorated one."""
    if isinstance(member, FunctionType):
        yield member
        inside = [member.__dict__.get("__wrapped__")]
    elif isinstance(member, type | bool | int | float | str | dict | None):
        inside = []
    else:
        inside = [
            getattr(member, name, None) for name in ("__func__", "fget", "fn", "fset", "func")
        ]
    for each in inside:
        if isinstance(each, FunctionType):
            yield from _functions(each)


def _assigned(code: CodeType) -> set[str]:
    """Return the names of the attributes that a function assigns, from its bytecode."""
    names = set()
    operations, arguments = code.co_code[::2], code.co_code[1::2]
    place = operations.find(STORE_ATTR)
    while place >= 0:
        names.add(code.co_names[_argument(operations, arguments, place)])
        place = operations.find(STORE_ATTR, place + 1)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _assigned(constant)
    return names


def _argument(operations: bytes, arguments: bytes, place: int) -> int:
    """Return an operation's argument, whose higher bytes are in the operations before it."""
    argument, bits = arguments[place], 8
    while place and operations[place - 1] == EXTENDED_ARG:
        place -= 1
        argument |= arguments[place] << bits
        bits += 8
    return argument
