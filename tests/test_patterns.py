"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
import sys

from conftest import ROOT, run

from nanlint.patterns import pattern


def test_it_does_what_a_compiled_one_does() -> None:
    late, at_once = pattern(r"(?P<word>\w+) (?i:b)"), re.compile(r"(?P<word>\w+) (?i:b)")
    for text in ("a b c B", "", "b"):
        assert late.findall(text) == at_once.findall(text)
        assert late.sub(lambda found: found["word"] * 2, text) == at_once.sub(lambda found: found["word"] * 2, text)
    assert late.groupindex == at_once.groupindex
    assert pattern(r"^b", re.MULTILINE).search("a\nb") is not None
    assert pattern(rb"\d").search(b"a1") is not None


def test_nothing_is_compiled_before_it_is_used() -> None:
    code = (
        "import re; compiled = []; compile_ = re.compile\n"
        "re.compile = lambda *given: compiled.append(given) or compile_(*given)\n"
        "from nanlint.patterns import pattern\n"
        "late = pattern('a+')\n"
        "taken = late.search; before = len(compiled); taken('b'); late.search('a'); late.match('a')\n"
        "print(before, len(compiled))\n"
    )
    assert run([sys.executable, "-c", code], cwd=ROOT).stdout.strip() == "0 2"
