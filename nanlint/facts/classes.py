"""The classes of the index as values, what they extend, and new objects of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts.functions import ClassRef, FunctionRef, Instance, invoke
from nanlint.facts.value import Operand, Value
from nanlint.source import nodes as cst

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame, Session
    from nanlint.source import ClassEntry, Source


def class_of_entry(session: Session, entry: ClassEntry) -> ClassRef:
    """The class of an entry of the index, made once."""
    found = session.classes.get(entry)
    if isinstance(found, ClassRef):
        return found
    made = session.classes[entry] = ClassRef(entry.name, entry.qualname, entry=entry)
    session.cyclic.append(made)
    made.methods = {name: FunctionRef(definition, None, name, owner=made) for name, definition in entry.methods.items()}
    made.find_bases = lambda: [_base(session, entry, made, text) for text in entry.bases]
    run_class = session.run_class
    if run_class is not None:
        made.run_body = lambda: run_class(made, entry)
    return made


def _base(session: Session, entry: ClassEntry, made: ClassRef, text: str) -> ClassRef | str:
    found = base_class(session, entry.source, text)
    if isinstance(found, ClassRef) and text not in entry.source.index.classes:
        made.imported.append(full_name(entry.source, text))
    # `class Dataset(Dataset)` extends the imported one
    return imported_base(session, entry.source, text) if _extends(found, made) else found


def _extends(base: ClassRef | str, made: ClassRef) -> bool:
    return isinstance(base, ClassRef) and (base is made or any(_extends(b, made) for b in base.bases))


def base_class(session: Session, source: Source, text: str) -> ClassRef | str:
    """A base class by its dotted text in the source."""
    entry = source.index.classes.get(text)
    return class_of_entry(session, entry) if entry is not None else imported_base(session, source, text)


def imported_base(session: Session, source: Source, text: str) -> ClassRef | str:
    """A base class that the source imports, by its dotted text there; its full name where it is not in view."""
    full = full_name(source, text)
    is_imported = text.partition(".")[0] in source.index.imports
    found = session.find_import(source, full) if is_imported and session.find_import is not None else None
    return found.ref if found is not None and isinstance(found.ref, ClassRef) else full


def full_name(source: Source, text: str) -> str:
    """A dotted name in the source with what its first part is imported as."""
    head, dot, rest = text.partition(".")
    return source.index.imports.get(head, head) + dot + rest


def instantiate(
    frame: Frame,
    cls: ClassRef,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
    starred: bool,
) -> Value:
    """A new object of a class of the file."""
    made = Value("instance", ident=frame.session.fresh(), ref=Instance(cls))
    init = cls.method("__init__")
    if init is not None:
        bound = init.bind(made)
        made.ref.pending = lambda: invoke(frame, bound, positional, keywords, node, starred)
        frame.session.cyclic.append(made.ref)
    elif is_record(cls):
        made.ref.attrs.update(zip(cls.attributes, (operand.value for operand in positional), strict=False))
        made.ref.attrs.update((key, operand.value) for key, operand in keywords.items())
    return made


def is_record(cls: ClassRef) -> bool:
    """A dataclass or a named tuple: its annotated names are what its objects hold, as given when they are made."""
    return cls.is_a("NamedTuple") or any("dataclass" in d for d in _class_decorators(cls))


def record(session: Session, source: Source, text: str) -> Value | None:
    """An object of which an annotation says that it is of a record class of the file; None for any other."""
    entry = source.index.classes.get(text)
    cls = class_of_entry(session, entry) if entry is not None else None
    if cls is None or cls.method("__init__") is not None or not is_record(cls):
        return None
    return Value("instance", ident=session.fresh(), ref=Instance(cls))


def _class_decorators(cls: ClassRef) -> list[str]:
    if cls.entry is None or not cls.entry.is_readable:
        return []
    return [cls.entry.code_of(d.decorator) for d in cls.entry.node.decorators]
