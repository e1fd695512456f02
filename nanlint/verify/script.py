"""The script that shows a failure: a test for pytest that also runs by itself, and passes once the code is mended."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

LONGEST = 110
# Values of one tensor that a script may list: about a megabyte.
MOST_VALUES = 1 << 16


# How the message of a script's assertion begins, by which its failure is told from any other.
STILL = "still not finite: "
IMPRECISE = "still imprecise: "
# What a script for another device than the CPU does where there is none.
NEEDS_DEVICE = "raise unittest.SkipTest"
# What is said of a script that does not fail.
NOTHING_WRONG = "the script found nothing wrong"
# How far from the result in float64 one in float32 may be, as a share of it.
TOLERANCE = 0.01


class Unwritable(Exception):
    """A value that cannot be written down."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a script needs. `loading` are the lines that make what is called; `arguments` and `construction` are
    Python source by name; `owner` makes the object, "" for a function. `bad` is the expression that is not finite,
    `outputs` what a gradient flows back from where that is the gradient of `bad`. `widened` are the arguments in
    float64, where `bad` is compared with what these give. `prepared_by` are methods that the object needs called,
    `learned` other values of its parameters, `flags` those of attributes. `device` is where it all happens, "" for the
    CPU, and `matmul` the precision of products of matrices, "" for torch's own.
    """

    loading: str
    call: str
    owner: str
    construction: Mapping[str, str]
    arguments: Mapping[str, str]
    bad: str
    outputs: Sequence[str]
    wanting: Sequence[str]
    is_property: bool = False
    widened: Mapping[str, str] | None = None
    prepared_by: Sequence[str] = ()
    learned: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    device: str = ""
    matmul: str = ""


def importing(root: str, module: str) -> str:
    """The lines that import a module from a folder, as `module`."""
    return f"""
sys.path.insert(0, {root!r})
module = importlib.import_module({module!r})"""


def defining(path: str, root: str, module: str, name: str) -> str:
    """The lines that make `module` of one name of a file and what that needs, without the rest of it."""
    return f"""from nanlint.verify.program.loading import definitions

module = definitions({path!r}, {root!r}, {module!r}, {name!r})"""


def leading(path: str, root: str, module: str, anchor: str) -> str:
    """The lines that make `program` of the statements that lead to one of a file's."""
    return f"""from nanlint.verify.program.block import Block

program = Block({path!r}, {root!r}, {module!r}, {anchor!r})"""


def calling(loading: str, where: tuple[str, str, str, str], source: str, name: str) -> str:
    """The lines that make `program` of an example with a call: `where` are the arguments of `leading`, `source` is the
    code of a docstring, and `name` is what a test imports of the module instead.
    """
    head = ("\n" if loading.startswith("from") else "") + loading
    given = f"known=vars(module), source={source!r}" if source else f"known={{{name!r}: module.{name}}}"
    return f"""from nanlint.verify.program.block import Block
{head}
program = Block({", ".join(map(repr, where))}, {given})"""


def script(scene: Scene, title: str, name: str) -> str:
    """Its text; `title` says what was found, `name` is the end of the test's name."""
    title = title.replace("\\", "\\\\").replace('"""', "'''")
    lines = [*_setting(scene), "torch.manual_seed(0)", *_construction(scene), *_arguments(scene), "", *_act(scene)]
    body = "\n".join(lines)
    return f'''"""{textwrap.fill(title, LONGEST)}

Written by `nanlint verify`: it fails as long as {_purpose(scene)}.
"""

import copy
import importlib
import random
import sys

import torch
{scene.loading}


def test_{re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")}():
{textwrap.indent(body, "    ")}


if __name__ == "__main__":
    test_{re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")}()
'''


def _purpose(scene: Scene) -> str:
    if scene.widened is not None:
        return "these arguments give another result in float32 than in float64"
    return "these arguments make a value or a gradient that is not finite"


def _setting(scene: Scene) -> list[str]:
    lines = []
    if scene.device:
        missing = f"if not torch.{scene.device}.is_available():"
        lines += ["import unittest", "", missing, f'    {NEEDS_DEVICE}("needs {scene.device}")']
    if scene.matmul:
        lines.append(f'torch.set_float32_matmul_precision("{scene.matmul}")')
    return lines


def _construction(scene: Scene) -> list[str]:
    if not scene.owner:
        return []
    lines = [f"{name}_ = {text}" for name, text in scene.construction.items()]
    given = ", ".join(f"{name}={name}_" for name in scene.construction)
    lines += ["torch.manual_seed(0)", f"instance = {scene.owner}({given})"]
    lines += [f"instance.{name}()" for name in scene.prepared_by]
    there = f'.to("{scene.device}")' if scene.device else ""
    lines += ["if isinstance(instance, torch.nn.Module):", f"    instance.train(){there}"]
    lines += [f"instance.{name} = {value}" for name, value in scene.flags.items()]
    values = [f"    instance.get_parameter({name!r}).copy_({text})" for name, text in scene.learned.items()]
    return [*lines, "with torch.no_grad():", *values] if values else lines


def _arguments(scene: Scene) -> list[str]:
    lines = [f"{name} = {text}" for name, text in scene.arguments.items()]
    lines += [f"{expression}.requires_grad_()" for expression in scene.wanting]
    return lines


def _act(scene: Scene) -> list[str]:
    # The call gets copies, so that it may write to them.
    copies = set(scene.wanting)
    given = ", ".join(f"{name}={name}.clone()" if name in copies else f"{name}={name}" for name in scene.arguments)
    lines = ["torch.manual_seed(0)", "random.seed(0)"]
    if scene.widened is not None:
        return _compared(scene, scene.widened, given)
    lines.append(_assigned("result", scene, given))
    if not scene.outputs:
        what = "the result" if scene.bad == "result" else scene.bad
        return [
            *lines,
            f'assert torch.as_tensor({scene.bad}).isfinite().all(), f"{STILL}{what} is {{{scene.bad}}}"',
        ]
    total = " + ".join(f"{output}.double().sum()" for output in scene.outputs)
    lines.append(f"gradient = torch.autograd.grad({total}, {scene.bad})[0]")
    message = f'f"{STILL}the gradient of {scene.bad} is {{gradient}}"'
    return [*lines, f"assert gradient.isfinite().all(), {message}"]


def _assigned(name: str, scene: Scene, given: str) -> str:
    return f"{name} = {scene.call}" if scene.is_property else f"{name} = {scene.call}({given})"


def _compared(scene: Scene, widened: Mapping[str, str], given: str) -> list[str]:
    """Both calls start from one seed and one object."""
    objects = ["before = copy.deepcopy(instance)"] if scene.owner else []
    again = ["instance = before.double() if isinstance(before, torch.nn.Module) else before"] if scene.owner else []
    wide = ", ".join(f"{name}={text}" for name, text in widened.items())
    return [
        *objects, "torch.manual_seed(0)", _assigned("result", scene, given), f"found = torch.as_tensor({scene.bad})",
        *again, "torch.set_default_dtype(torch.float64)", "torch.manual_seed(0)", _assigned("result", scene, wide),
        f"exact = torch.as_tensor({scene.bad})", "torch.set_default_dtype(torch.float32)",
        "error = (found.double() - exact).abs().max() / exact.abs().max()",
        f'assert error <= {TOLERANCE}, f"{IMPRECISE}{scene.bad} is {{found}}, in float64 {{exact}}"',
    ]  # fmt: skip


def wide_source(value: Any, name: str) -> str:
    """Python source of an argument of that name with float64 in place of float32."""
    import torch

    from nanlint.verify import tree

    if isinstance(value, torch.Tensor):
        if value.is_complex():
            return f"{name}.to(torch.complex128)"
        return f"{name}.double()" if value.is_floating_point() else name
    if type(value) in (list, tuple):
        items = ", ".join(wide_source(item, f"{name}[{index}]") for index, item in enumerate(value))
        return f"[{items}]" if isinstance(value, list) else f"({items},)"
    if type(value) is dict:
        return "{" + ", ".join(f"{key!r}: {wide_source(item, f'{name}[{key!r}]')}" for key, item in value.items()) + "}"
    if isinstance(value, tree.Built):
        return literal(tree.mapped(value, lambda leaf: leaf.double() if tree.is_float(leaf) else leaf))
    return name


def literal(value: Any, text: str | None = None) -> str:
    """Python source of an argument; `text` is what made it, for values that are no data. Raises Unwritable."""
    import torch

    from nanlint.verify import tree

    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        items = ", ".join(literal(item) for item in value)
        if isinstance(value, list):
            return f"[{items}]"
        return f"({items},)" if len(value) == 1 else f"({items})"
    if type(value) is dict:
        return "{" + ", ".join(f"{key!r}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tree.Built):
        given = (f"{name}={literal(item, value.texts.get(name))}" for name, item in value.arguments.items())
        return f"{value.expression}({', '.join(given)})"
    if value is None or isinstance(value, (bool, int, str, bytes)):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if value == value and abs(value) != float("inf") else f'float("{value}")'
    if isinstance(value, (torch.dtype, torch.device)):
        return str(value) if isinstance(value, torch.dtype) else f"torch.{value!r}"
    if text is not None:
        return text
    raise Unwritable(f"a {type(value).__name__}")


def _tensor(tensor: Tensor) -> str:
    import torch

    # without the number of the device: where the script is run, it may have another one
    where = "" if tensor.is_cpu else f', device="{tensor.device.type}"'
    is_usual = tensor.dtype in (torch.float32, torch.int64, torch.bool, torch.complex64)
    kind = ("" if is_usual else f", dtype={tensor.dtype}") + where
    values = tensor.detach().flatten()
    shape = tuple(tensor.shape)
    if tensor.numel() > 1 and bool((values == values[0]).all()):
        return f"torch.full({shape}, {values[0].item()!r}{kind})"
    if not tensor.numel():
        return f"torch.empty({shape}, dtype={tensor.dtype}{where})"
    if tensor.numel() > MOST_VALUES:
        raise Unwritable(f"a tensor of {tensor.numel()} values")
    return f"torch.tensor({tensor.detach().tolist()!r}{kind})"
