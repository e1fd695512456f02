"""The training loops of a definition that has run: which steps belong together, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nanlint.facts.apply import record
from nanlint.facts.clipping import CLIP_ARGUMENTS, is_switched_on
from nanlint.facts.relations import ancestry
from nanlint.facts.training import Event
from nanlint.patterns import pattern
from nanlint.slotted import Entity
from nanlint.source import nodes as cst
from nanlint.source.nodes import is_alike

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame, Place, Session

NETS = pattern(
    r"\b(?P<call>(?P<head>\w+(?:\.\w+)*)\.(?:(?P<rnn>LSTM|GRU|RNN|LSTMCell|GRUCell|RNNCell)|Transformer\w*|MultiheadAttention|"
    r"scaled_dot_product_attention))\("
)
LIGHTNING = ("LightningModule", "LightningDataModule")
TESTS = pattern(r"(?:^|[/\\])(?:test_|tests?[/\\])[^/\\]*\.py$|_test\.py$")
SAME, OTHER = (cst.Is, cst.Equal), (cst.IsNot, cst.NotEqual)


class Loop(Entity):
    """A training loop: the events of one pass in their order, and the steps of optimizers among them.

    `node` is the loop itself, None for a function that is one step of a loop elsewhere.
    """

    node: cst.Node | None
    events: list[Event]
    steps: list[Event]

    def words(self, *words: str) -> list[Event]:
        return [e for e in self.events if e.word in words]

    def around(self, event: Event) -> tuple[list[Event], list[Event]]:
        """The events before and after, without those of other branches, and without steps of what is no optimizer."""
        steps = {id(s) for s in self.steps}
        at = self.events.index(event)
        seen = [e if (e.word != "step" or id(e) in steps) and not exclusive(e, event) else None for e in self.events]
        return [e for e in seen[:at] if e is not None], [e for e in seen[at + 1 :] if e is not None]

    def has_backward(self, step: Event) -> bool:
        return any(not exclusive(b, step) for b in self.words("backward"))

    def is_clipped(self, step: Event) -> bool:
        made = step.receiver.made_by if step.receiver.kind == "optimizer" else None
        if made is not None and any(is_switched_on(made.args[k]) for k in CLIP_ARGUMENTS & made.args.keys()):
            return True
        return any(not exclusive(c, step) for c in self.words("clip", "option", "wrapped"))

    def is_engine(self, step: Event) -> bool:
        """Backward and step are methods of one object, as DeepSpeed's, which clips by its own configuration."""
        engine = step.receiver
        return engine.kind == "unknown" and any(b.receiver.ident == engine.ident for b in self.words("backward"))

    def shown(self, step: Event) -> Place:
        """Where a reader sees the step: the call of a `step` that wraps it, else the step itself."""
        for i, call in enumerate(step.calls):
            prefix = [id(c.node) for c in step.calls[: i + 1]]
            wraps = any([id(c.node) for c in b.calls[: i + 1]] == prefix for b in self.words("backward"))
            function = call.node.func if isinstance(call.node, cst.Call) else None
            if not wraps and isinstance(function, cst.Attribute) and function.attr.value == "step":
                return call
        return step.place


def is_of_test(session: Session, name: str) -> bool:
    """The definition of that name is run by pytest, or helps what is, by its name and that of its file."""
    return name.startswith("test_") or TESTS.search(session.source.path) is not None


class Training:
    """What a definition does of training; the payload of a "training-step" site."""

    def __init__(self, frame: Frame, name: str, place: Place, events: list[Event], in_module: bool) -> None:
        self.session = frame.session
        self.owner = frame.owner
        self.name = name
        self.place = place
        self.events = events
        self.in_module = in_module
        self.loops: list[Loop] = []
        self.found: list[Training] = []

    def words(self, *words: str) -> list[Event]:
        return [e for e in self.events if e.word in words]

    @property
    def others(self) -> list[Training]:
        """All definitions of the file that train, this one too."""
        if not self.found:
            self.found = [s.payload for s in self.session.sites if isinstance(s.payload, Training)]
        return self.found

    @property
    def is_lightning_step(self) -> bool:
        """The `training_step` of a Lightning module that leaves backward and step to the Trainer."""
        owner = self.owner
        if owner is None or self.name != "training_step" or self.loops:
            return False
        if not (owner.is_a(*LIGHTNING) or owner.method("configure_optimizers")):
            return False
        return not any(t.loops and t.owner is owner for t in self.others)

    @property
    def is_test(self) -> bool:
        """Code that pytest runs, by the names that it goes by: its few steps are on data that it makes."""
        return is_of_test(self.session, self.name)

    def is_hooked(self) -> bool:
        """Some hook of the file limits the gradients."""
        return any(e.word == "hook" for t in self.others for e in t.events)

    def is_clipped_elsewhere(self, step: Event) -> bool:
        """The same line is clipped when it runs as part of another definition, or as called from there."""
        loops = [loop for training in self.others for loop in training.loops]
        return any(s.place.node is step.place.node and loop.is_clipped(s) for loop in loops for s in loop.steps)

    def trainer_clips(self) -> bool | None:
        """Some Lightning Trainer in the file clips; None when none is in view, or what it is given is not."""
        known = [e.detail for t in self.others for e in t.events if e.word == "trainer"]
        return True if True in known else None if None in known or not known else False

    def pressing(self) -> str:
        """What makes clipping pressing here, in words; empty when nothing in view does."""
        if self.session.wordless:
            return ""
        for loop in self.loops:
            for event in loop.words("backward", "scale"):
                for value in (event.receiver, event.first):
                    exp = next((v for v in ancestry(value, 8) if v.op == "exp"), None) if value is not None else None
                    if exp is not None and exp.made_by is not None:
                        return f"the loss holds the exp of line {self.session.row(exp.made_by.place)}"
        return _pressing(self.session)

    def class_clips(self) -> bool:
        """Some method of the class clips."""
        return any(e.word in ("clip", "option", "hook") for t in self.others if t.owner is self.owner for e in t.events)


def _pressing(session: Session) -> str:
    index = session.source.index
    for found in NETS.finditer(session.source.text):
        head = found["head"]
        if index.imports.get(head.partition(".")[0], head).startswith("torch"):
            row = session.source.text.count("\n", 0, found.start()) + 1
            return f"{'a recurrent net' if found['rnn'] else 'a transformer'} is trained: {found['call']} on line {row}"
    heads = {target.partition(".")[0] for target in index.imports.values()}
    if heads & {"gym", "gymnasium", "pettingzoo", "dm_control", "dm_env", "procgen", "minigrid"}:
        return "the data of reinforcement learning shifts with the policy"
    return "a transformer is trained" if "transformers" in heads else ""


def exclusive(a: Event, b: Event) -> bool:
    """The two stand in different branches of the same condition, so no pass runs both."""
    for test, taken in a.arms:
        for other, also in b.arms:
            if test is other and taken != also:
                return True
            if test is not other and _is_opposite(test, taken, other, also):
                return True
    return False


def _is_opposite(test: cst.Node, taken: bool, other: cst.Node, also: bool) -> bool:
    if not isinstance(test, cst.If) or not isinstance(other, cst.If):
        return False
    one, negated = _plain(test.test)
    two, negated_too = _plain(other.test)
    return (taken != negated) != (also != negated_too) and is_alike(one, two)


def _plain(test: cst.BaseExpression) -> tuple[object, bool]:
    """What is asked, and whether the test is its opposite; `x is not None` asks for x, as `x` does."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        inner, negated = _plain(test.expression)
        return inner, not negated
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        how, right = test.comparisons[0].operator, test.comparisons[0].comparator
        if isinstance(right, cst.Name) and right.value == "None" and isinstance(how, (*SAME, *OTHER)):
            return test.left, isinstance(how, SAME)
        if isinstance(how, OTHER):
            return (test.left, right), True
        if isinstance(how, SAME):
            return (test.left, right), False
    return test, False


def close(frame: Frame, node: cst.Node) -> None:
    """Show the rules the training of a definition that has run to its end."""
    is_step = isinstance(node, cst.FunctionDef) and node.name.value == "training_step"
    if not frame.events and not is_step:
        return
    events = _one_pass(frame.events)
    in_module = isinstance(node, cst.Module)
    place = frame.place(node.name if isinstance(node, cst.FunctionDef) else node)
    name = node.name.value if isinstance(node, cst.FunctionDef) else frame.qualname
    training = Training(frame, name, place, events, in_module)
    training.loops = list(_loops(training, frame.events))
    record(frame, "training-step", {}, place.node, frame.unknown(), training)


def _one_pass(events: Sequence[Event]) -> list[Event]:
    """Each event once, in the order of the last pass: loops are run twice, and the first may know too much."""
    seen: set[tuple[object, ...]] = set()
    kept: list[Event] = []
    for event in reversed(events):
        key = (event.word, id(event.place.node), *(id(c.node) for c in event.calls))
        if key not in seen:
            seen.add(key)
            kept.append(event)
    kept.reverse()
    return kept


def _steps(events: Sequence[Event], all_events: Sequence[Event]) -> Iterator[Event]:
    """The steps of optimizers: those that are known as such, else the first unknown `step()` after a backward."""
    zeroed = {e.receiver.ident for e in all_events if e.word == "zero_grad"}
    scalers = {e.receiver.ident for e in all_events if e.word in ("scale", "unscale", "update")}

    def surely(e: Event) -> bool:
        if e.is_scaler_step:
            return e.receiver.kind == "scaler" or e.receiver.ident in scalers or e.first is not None and (
                e.first.kind == "optimizer" or e.first.ident in zeroed)  # fmt: skip
        return e.receiver.kind in ("optimizer", "instance") or e.detail == "manual" or e.receiver.ident in zeroed

    sections: list[list[Event]] = [[]]
    before = ""
    for event in events:
        if event.word == "backward" and before != "backward":
            sections.append([])
        if event.word in ("backward", "step"):
            sections[-1].append(event)
            before = event.word
    for i, section in enumerate(sections):
        steps = [e for e in section if e.word == "step"]
        sure = [e for e in steps if surely(e)]
        yield from sure or [e for e in steps if e.first is None and e.detail is None and i > 0][:1]


def _loops(training: Training, all_events: Sequence[Event]) -> Iterator[Loop]:
    events = training.events
    steps = list(_steps(events, all_events))
    chains: dict[int, tuple[cst.Node, ...]] = {}
    for step in steps:
        chain = step.loops
        # `for optimizer in optimizers: optimizer.step()` is no training loop: the one with the backward is
        while chain and not any(_is_within(b, chain) for b in events if b.word == "backward"):
            chain = chain[:-1]
        chains[id(step)] = chain if any(b.word == "backward" for b in events) else step.loops[:1]
    distinct = list(dict.fromkeys(chains.values()))
    for chain in distinct:
        if any(_starts(chain, other) for other in distinct if other != chain):
            continue
        inside = [e for e in events if _is_within(e, chain)]
        mine = [s for s in steps if _starts(chains[id(s)], chain)]
        if chain or not training.in_module:
            yield Loop(chain[-1] if chain else None, inside, mine)


def _starts(chain: tuple[cst.Node, ...], prefix: tuple[cst.Node, ...]) -> bool:
    return chain[: len(prefix)] == prefix


def _is_within(event: Event, chain: tuple[cst.Node, ...]) -> bool:
    return _starts(event.loops, chain)
