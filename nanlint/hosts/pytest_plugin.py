"""`pytest --nanlint`: every test runs under the tracer, and fails where a loss or a gradient went bad in it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nanlint.verify.trace.tracing import Bad

OPTION = "nanlint"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("nanlint").addoption(
        "--nanlint",
        action="store_true",
        dest=OPTION,
        help="Fail tests in which a loss or a gradient is NaN or Inf, and say which line made it.",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "nanlint_off: what is not finite in this test is meant.")
    if config.getoption(OPTION) and importlib.util.find_spec("torch") is None:
        raise pytest.UsageError("--nanlint needs torch, which this Python lacks: pip install 'nanlint[verify]'")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    if not item.config.getoption(OPTION) or item.get_closest_marker("nanlint_off"):
        return (yield)
    from nanlint.verify.run.diagnosis import NonFiniteError, told
    from nanlint.verify.trace.tracing import Tracing

    def fail(bad: Bad) -> None:
        item.add_report_section("call", "nanlint", told(bad))
        raise NonFiniteError("a loss or a gradient is not finite: see the section of nanlint")

    with Tracing(fail)():
        return (yield)
