"""The flake8 plugin in real flake8 runs."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT, run

from nanlint.hosts.flake8 import encoded

LOG = "import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n"
DIVISION = "import torch\n\n\ndef g(x):\n    return x / (x - x.clone())\n"
Flake8 = Callable[..., "subprocess.CompletedProcess[str]"]
ROW_OF_LOG = 5
COLUMN_OF_LOG = LOG.splitlines()[ROW_OF_LOG - 1].index("torch.relu") + 1


@pytest.fixture(scope="session")
def metadata(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the metadata of an installation, by which flake8 finds the entry point."""
    folder = tmp_path_factory.mktemp("metadata")
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(folder, [name for name in wheel.namelist() if ".dist-info/" in name])
    return folder


@pytest.fixture
def flake8(metadata: Path, tmp_path: Path) -> Flake8:
    def call(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flake8", "--isolated", "--select=NAN", *arguments]
        if any(argument.startswith("--config") for argument in arguments):
            command.remove("--isolated")
        return run(command, cwd=tmp_path, stdin=stdin, env={"PYTHONPATH": f"{ROOT}:{metadata}"})

    return call


def places(done: subprocess.CompletedProcess[str]) -> list[tuple[str, int, int, str]]:
    """File, row, column and code of each line of flake8's output."""
    assert "Traceback" not in done.stderr, done.stderr
    return list(_places(done.stdout))


def _places(output: str) -> Iterator[tuple[str, int, int, str]]:
    for line in output.splitlines():
        match = re.fullmatch(r"(?:\./)?(.+?):(\d+):(\d+): (\w+) .+", line)
        assert match, line
        yield match[1], int(match[2]), int(match[3]), match[4]


def test_a_file(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOG)
    done = flake8("a.py")
    assert done.returncode == 1
    assert places(done) == [("a.py", ROW_OF_LOG, COLUMN_OF_LOG, "NAN101")]
    assert ": NAN101 [certain] " in done.stdout


def test_the_version_names_the_plugin(flake8: Flake8) -> None:
    assert "nanlint: " in flake8("--version").stdout


def test_standard_input(flake8: Flake8) -> None:
    assert places(flake8("-", stdin=LOG)) == [("stdin", ROW_OF_LOG, COLUMN_OF_LOG, "NAN101")]
    done = flake8("--stdin-display-name=src/model.py", "-", stdin=LOG)
    assert places(done) == [("src/model.py", ROW_OF_LOG, COLUMN_OF_LOG, "NAN101")]


def test_processes_give_what_one_gives(flake8: Flake8, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"m{number}.py").write_text(LOG if number % 2 else DIVISION)
    one, two = flake8("--jobs=1", "."), flake8("--jobs=2", ".")
    assert len(places(one)) == 6
    assert sorted(places(two)) == sorted(places(one))


def test_noqa_is_that_of_flake8(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOG.replace("(x))\n", "(x))  # noqa: NAN101\n"))
    (tmp_path / "b.py").write_text(LOG.replace("(x))\n", "(x))  # noqa: NAN2\n"))
    (tmp_path / "c.py").write_text("# flake8: noqa\n" + LOG)
    assert [place[0] for place in places(flake8("."))] == ["b.py"]
    assert sorted(place[0] for place in places(flake8("--disable-noqa", "."))) == ["a.py", "b.py", "c.py"]


def test_comments_of_nanlint_count_without_those_of_flake8(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOG.replace("(x))\n", "(x))  # nanlint: ignore[NAN101]\n"))
    assert places(flake8("a.py")) == places(flake8("--disable-noqa", "a.py")) == []


def test_selection_is_that_of_flake8(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOG)
    (tmp_path / "b.py").write_text(DIVISION)
    assert {place[3] for place in places(flake8("."))} == {"NAN101", "NAN201"}
    assert {place[3] for place in places(flake8("--select=NAN2", "."))} == {"NAN201"}
    assert {place[3] for place in places(flake8("--extend-ignore=NAN2", "."))} == {"NAN101"}
    assert {place[0] for place in places(flake8("--per-file-ignores=a.py:NAN1", "."))} == {"b.py"}


def test_the_codes_are_on_without_any_option(metadata: Path, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOG)
    command = [sys.executable, "-m", "flake8", "--isolated", "a.py"]
    assert "NAN101" in run(command, cwd=tmp_path, env={"PYTHONPATH": f"{ROOT}:{metadata}"}).stdout


@pytest.mark.parametrize(
    "line",
    [
        "    return torch.log(torch.relu(x))",
        "    y = 'ünï\N{PILE OF POO}'; return torch.log(torch.relu(x))",
        "\treturn torch.log(torch.relu(x))",
        "\ty = '\t\t'; return torch.log(torch.relu(x))",
    ],
    ids=["plain", "multibyte", "tab", "tabs"],
)
@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_columns_are_characters_from_one(
    flake8: Flake8, tmp_path: Path, line: str, prefix: bytes, newline: str
) -> None:
    text = f"import torch\ndef f(x):\n{line}\n"
    (tmp_path / "a.py").write_bytes(prefix + text.replace("\n", newline).encode())
    assert places(flake8("a.py")) == [("a.py", 3, line.index("torch.relu") + 1, "NAN101")]


def test_columns_under_an_encoding_cookie(flake8: Flake8, tmp_path: Path) -> None:
    text = "# coding: latin-1\nimport torch\ndef f(x): y = 'éé'; return torch.log(torch.relu(x))\n"
    (tmp_path / "a.py").write_bytes(text.encode("latin-1"))
    expected = text.splitlines()[2].index("torch.relu") + 1
    assert places(flake8("a.py")) == [("a.py", 3, expected, "NAN101")]


@pytest.mark.parametrize("cookie", ["latin-1", "utf-8", "cp1251", "ascii", "no-such-codec"])
def test_encoding_keeps_every_column(cookie: str) -> None:
    lines = [f"# coding: {cookie}\n", "x = 'é☃'\n"]
    data = encoded(lines)
    codec = "utf-8" if cookie == "no-such-codec" else cookie
    assert [len(line) for line in data.decode(codec).splitlines(keepends=True)] == [len(line) for line in lines]


def test_confidence_option_and_configuration(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOG + "\n\ndef g(x: torch.Tensor):\n    return torch.log(x)\n")
    rows = {word: {p[1] for p in places(flake8(f"--nanlint-confidence={word}", "."))} for word in ("certain", "likely")}
    assert rows == {"certain": {ROW_OF_LOG}, "likely": {ROW_OF_LOG, ROW_OF_LOG + 4}}
    (tmp_path / "pyproject.toml").write_text('[tool.nanlint]\nconfidence = "certain"\n')
    assert {p[1] for p in places(flake8("."))} == {ROW_OF_LOG}
    assert {p[1] for p in places(flake8("--nanlint-confidence=likely", "."))} == rows["likely"]
    (tmp_path / "setup.cfg").write_text("[flake8]\nnanlint-confidence = likely\n")
    assert {p[1] for p in places(flake8("--config=setup.cfg", "."))} == rows["likely"]
    assert "invalid choice" in flake8("--nanlint-confidence=sure", ".").stderr


def test_the_configuration_of_nanlint_is_read(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOG)
    (tmp_path / "pyproject.toml").write_text('[tool.nanlint]\nignore = ["log-of-nonpositive"]\n')
    assert places(flake8(".")) == []
    (tmp_path / "pyproject.toml").write_text('[tool.nanlint.per-file-ignores]\n"a.py" = ["NAN1"]\n')
    assert places(flake8(".")) == []


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[tool.nanlint]\nconfidense = 1\n", "did you mean `confidence`?"),
        ('[tool.nanlint]\nselect = ["NAN777"]\n', "'NAN777'"),
        ("[tool.nanlint\n", "not valid TOML"),
    ],
)
def test_a_broken_configuration_is_one_line(flake8: Flake8, tmp_path: Path, toml: str, words: str) -> None:
    (tmp_path / "a.py").write_text(LOG)
    (tmp_path / "pyproject.toml").write_text(toml + "# nanlint\n")
    done = flake8("a.py")
    assert places(done) == [("a.py", 1, 1, "NAN000")]
    assert words in done.stdout


def test_a_rule_that_raises_is_one_line_and_hides_nothing(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(LOG)
    (tmp_path / "team").mkdir()
    rule = (ROOT / "rules" / "log_of_nonpositive.py").read_text(encoding="utf-8")
    rule = rule.replace("NAN101", "TEA001").replace("log_of_nonpositive", "broken")
    start = rule.index('"""', rule.index('"""') + 3) + 3
    (tmp_path / "team" / "broken.py").write_text(rule[:start] + '\n    raise LookupError("its\\nfault")\n    yield\n')
    (tmp_path / "pyproject.toml").write_text('[tool.nanlint]\nrules = ["team"]\n')
    done = flake8("a.py")
    assert sorted(places(done)) == [("a.py", 1, 1, "NAN000"), ("a.py", ROW_OF_LOG, COLUMN_OF_LOG, "NAN101")]
    assert "broken" in done.stdout
    assert done.returncode == 1


def test_a_syntax_error_is_left_to_flake8(flake8: Flake8, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import torch\ndef f(:\n")
    (tmp_path / "b.py").write_text(LOG)
    done = flake8("--select=NAN,E9", ".")
    assert {(p[0], p[3]) for p in places(done)} == {("a.py", "E999"), ("b.py", "NAN101")}


def test_code_without_torch_imports_neither_libcst_nor_rules(tmp_path: Path) -> None:
    code = (
        "import sys; from nanlint.hosts.flake8 import Plugin\n"
        "assert list(Plugin(None, 'a.py', ['x = 1\\n']).run()) == []\n"
        "print([m for m in ('libcst', 'rich', 'torch', 'nanlint.rules') if m in sys.modules])\n"
    )
    assert run([sys.executable, "-c", code], cwd=tmp_path).stdout.strip() == "[]"


def test_code_without_a_sign_of_a_hazard_imports_no_rule_and_nothing_that_evaluates(tmp_path: Path) -> None:
    code = (
        "import ast, sys; from nanlint.hosts.flake8 import Plugin\n"
        "def found(text):\n"
        "    return [each[2][:6] for each in Plugin(ast.parse(text), 'a.py', text.splitlines(True)).run()]\n"
        "def loaded():\n"
        "    return [m for m in sys.modules if m.startswith(('nanlint.rules.', 'nanlint.facts.'))]\n"
        "assert found('import torch\\n\\ndef f(x):\\n    return torch.cat([x, x]).view(-1)\\n') == []\n"
        "assert loaded() == [], loaded()\n"
        "assert found('import torch\\n\\ndef f(x):\\n    return torch.log(torch.relu(x))\\n') == ['NAN101']\n"
        "print('nanlint.rules.log_of_nonpositive' in loaded(), 'nanlint.rules.gamma_at_pole' in loaded())\n"
    )
    assert run([sys.executable, "-c", code], cwd=tmp_path).stdout.strip() == "True False"


def test_the_tree_of_flake8_is_not_made_again_where_it_is_that_of_the_bytes(tmp_path: Path) -> None:
    code = (
        "import ast, sys; from nanlint.hosts.flake8 import Plugin\n"
        "made = []\n"
        "sys.addaudithook(lambda event, args: event == 'compile' and args[1] == '<unknown>' and made.append(args))\n"
        "def found(text):\n"
        "    tree = ast.parse(text)\n"
        "    made.clear()\n"
        "    return [each[:2] for each in Plugin(tree, 'a.py', text.splitlines(True)).run()], len(made)\n"
        "text = '# coding: ascii\\nimport torch\\ndef f(x):\\n    {}return torch.log(torch.relu(x))\\n'\n"
        "print(found(text.format('')), found(text.format('a = \"\\u00e9\"; ')))\n"
    )
    assert run([sys.executable, "-c", code], cwd=tmp_path).stdout.strip() == "([(4, 21)], 0) ([(4, 30)], 1)"
