"""Private helpers all of whose calls are in view: what those pass in takes the place of not knowing the arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanlint.ops import TABLE

if TYPE_CHECKING:
    from nanlint.facts.frame import Session
    from nanlint.source import Definition

# what such a decorator makes is called as the function is, and by nobody else
PLAIN = frozenset({"staticmethod", "classmethod", "no_grad", "inference_mode", "enable_grad", "script", "compile"})


def drop_covered(session: Session) -> None:
    """Forget the sites of private helpers run by themselves where all of their calls in view were followed."""
    roots = {site.root for site in session.sites if site.root is not None}
    covered = {root for root in roots if root.is_private and root in session.called and _all_seen(session, root)}
    while True:
        # a call counts only where its caller is not itself known by its calls alone
        left = {root for root in covered if _is_reached(session, root, covered)}
        if left == covered:
            break
        covered = left
    if covered:
        session.sites[:] = [
            s for s in session.sites if s.root not in covered or (s.op not in TABLE and s.op != "empty-reduction")
        ]


def _all_seen(session: Session, root: Definition) -> bool:
    """Every mention of the name in the file is a call that was followed."""
    name, source = root.name, session.source
    if any(d.rsplit(".", 1)[-1] not in PLAIN for d in root.decorators):
        return False
    if any(f"{before}{name}{behind}" in source.text for before in "'\"" for behind in "'\""):
        return False
    units = (*source.index.definitions, *source.index.classes.values())
    mentions = sum(_mentions(name, unit.code) for unit in units)
    return mentions == len({node for node, _ in session.called[root]})


def _mentions(name: str, code: str) -> int:
    """How often the code mentions the name, but to define it; a pattern would have to be compiled for each name."""
    found, at = 0, code.find(name)
    while at >= 0:
        before, behind = code[max(0, at - 5) : at], code[at + len(name) : at + len(name) + 1]
        defines = before.endswith("def ") and not _is_letter(before[:-4])
        found += not (defines or _is_letter(before[-1:]) or _is_letter(behind))
        at = code.find(name, at + len(name))
    return found


def _is_letter(character: str) -> bool:
    """It may stand in a name."""
    return character.isalnum() or character == "_"


def _is_reached(session: Session, root: Definition, covered: set[Definition]) -> bool:
    seen = session.called[root]
    return {node for node, _ in seen} == {node for node, caller in seen if caller not in covered}
