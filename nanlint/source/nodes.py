"""Nodes of libcst with the attributes that carry meaning alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import libcst as cst

BETWEEN = re.compile(r"whitespace|par$|comma|colon|dot|equal|bracket|brace|lines|header|footer")


def new(cls: type[Any]) -> Any:
    """A node without any attribute."""
    return object.__new__(cls)


def maker(cls: type[Any], *names: str) -> Callable[..., Any]:
    """Makes nodes of a class from the values of these attributes: what `cls()` would check, the parser has checked."""
    setters = [getattr(cls, name).__set__ for name in names]
    new = object.__new__
    if len(setters) == 1:
        (only,) = setters

        def one(value: Any) -> Any:
            node = new(cls)
            only(node, value)
            return node

        return one
    if len(setters) == 2:
        first, second = setters

        def two(a: Any, b: Any) -> Any:
            node = new(cls)
            first(node, a)
            second(node, b)
            return node

        return two

    def many(*values: Any) -> Any:
        node = new(cls)
        for setter, value in zip(setters, values, strict=True):
            setter(node, value)
        return node

    return many


# the nodes that expressions and statements are both made of
make_name = maker(cst.Name, "value")
make_attribute = maker(cst.Attribute, "value", "attr")
make_element = maker(cst.Element, "value")
make_from = maker(cst.From, "item")


def is_alike(one: Any, two: Any) -> bool:
    """Two nodes, or sequences of nodes, mean the same, whatever blanks and parentheses they have."""
    if isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        return len(one) == len(two) and all(map(is_alike, one, two))
    if not isinstance(one, cst.CSTNode):
        return bool(one == two)
    return type(one) is type(two) and all(
        is_alike(getattr(one, field.name, None), getattr(two, field.name, None))
        for field in fields(one)
        if not BETWEEN.search(field.name)
    )
