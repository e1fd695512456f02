"""Classes of plain data: what their fields, defaults, equality and copies are."""

from __future__ import annotations

import pickle

import pytest

from nanlint.slotted import Data, Entity, replace


class Point(Data):
    """A point."""

    x: float
    y: float = 0.0


class Single(Data):
    """One field, whose value is a pair."""

    pair: tuple[int, int]


class Box(Entity):
    """A box."""

    name: str
    size: int = 0


def test_data_is_what_it_holds() -> None:
    assert Point(1.0) == Point(1.0, y=0.0) != Point(1.0, 1.0)
    assert len({Point(1.0), Point(1.0), Point(2.0)}) == 2
    assert Single((1, 2)) != (1, 2)
    assert Single((1, 2)) == Single((1, 2))
    assert hash(Single((1, 2))) == hash(Single((1, 2)))
    assert repr(Single((1, 2))) == "Single(pair=(1, 2))"
    assert pickle.loads(pickle.dumps(Point(1.0, 2.0))) == Point(1.0, 2.0)


def test_an_entity_is_itself_alone() -> None:
    one, other = Box("a"), Box("a")
    assert one != other
    one.size = 1
    assert (one.size, other.size, Box("a", 2).size) == (1, 0, 2)


def test_a_copy_differs_in_what_was_asked_for() -> None:
    point = Point(1.0)
    assert replace(point, y=2.0) == Point(1.0, 2.0)
    assert replace(Single((1, 2)), pair=(3, 4)) == Single((3, 4))
    assert point == Point(1.0)
    with pytest.raises(AttributeError):
        replace(point, z=1.0)


def test_there_are_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Point(1.0).z = 1.0  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]
