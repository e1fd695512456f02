"""An op applied to values at one place, as a rule sees it, and what a rule says of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from nanlint.facts.evidence import is_told_nothing, is_trained, leaves, zero_is_reached
from nanlint.facts.fixed import is_fixed
from nanlint.facts.growth import grows, is_up_to_callers
from nanlint.facts.precision import is_data, near_zero
from nanlint.facts.relations import strip_views, zero_with
from nanlint.facts.underflow import only_underflows
from nanlint.facts.value import Application, Operand, Reason, Value
from nanlint.finding import Confidence
from nanlint.interval import INF, NONZERO, Interval
from nanlint.ops import TABLE
from nanlint.slotted import Entity

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame, Place
    from nanlint.ops.op import Need
    from nanlint.source import nodes as cst


class Proposal(Entity, frozen=True):
    """What a rule proposes to write at a place: a template, whose names stand for the operands.

    `step`: the optimizer whose step stands there, or at `behind`; the template is for statements in front of the place.
    `behind` alone: what the statement of the place is to be moved behind. `pattern`: the names of the template are its
    names for what the operand was made of, as `nanlint.fixes.matching` reads it; `part`, one of them, is then what the
    template takes the place of, wherever it stands.
    """

    title: str
    place: Place
    template: str
    operands: Mapping[str, Operand]
    applicability: Literal["safe", "unsafe"]
    step: Value | None = None
    behind: Place | None = None
    pattern: str = ""
    part: str = ""


DIVISIONS = frozenset({"div", "reciprocal"})


class Report(Entity, frozen=True):
    """What a rule says of a site.

    `covers`: the applications that it accounts for, where rules it overrides stay silent. `defect`: reports of a rule
    with the same one are told once, where it was first seen.
    """

    confidence: Confidence
    message: str
    place: Place
    covers: tuple[cst.Node, ...] = ()
    related: tuple[tuple[str, Place], ...] = ()
    fixes: tuple[Proposal, ...] = ()
    defect: Hashable = None


class Site:
    """One application of an op.

    `unmet`: the needs of the op that the operands do not surely fulfil. `repaired`: where its result was later masked,
    filled, clamped or selected from, and `masks` the conditions of that. `escaped`: the result also left the definition
    unrepaired. `guarded`: a test has let it through only where it is finite. `compared`: its result went into a
    comparison. `absorbed`: into a sum in log space, as a weight. `flows`: the result left it with its gradient, masked
    or not. `calls`: the places of the calls that led here, outermost first; empty when the definition was taken by
    itself. `marks` is what guards had taught at this point beside ranges. `root`: the definition where the
    interpretation started. `payload`: what sites that are no op carry.
    """

    refers_back = ("result", "masks")

    def __init__(
        self, frame: Frame, op: str, operands: Mapping[str, Operand], place: Place, result: Value, payload: Any
    ) -> None:
        self.op = op
        self.operands = operands
        self.place = place
        self.session = frame.session
        self.result = result
        self.calls = frame.calls
        self.no_grad = frame.no_grad
        self.qualname = frame.qualname
        self.marks = frame.env.marks
        self.root = frame.session.root
        self.payload = payload
        self.unmet: tuple[Need, ...] = ()
        self.repaired: list[Place] = []
        self.masks: list[Value] = []
        self.escaped = self.guarded = self.compared = self.absorbed = self.flows = False

    @property
    def node(self) -> cst.Node:
        return self.place.node

    @property
    def input(self) -> Operand:
        """The first operand."""
        return next(iter(self.operands.values()))

    def operand(self, name: str) -> Operand | None:
        return self.operands.get(name)

    def value(self, name: str) -> Value | None:
        found = self.operands.get(name)
        return found.value if found else None

    @property
    def is_repaired(self) -> bool:
        """The result is masked, filled or selected from on every way out, so only its gradient can do harm."""
        return (bool(self.repaired) or self.guarded) and not self.escaped

    @property
    def is_private(self) -> bool:
        """The definition is a helper by its name, and is looked at by itself, not as part of a caller in view."""
        return not self.calls and self.qualname.startswith("_") and not self.qualname.endswith("__")

    def is_masked(self, value: Value) -> bool:
        """What the op that made the operand may have made of it is masked later, on every way out."""
        return any(other.is_repaired for other in value.hazards if other.result.ident == value.ident)

    def is_foreign(self, value: Value) -> bool:
        """The value comes from a call that is not in view: no argument or field of one, and no op made it."""
        made = strip_views(value)
        if made.alternatives:
            return all(self.is_foreign(v) for v in made.alternatives)
        held = made.ident in self.session.arguments or made.ident in self.session.fields
        return made.made_by is None and made.range is None and not held

    def only_underflows(self, value: Value) -> bool:
        """Zero is out of reach of the value but for exponentials that all underflow."""
        return only_underflows(self.session, value)

    def is_trained(self, value: Value) -> bool:
        """A gradient may be wanted of the value; of what a helper is given, that is up to its callers."""
        helps = self.is_private or (self.root is not None and self.root.is_private)
        return (value.grad is True or not helps) and is_trained(self.session, value)

    def marked(self, word: str, value: Value) -> bool:
        """A guard has taught that of the value: `several` elements, `nonempty`, `some` of a mask is true."""
        return (word, value.ident) in self.marks

    def is_tensor(self, value: Value) -> bool:
        """The value is a tensor for sure."""
        if value.kind in ("tensor", "unknown"):
            tensors = self.session.tensors
            return value.kind == "tensor" or value.ident in tensors or any(i in tensors for i in value.tensor_if)
        return False

    def is_item(self, value: Value) -> bool:
        """The value is the only element of a tensor, as a number of Python."""
        return value.kind == "number" and value.ident in self.session.tensors

    def is_model(self, value: Value) -> bool:
        """The value is a torch.nn.Module, or something whose parameters are asked for somewhere."""
        return value.kind == "module" or value.ident in self.session.models

    def doubt(self, value: Value, domain: Interval) -> Confidence | None:
        """How sure it is that `value` leaves `domain`; None when it stays inside, or is no tensor at all."""
        if self.is_item(value) and self.op == "div" and self.is_tensor(self.input.value):
            value = value.but(kind="tensor")
        if value.kind not in ("tensor", "unknown"):
            return None
        if value.is_complex:
            # only at zero does the complex function fail where the real one fails for all that is negative or large
            return None if 0 in domain else leaves(self.session, value, NONZERO)
        if domain == NONZERO and (value.range is None or 0 in value.range) and value.op in ("mul", "div"):
            return self._product_doubt(value, domain)
        if domain == NONZERO and self.op in DIVISIONS and (root := zero_with(value)) and root.kind != "number":
            return self.doubt(root, domain)
        if value.range is None:
            return leaves(self.session, value, domain) if self.is_tensor(value) else Confidence.POSSIBLE
        if value.range.without_nan().within(domain):
            return None
        if domain.lo == 0 and domain.hi == INF and is_told_nothing(value):
            return leaves(self.session, value, domain)
        if not self.is_tensor(value):
            # a limit that is known makes a number of it as well as a tensor
            return Confidence.POSSIBLE
        touches = value.range.lo == 0 and value.reach == Confidence.LIKELY and 0 not in domain
        if touches and not zero_is_reached(self.session, value):
            return Confidence.POSSIBLE
        return value.reach

    def runs_past(self, value: Value, limit: float, ways: tuple[int, ...] = (1,)) -> Confidence | None:
        """How sure it is that real data takes the value above `limit` (`ways` has 1) or below `-limit` (it has -1)."""
        grown = max((g for way in ways if (g := grows(value, way, limit)) is not None), default=None)
        if self.op == "expm1":
            # who writes it says that the exponent stays near 0
            return grown
        unsure = grown is Confidence.POSSIBLE and self.is_tensor(value) and is_up_to_callers(self.session, value)
        return Confidence.LIKELY if unsure and not self._is_answered else grown

    def nears_zero(self, value: Value) -> Confidence | None:
        """How sure it is that adding 1 to the value drops most of its digits; None when it does not."""
        near = near_zero(self.session, value)
        known = self.is_tensor(value) or self.is_tensor(self.input.value)
        return near if near is None or known else min(near, Confidence.POSSIBLE)

    def is_data(self, value: Value) -> bool:
        """The value goes back to public arguments, to what is trained or to noise, and is no sum of many elements."""
        return is_data(self.session, value)

    def is_written(self, made: Application) -> bool:
        """The application stands in the expression of this one: its result has no name under which it is used again."""
        if made.place.unit is not self.place.unit:
            return False
        (start, end), (first, last) = self.session.span(self.place), self.session.span(made.place)
        return start <= first and last <= end

    def users(self) -> Iterator[Site]:
        """The sites that take the result of this one, or a view of it, as an operand."""
        ident = self.result.ident
        return (s for s in self.session.sites if any(strip_views(o.value).ident == ident for o in s.operands.values()))

    @property
    def _is_answered(self) -> bool:
        """A call in the file leads here too, and what it passes is no argument in its turn: that speaks for itself."""
        if self.calls:
            return False
        called = (other for other in self.session.sites if other.node is self.node and other.calls)
        return any(not is_up_to_callers(self.session, other.input.value) for other in called)

    def _product_doubt(self, value: Value, domain: Interval) -> Confidence | None:
        """A product is zero when a factor is, a quotient when its numerator is."""
        parts = [value.arg("input"), value.arg("other") if value.op == "mul" else None]
        doubts = [self.doubt(part, domain) for part in parts if part is not None and part.kind != "number"]
        return max((d for d in doubts if d is not None), default=None)

    def show(self, what: Operand | cst.Node, limit: int = 60) -> str:
        """The source of an operand on one line, shortened in the middle when long."""
        if self.session.wordless:
            return ""
        node = what.node if isinstance(what, Operand) else what
        text = " ".join(self.session.code(node).split())
        return text if len(text) <= limit else f"{text[: limit - 13]}...{text[-10:]}"

    def why(self, value: Value) -> str:
        """The reason for the value's range, as `: relu on line 3 gives [0, inf)`; empty when there is none."""
        if self.session.wordless:
            return ""
        parts: list[str] = []
        reason: Reason | None = value.because
        while reason is not None and len(parts) < 3:
            parts.append(f"{reason.text.format(row=self.row(reason.place), range=reason.range)}")
            reason = reason.earlier
        return "; ".join(reversed(parts))

    def because(self, value: Value) -> str:
        """`why` as an addition to a sentence: ` (relu on line 3 gives [0, inf))`, or nothing."""
        why = self.why(value)
        return f" ({why})" if why else ""

    def row(self, place: Place) -> str:
        """The row of a place, as a message names it."""
        return "" if self.session.wordless else self.session.row(place)

    @property
    def _is_of_values(self) -> bool:
        """What is wrong is the numbers of an operand, and not a setting of a training loop."""
        return bool(self.operands) and (self.op in TABLE or self.op == "empty-reduction")

    @property
    def _blamed(self) -> Value:
        """The operand that speaks for the failure: of a division the divisor."""
        return (self.value("other") if self.op in DIVISIONS else None) or self.input.value

    def report(
        self,
        confidence: Confidence,
        message: str,
        *,
        at: Operand | Place | None = None,
        covers: tuple[Application, ...] = (),
        related: tuple[tuple[str, Place], ...] = (),
        fixes: tuple[Proposal, ...] = (),
        defect: Hashable = None,
    ) -> Report:
        """Say that something is wrong here, or at an operand of this site."""
        place = self.place
        if isinstance(at, Operand):
            place = place._replace(node=at.node)
        elif at is not None:
            place = at
        if (self.compared or self.absorbed) and not (self.escaped or self.repaired or self.calls):
            # a nan compares as false and -inf adds nothing: what only decides something does not spread
            confidence = min(confidence, Confidence.POSSIBLE)
        if confidence is Confidence.LIKELY and self._is_of_values and is_fixed(self.session, self._blamed):
            # it fails for another setting, or another file
            confidence = Confidence.POSSIBLE
        nodes = (self.place.node, *(application.place.node for application in covers))
        return Report(confidence, message, place, nodes, related, fixes, defect)

    def fix(
        self, title: str, at: Operand | Place, template: str, *, safe: bool = False, **operands: Operand
    ) -> tuple[Proposal, ...]:
        """Propose to replace an operand, or what stands at a place, by a template; nothing where no tensors are.

        A template is Python in which the names of `operands` stand for their code, `tiny(x)`, `eps(x)` and `lowest(x)`
        for these constants of the dtype of `x`, and `torch`, `F` and `math` for these modules. `safe`: value and
        gradient stay what they are on benign input.
        """
        if id(self.node) in self.session.spread:
            # what stands there holds the operands
            return ()
        if not all(self.is_tensor(operand.value) and not operand.value.is_complex for operand in operands.values()):
            return ()
        place = self.place._replace(node=at.node) if isinstance(at, Operand) else at
        return (Proposal(title, place, template, operands, "safe" if safe else "unsafe"),)

    def fix_made(
        self, title: str, what: Operand, pattern: str, template: str, *, part: str = ""
    ) -> tuple[Proposal, ...]:
        """Propose a template whose names are those of a pattern that what made an operand is of; see `Proposal`."""
        place = self.place._replace(node=what.node)
        return (Proposal(title, place, template, {"made": what}, "unsafe", pattern=pattern, part=part),)

    def give(self, keyword: str, value: str) -> tuple[Proposal, ...]:
        """Propose to pass a keyword to the function of torch that is called here."""
        title = f"Give {keyword}={value}"
        return (Proposal(title, self.place, f"{self.op}({keyword}={value})", {}, "unsafe"),)

    def before_step(self, title: str, step: Place, optimizer: Value, template: str) -> tuple[Proposal, ...]:
        """Propose lines in front of a step, in which `PARAMETERS` stands for what it changes, and `OPTIMIZER`."""
        return (Proposal(title, step, template, {}, "unsafe", step=optimizer),)

    def unscaled(self, clip: Place, optimizer: Value, step: Place) -> tuple[Proposal, ...]:
        """Propose to divide the gradients by their scale in front of a clip; `step` is that of the scaler."""
        line = "SCALER.unscale_(OPTIMIZER)"
        return (Proposal("Unscale the gradients before they are clipped", clip, line, {}, "unsafe", optimizer, step),)

    def move(self, title: str, what: Place, behind: Place) -> tuple[Proposal, ...]:
        """Propose to move a statement behind a later one."""
        return (Proposal(title, what, "", {}, "unsafe", behind=behind),)

    def kept_from_zero(self, x: Operand) -> tuple[Proposal, ...]:
        """Propose to put 1 in the place of the zeros of a divisor, whatever its dtype."""
        # what a caller passes in says nothing of the others
        if x.value.is_integral and x.value.range is not None and x.value.range.lo >= 0 and not self.calls:
            return self.fix("Clamp the count to 1", x, "x.clamp_min(1)", x=x)
        return self.fix("Replace the zeros of the divisor by 1", x, "x.masked_fill(x == 0, 1)", x=x)
