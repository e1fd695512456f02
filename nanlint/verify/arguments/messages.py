"""What an error message says of the arguments that caused it."""

from __future__ import annotations

import re

from nanlint.verify.arguments.specs import Dtype

_DTYPES: tuple[tuple[str, tuple[Dtype, ...]], ...] = (
    (r"expected .*(Long|Int)|must be.*(long|int)|index tensor|integer|dtype int", ("long", "binary")),
    (r"(?:expected|only supported for|must be|non-).{0,20}[Cc]omplex", ("complex",)),
    (r"Float|floating|not implemented for .*(Long|Bool|Int)", ("float",)),
    (r"Bool|bool", ("bool",)),
)


def named(message: str, names: list[str]) -> list[str]:
    """The parameters with those first that the message names."""
    first = [name for name in names if re.search(rf"\b{re.escape(name)}\b", message)]
    return [*first, *(name for name in names if name not in first)]


def dtypes(message: str) -> tuple[Dtype, ...]:
    return next((wanted for pattern, wanted in _DTYPES if re.search(pattern, message)), ())


def rank(message: str) -> int | None:
    found = re.search(r"(\d)D|(\d) dim|dimension\w* (\d)", message)
    return int(next(digit for digit in found.groups() if digit)) if found else None


def last_size(message: str) -> int | None:
    """The size that the last axis has to have: "rightmost dim 3", "last dimension must be 4", "shape (*, 2)", and what
    torch says of the inputs of linear, recurrent and normalizing layers.
    """
    spelled = r"\b(?:rightmost|last) (?:size|dim\w*|axis)[a-z= ]{0,12}(\d+)|[(\[](?:\*|\.\.\.|N|B), ?(\d+)[)\]]"
    spelled += r"|cannot be multiplied \(\d+x\d+ and (\d+)x|input_size\. Expected (\d+)"
    found = re.search(spelled, message, re.IGNORECASE)
    return int(next(filter(None, found.groups()))) if found else None


def channels(message: str) -> int | None:
    """The size of the second axis that a convolution asks for."""
    found = re.search(r"to have (\d+) channels|expected input with (\d+) channels", message)
    return int(found[1] or found[2]) if found else None


def missing_key(error: BaseException | None) -> object | None:
    """The key that a dict lacked."""
    return error.args[0] if isinstance(error, KeyError) and error.args else None


def unwanted(message: str, names: list[str]) -> list[str]:
    """The parameters of which the message says that they are not to be given."""
    refused = r"(?: is| are)? (?:not supported|not allowed|must be None|should be None|expected to be None)"
    return [name for name in names if re.search(rf"\b{re.escape(name)}{refused}", message)]


def asks_for_gradient(message: str) -> bool:
    return "does not require grad" in message
