"""A script with one operation and the operands that it had, which fails as long as the operation does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nanlint.verify.run.operands import source_of
from nanlint.verify.trace.finite import EIGHT_BITS, contents, is_checkable, leaves
from nanlint.verify.trace.record import Record

FOLDER = "nanlint-reproducers"
# More elements than this go into a file of their own.
SPELT_OUT = 256

SCRIPT = '''"""{title}

Written by nanlint. Fails as long as the operation makes {made} of these operands.
"""

import torch

nan, inf = float("nan"), float("inf")
{tensors}
result = torch.ops.{op}({arguments})
outputs = result if isinstance(result, (list, tuple)) else [result]
bad = [out for out in outputs if isinstance(out, torch.Tensor) and not torch.isfinite(out).all()]
if bad:
    raise FloatingPointError(f"{op} gives {{bad[0]}}")
'''


def write(record: Record, title: str, folder: Path) -> Path | None:
    """Write the script and return its path; None where the operands are gone or the operation does not fail again."""
    call = record.call
    if call is None or not call.is_intact or call.func.namespace not in ("aten", "prims"):
        return None
    if not _fails(call.func, call.args, call.kwargs):
        return None
    named: list[tuple[str, Tensor]] = []
    positional = [_argument(value, named) for value in call.args]
    by_name = {name: _argument(value, named) for name, value in call.kwargs.items()}
    if None in positional or None in by_name.values():
        return None
    arguments = [*map(str, positional), *(f"{name}={value}" for name, value in by_name.items())]
    row = record.location.row if record.location else 0
    module = Path(record.location.path).stem if record.location else "unknown"
    path = folder / f"{re.sub(r'[^0-9A-Za-z_]', '_', module)}_{row}_{record.op.strip('_')}.py"
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, tensor in named:
        literal = _literal(tensor)
        if literal is None:
            data = path.with_name(f"{path.stem}_{name}.pt")
            torch.save(tensor.detach().cpu().clone(), data)
            lines += [f"# {list(tensor.shape)}", f"{name} = torch.load(__file__[:-3] + {f'_{name}.pt'!r})"]
        else:
            lines.append(f"{name} = {literal}")
    script = SCRIPT.format(
        title=title,
        made=record.contents.words,
        tensors="\n".join(lines),
        op=str(call.func),
        arguments=", ".join(arguments),
    )
    path.write_text(script, encoding="utf-8")
    return path


def _fails(func: Any, args: Any, kwargs: Any) -> bool:
    with torch.no_grad():
        try:
            result = func(*_copied(args), **_copied(kwargs))
        except (RuntimeError, TypeError):
            return False
    return any(is_checkable(out) and bool(contents(out)) for out in leaves(result))


def _copied(value: Any) -> Any:
    """Operands that the operation may write to."""
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item) for item in value)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value.detach().clone() if isinstance(value, Tensor) else value


def _argument(value: Any, named: list[tuple[str, Tensor]]) -> str | None:
    """The source of an argument; tensors get names."""
    if isinstance(value, Tensor):
        name = f"tensor_{len(named)}"
        named.append((name, value))
        return name
    if isinstance(value, (list, tuple)):
        items = [_argument(item, named) for item in value]
        return None if None in items else f"[{', '.join(item for item in items if item is not None)}]"
    return source_of(value)


def _literal(tensor: Tensor) -> str | None:
    """A call of torch.tensor that gives exactly these numbers."""
    if tensor.numel() > SPELT_OUT or tensor.is_complex() or tensor.dtype in EIGHT_BITS or not tensor.numel():
        return None
    return f"torch.tensor({tensor.detach().cpu().tolist()!r}, dtype={tensor.dtype})"
