"""Assigned: the attributes that a class's own code sets, read from its bytecode."""

import opcode
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any


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
    names, wide = set(), 0
    for operation, argument in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        argument |= wide
        wide = argument << 8 if operation == opcode.EXTENDED_ARG else 0
        if operation == opcode.opmap["STORE_ATTR"]:
            names.add(code.co_names[argument])
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _assigned(constant)
    return names
