"""`cached_property` without the lock that the one of functools takes before Python 3.12: half of what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functools import cached_property
else:

    class cached_property:  # noqa: N801 (the name that it stands in for)
        """What the method gives when it is first asked for; kept in the instance, so that it is not asked again."""

        def __init__(self, made: Any) -> None:
            self.made, self.name, self.__doc__ = made, made.__name__, made.__doc__

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            found = instance.__dict__[self.name] = self.made(instance)
            return found


__all__ = ["cached_property"]
