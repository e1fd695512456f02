from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, Proposal, Report, Site, Value, rule, strip_views

FILLED = frozenset({"tensor", "as_tensor", "full", "full_like", "new_full", "new_tensor", "scalar_tensor"})
FILLERS = ("fill_value", "data", "s", "input")
TESTS = {
    "eq": "torch.isnan(x)", "ne": "~torch.isnan(x)", "In": "torch.isnan(x).any()", "NotIn": "~torch.isnan(x).any()",
}  # fmt: skip
"""What was meant by a comparison of a tensor."""
NEGATED = frozenset({"IsNot", "NotIn"})


@rule("NAN902", at="eq ne isin identity-test", kind="data", mentions="nan NaN NAN")
def comparison_with_nan(site: Site) -> Iterator[Report]:
    """
    A comparison with nan, which is the same whatever it is compared with.

    ## Why is this bad?

    nan is equal to nothing, not even to itself. `x == float("nan")` is False for every element, those that are nan
    among them, and so is `float("nan") in x`; `x != float("nan")` is True. A check for NaN that is written so never
    finds one, and a mask made of it repairs nothing. `is` asks for one object: a number that was computed is another.

    ## Bad

    ```python
    def has_nan(x):
        return (x == float("nan")).any()  # flagged


    # effect: not result
    # run: has_nan(torch.tensor([1.0, float("nan")]))
    ```

    ## Good

    ```python
    def has_nan(x):
        return torch.isnan(x).any()


    # effect: not result
    # run: has_nan(torch.tensor([1.0, float("nan")]))
    ```

    ## Fix safety

    Unsafe: the test becomes true for nan, as was meant.

    ## Known limits

    A tensor of which some elements are nan and others are not is taken for what it is compared with on purpose. A test
    of a variable with itself, `x != x`, finds nan and is left alone. `<` and `>` of nan are not looked at.
    """
    left, right = site.value("input"), site.value("other") or site.value("test_elements")
    if left is None or right is None:
        return
    is_identity = site.op == "identity-test"
    if not (_is_nan(left) or _is_nan(right) or (is_identity and any(map(_is_nan, right.items or ())))):
        return
    outcome = "True" if site.op == "ne" or (is_identity and site.payload in NEGATED) else "False"
    # an object that stands for a missing value is found by its identity
    confidence = LIKELY if is_identity and right.kind != "tensor" else CERTAIN
    yield site.report(
        confidence,
        f"`{site.show(site.node)}` is always {outcome}, for nan as well, because nan equals nothing: use torch.isnan, "
        "or math.isnan of a number",
        at=site.place,
        fixes=_test(site),
    )


def _test(site: Site) -> tuple[Proposal, ...]:
    one, two = site.operands["input"], site.operand("other")
    template = TESTS.get(site.payload if site.op == "identity-test" else site.op)
    if template is None or two is None:
        return ()
    return site.fix("Use torch.isnan", site.place, template, x=two if _is_nan(one.value) else one)


def _is_nan(value: Value) -> bool:
    """The number nan, or a tensor that was filled with it."""
    made = strip_views(value)
    filler = next((v for v in map(made.arg, FILLERS) if v is not None), None) if made.op in FILLED else made
    return filler is not None and filler.kind == "number" and filler.range is not None and filler.range.is_nan
