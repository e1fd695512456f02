"""What the user calls a tensor."""

from __future__ import annotations

import gc

from torch import Tensor, nn


def name_of(tensor: Tensor) -> str | None:
    """The name of a parameter or buffer in the outermost module that holds it, such as `encoder.0.weight`.

    Looks through all objects of the process, so it is for a report, not for a step.
    """
    modules = [each for each in gc.get_objects() if issubclass(type(each), nn.Module)]
    inner = {id(child) for module in modules for child in module._modules.values()}  # noqa: SLF001
    for module in modules:
        if id(module) in inner:
            continue
        for held in (module.named_parameters(), module.named_buffers()):
            for name, each in held:
                if each is tensor:
                    return str(name)
    return None
