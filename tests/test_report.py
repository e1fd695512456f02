"""How findings are written: for people, as ruff's JSON, as GitHub annotations."""

from __future__ import annotations

import json
import tokenize
import unicodedata
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanlint.finding import Confidence, Edit, Finding, Fix, Position, Related
from nanlint.report import github, ruff_json, terminal
from nanlint.report.source_text import SourceText

PLAIN = terminal.Paint(on=False)


def finding(
    row: int = 1,
    column: int = 1,
    end: tuple[int, int] | None = None,
    *,
    code: str = "NAN101",
    path: str = "m.py",
    message: str = "log of a number that can be 0",
    confidence: Confidence = Confidence.LIKELY,
    related: tuple[Related, ...] = (),
    fixes: tuple[Fix, ...] = (),
) -> Finding:
    last = Position(*(end or (row, column + 1)))
    name = "log-of-nonpositive" if code == "NAN101" else "sqrt-of-negative"
    return Finding(code, name, message, path, Position(row, column), last, confidence, related, fixes)


def texts(**files: str | bytes) -> SourceText:
    data = {name.replace("_", "."): text.encode() if isinstance(text, str) else text for name, text in files.items()}

    def read(path: str) -> bytes:
        try:
            return data[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    return SourceText(read)


def test_concise_is_one_line() -> None:
    assert terminal.concise([finding(3, 5)], PLAIN) == "m.py:3:5: NAN101 [likely] log of a number that can be 0\n"


def test_full_shows_the_line_the_places_and_the_fix() -> None:
    given_ = finding(
        2,
        8,
        (2, 20),
        related=(Related("relu gives 0 here", Position(1, 1)),),
        fixes=(Fix("Clamp the operand", "unsafe", (Edit(0, 1, "x"),)),),
    )
    assert terminal.full([given_], texts(m_py="def f(x):\n    x = torch.log(x)\n"), PLAIN).splitlines() == [
        "m.py:2:8: NAN101 [likely] log of a number that can be 0",
        "  |",
        "2 |     x = torch.log(x)",
        "  |        ^^^^^^^^^^^^",
        "  |",
        "  = m.py:1:1: relu gives 0 here",
        "  = fix (unsafe): Clamp the operand",
        "  = more: nanlint explain NAN101",
    ]


def test_full_points_to_the_explanation_once_for_each_rule() -> None:
    text = terminal.full([finding(1), finding(1), finding(1, code="NAN103")], texts(m_py="x\n"), PLAIN)
    assert text.count("nanlint explain NAN101") == 1
    assert text.count("nanlint explain NAN103") == 1


def test_full_marks_first_and_last_line_of_a_long_span() -> None:
    source = "y = torch.log(\n    x,\n    out=z,\n) + 1\n"
    assert terminal.full([finding(1, 5, (4, 2))], texts(m_py=source), PLAIN).splitlines()[1:8] == [
        "  |",
        "1 | y = torch.log(",
        "  |     ^^^^^^^^^^",
        ". |",
        "4 | ) + 1",
        "  | ^",
        "  |",
    ]


def test_full_of_a_span_that_ends_before_a_line() -> None:
    block = terminal.full([finding(1, 1, (2, 1))], texts(m_py="abc\ndef\n"), PLAIN)
    assert "1 | abc\n  | ^^^\n" in block
    assert "def" not in block


def test_line_numbers_of_different_width_are_aligned() -> None:
    source = "a(\n" + "\n" * 9 + ")\n"
    assert terminal.full([finding(1, 1, (11, 2))], texts(m_py=source), PLAIN).splitlines()[2] == " 1 | a("


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ("\tx = log(y)", "log(y)"),
        ("名前 = log(y)", "log(y)"),
        ("名前 = 対数(数)", "対数(数)"),
        ("e\u0301 = log(y)", "log(y)"),
        ("a\u200b = log(y)", "log(y)"),
        ("\t\té\t= log(y)", "log(y)"),
    ],
)
def test_carets_stand_under_tabs_and_wide_characters(line: str, marked: str) -> None:
    column = line.index(marked) + 1
    place = finding(1, column, (1, column + len(marked)))
    shown, carets = terminal.full([place], texts(m_py=line), PLAIN).splitlines()[2:4]

    def cells(text: str) -> int:
        # Columns of a terminal, by the East Asian width of each character; marks and format characters take none.
        return sum(
            0 if unicodedata.category(c) in ("Mn", "Cf") else 2 if unicodedata.east_asian_width(c) == "W" else 1
            for c in text
        )

    assert cells(shown[: shown.index(marked)]) == carets.index("^")
    assert cells(marked) == carets.count("^")


def test_excerpt_never_moves_the_cursor() -> None:
    block = terminal.full([finding(1, 1)], texts(m_py="x = '\x1b[31m\x07\x0c\u2028'\n"), PLAIN)
    assert not {"\x1b", "\x07", "\x0c", "\u2028"} & set(block)


def test_name_and_message_of_a_finding_stay_on_one_line() -> None:
    assert (
        terminal.concise([finding(path="a\nb.py", message="x\r\x1b[2Jy")], PLAIN)
        == "a?b.py:1:1: NAN101 [likely] x??[2Jy\n"
    )


def test_file_that_is_gone_or_shorter_now_gives_no_excerpt() -> None:
    assert "|" not in terminal.full([finding(1, path="gone.py")], texts(), PLAIN)
    assert "|" not in terminal.full([finding(9)], texts(m_py="x\n"), PLAIN)


def test_colours_only_add_escapes() -> None:
    import re

    findings, source = [finding(1, 1, (1, 4))], texts(m_py="log(x)\n")
    coloured = terminal.full(findings, source, terminal.Paint(on=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == terminal.full(findings, source, PLAIN)


def summary(
    *levels: Confidence, held_back: int = 0, threshold: Confidence = Confidence.LIKELY, complete: bool = True
) -> str:
    findings = [finding(confidence=level) for level in levels]
    return terminal.summary(findings, held_back, threshold, complete=complete, paint=PLAIN)


def test_summary_counts_by_confidence_and_says_what_is_held_back() -> None:
    certain, likely = Confidence.CERTAIN, Confidence.LIKELY
    assert summary() == "All clear.\n"
    assert summary(complete=False) == "No findings in what could be checked.\n"
    assert summary(likely) == "Found 1 finding (1 likely).\n"
    line = summary(likely, certain, certain, held_back=14)
    counts, _, hint = line.partition("; ")
    assert counts == "Found 3 findings (2 certain, 1 likely)"
    assert hint == "14 possible ones are held back (--confidence possible shows them).\n"
    assert "; 1 possible one is held back" in summary(held_back=1)
    assert "; 2 likely or possible ones are" in summary(held_back=2, threshold=certain)


def test_statistics_are_sorted_by_count_then_code() -> None:
    some = [finding(code="NAN103"), finding(code="NAN101"), *[finding(code="NAN103")] * 9]
    assert terminal.statistics(some, PLAIN) == "10  NAN103  sqrt-of-negative\n 1  NAN101  log-of-nonpositive\n"
    assert json.loads(ruff_json.statistics(some))[0] == {"code": "NAN103", "name": "sqrt-of-negative", "count": 10}
    assert terminal.statistics([], PLAIN) == ""


def test_json_has_the_fields_of_ruff() -> None:
    given_ = finding(
        2,
        5,
        (2, 7),
        related=(Related("here", Position(1, 1)),),
        fixes=(Fix("Use log1p", "safe", (Edit(8, 11, "log1p"), Edit(0, 0, "import torch\n"))),),
    )
    (plain,) = json.loads(ruff_json.render([given_], texts(m_py="é = 1\nlog(x)\n")))
    assert plain == {
        "cell": None,
        "code": "NAN101",
        "name": "log-of-nonpositive",
        "message": "log of a number that can be 0",
        "confidence": "likely",
        "severity": "warning",
        "filename": str(Path("m.py").absolute()),
        "location": {"row": 2, "column": 5},
        "end_location": {"row": 2, "column": 7},
        "related": [{"message": "here", "location": {"row": 1, "column": 1}}],
        "fix": {
            "applicability": "safe",
            "message": "Use log1p",
            "edits": [
                {"content": "log1p", "location": {"row": 2, "column": 2}, "end_location": {"row": 2, "column": 5}},
                {
                    "content": "import torch\n",
                    "location": {"row": 1, "column": 1},
                    "end_location": {"row": 1, "column": 1},
                },
            ],
        },
        "noqa_row": 2,
        "url": None,
    }


def test_json_of_nothing_is_a_list() -> None:
    assert ruff_json.render([], texts()) == "[]\n"


LINES = st.lists(
    st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=("Cs",)), max_size=6).filter(
        lambda line: "coding" not in line
    ),
    max_size=6,
)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.data())
def test_byte_offsets_become_places(lines: list[str], newline: str, bom: bool, data: st.DataObject) -> None:
    text = newline.join(lines)
    # A text that itself starts with a byte order mark would have two.
    text = text.lstrip("\ufeff")
    lines = text.split(newline)
    head = b"\xef\xbb\xbf" if bom else b""
    row = data.draw(st.integers(1, len(lines)))
    column = data.draw(st.integers(1, len(lines[row - 1]) + 1))
    before = newline.join([*lines[: row - 1], lines[row - 1][: column - 1]])
    source = texts(m_py=head + text.encode())
    assert source.position("m.py", len(head + before.encode())) == (row, column)
    assert source.line("m.py", row) == lines[row - 1]


def test_declared_encoding_is_used() -> None:
    data = "# coding: latin-1\né = log(x)\n".encode("latin-1")
    assert tokenize.detect_encoding(BytesIO(data).readline)[0] == "iso-8859-1"
    assert texts(m_py=data).line("m.py", 2) == "é = log(x)"
    assert texts(m_py=data).position("m.py", data.index(b"log")) == (2, 5)


@pytest.mark.parametrize("data", [b"# coding: nonsense\nlog(x)\n", b"\xff\xfe\nlog(x)\n", b"a\0\nlog(x)\n"])
def test_bytes_that_are_no_python_still_have_lines(data: bytes) -> None:
    assert texts(m_py=data).line("m.py", 2) == "log(x)"


def test_annotation_has_columns_only_within_a_line() -> None:
    one, many = github.render([finding(3, 5, (3, 9)), finding(4, 1, (6, 2))], None).splitlines()
    assert one == (
        "::warning title=nanlint (NAN101),file=m.py,line=3,endLine=3,col=5,endColumn=9"
        "::NAN101 [likely] log of a number that can be 0"
    )
    assert "line=4,endLine=6::" in many
    assert "col" not in many.split("::")[1].lower()


def test_annotation_is_escaped_as_github_reads_it() -> None:
    (line,) = github.render([finding(path="a,b:c%.py", message="50%, a: b\r\nsecond")], None).splitlines()
    _, properties, message = line.split("::", 2)
    assert "file=a%2Cb%3Ac%25.py," in properties
    assert message == "NAN101 [likely] 50%25, a: b%0D%0Asecond"


def test_annotations_come_worst_first_and_say_what_github_drops() -> None:
    many = [finding(row, confidence=Confidence.LIKELY) for row in range(1, 13)]
    lines = github.render(
        [*many, finding(1, path="z.py", confidence=Confidence.CERTAIN), finding(confidence=Confidence.POSSIBLE)], None
    ).splitlines()
    assert [line.split(" ")[0] for line in lines[:-1]] == ["::error", *["::warning"] * 12, "::notice"]
    assert lines[-1] == "nanlint: GitHub annotates only 10 of a level; not shown: 2 of 12 warnings"
    assert not github.render(many[:10], None).splitlines()[-1].startswith("nanlint")


def test_annotation_paths_start_at_the_workspace(tmp_path: Path) -> None:
    inside, outside = finding(path=str(tmp_path / "w" / "a.py")), finding(path=str(tmp_path / "b.py"))
    lines = github.render([inside, outside], str(tmp_path / "w")).splitlines()
    assert "file=a.py," in "".join(lines)
    assert f"file={tmp_path}/b.py," in "".join(lines)
