"""Fixes that are statements: one that is put in front of another, or moved behind it."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from nanlint.finding import Edit
from nanlint.fixes.code import Code
from nanlint.fixes.edits import merged
from nanlint.fixes.flow import Flow
from nanlint.fixes.writing import Unwritable, replacement
from nanlint.source.lex import TOKEN


def written(code: Code, at: ast.Call, templates: list[str], words: Mapping[str, str]) -> tuple[Edit, ...]:
    """The edits that put statements in front of the one that a call stands in. Raises Unwritable."""
    lines: list[str] = []
    edits: set[Edit] = set()
    for template in templates:
        text, imports = replacement(code, ast.parse(template, mode="eval").body, words, at)
        lines.append(text)
        edits.update(imports)
    statement = code.statement(at)
    start = _row_start(code, statement)
    indent = code.source.text[start : code.range(statement)[0]]
    edits.add(code.edit(start, start, "".join(f"{indent}{line}{code.newline}" for line in lines)))
    return merged([tuple(edits)])


def behind(code: Code, statement: ast.stmt, other: ast.stmt) -> tuple[Edit, Edit]:
    """The edits that move a statement, with the rows that it stands in, behind another one of its block.

    Raises Unwritable where something else stands in these rows, or the block would be left.
    """
    block = code.block(statement)
    if other not in block or other is statement:
        raise Unwritable("it is in another block")
    start, end = _row_start(code, statement), _row_end(code, statement)
    after = _row_end(code, other)
    rows = code.source.text[start:end]
    text = code.source.text
    lead = "" if text[after - 1] in "\r\n" else code.newline
    put = code.edit(after, after, lead + (rows if not lead else rows.rstrip("\r\n")))
    cut = code.edit(start, end, "")
    return (cut, put) if start < after else (put, cut)


def gradients(code: Code, flow: Flow, step: ast.Call, maker: ast.expr | None) -> dict[str, str]:
    """The code of the `PARAMETERS` that a step of an optimizer changes, of the `OPTIMIZER` and of its `SCALER`.

    `step` is `optimizer.step()` or `scaler.step(optimizer)`. Raises Unwritable.
    """
    if not isinstance(step.func, ast.Attribute):
        raise Unwritable("the optimizer is not named")
    named = step.args[0] if step.args else step.func.value
    if not flow.is_cheap(named):
        raise Unwritable("the optimizer is not named")
    optimizer = code.text(named)
    words = {"OPTIMIZER": optimizer, "SCALER": code.text(step.func.value)}
    if isinstance(maker, ast.Call):
        given = maker.args[0] if maker.args else next((k.value for k in maker.keywords if k.arg == "params"), None)
        asked = given.func if isinstance(given, ast.Call) and not given.args and not given.keywords else None
        if isinstance(asked, ast.Attribute) and asked.attr == "parameters" and given is not None:
            model = asked.value
            if flow.is_cheap(model) and flow.holds(model, step, content=False):
                return {**words, "PARAMETERS": code.text(given)}
    return {**words, "PARAMETERS": f'[p for group in {optimizer}.param_groups for p in group["params"]]'}


def _row_start(code: Code, statement: ast.stmt) -> int:
    start = code.range(statement)[0]
    text = code.source.text
    row = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    if text[row:start].strip(" \t\f\ufeff"):
        raise Unwritable("it does not start its row")
    return row


def _row_end(code: Code, statement: ast.stmt) -> int:
    """Behind the newline of its last row."""
    source, last = code.source, statement.end_lineno or statement.lineno
    end = len(source.rows_text(1, last))
    rest = source.text[code.range(statement)[1] : end]
    if TOKEN.sub(lambda token: "" if token.lastgroup == "comment" else token[0], rest).strip():
        raise Unwritable("something stands behind it")
    return end
