"""Whatever the input: one clear diagnostic, the other files are checked, the right status, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import Program

BAD = "import torch\n\n\ndef f(x):\n    return torch.log(torch.relu(x))\n"
# The finding in the file beside the bad one.
NEIGHBOUR = ("neighbour.py", "NAN101")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one ordinary file, which has one finding."""
    (tmp_path / "nanlint.toml").write_text("", encoding="utf-8")
    (tmp_path / "neighbour.py").write_text(BAD, encoding="utf-8")
    return tmp_path


@pytest.fixture
def nanlint(program: Program, folder: Path) -> Program:
    """Runs `nanlint` in the folder and looks for tracebacks."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        done = program("nanlint", *arguments, **{"cwd": folder, **options})
        assert "Traceback" not in done.stdout + done.stderr
        assert done.returncode in (0, 1, 2), done
        return done

    return run


def found(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str]]:
    return [(Path(each["filename"]).name, each["code"]) for each in json.loads(done.stdout)]


UNREADABLE_TEXT = {
    "syntax error": b"import torch\ndef f(:\n    pass\n",
    "unfinished": b"import torch\nf(1,\n",
    "bad indentation": b"import torch\ndef f():\n        a\n    b\n",
    "Python 2": b"import torch\nprint 'hello'\nraise ValueError, 'x'\n",
    "null byte": b"import torch\nx = '\0'\n",
    "not UTF-8": b"import torch\nx = '\xff\xfe'\n",
    "unknown encoding": b"# coding: klingon\nimport torch\n",
    "encoding that contradicts the mark": b"\xef\xbb\xbf# coding: latin-1\nimport torch\n",
    "binary": b"\x7fELF\x02\x01\x01torch\x00\x80\x81\n",
    "merge conflict": b"import torch\n<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other\n",
    "too deep": b"import torch\nx = " + b"(" * 10_000 + b"torch" + b")" * 10_000 + b"\n",
}


@pytest.mark.parametrize("data", UNREADABLE_TEXT.values(), ids=UNREADABLE_TEXT.keys())
def test_file_that_is_no_python(nanlint: Program, folder: Path, data: bytes) -> None:
    (folder / "broken.py").write_bytes(data)
    done = nanlint("check", "--output-format", "json")
    assert found(done) == [("broken.py", "NAN000"), NEIGHBOUR]
    assert (done.returncode, done.stderr) == (1, "")
    # People see it too: the excerpt of such a file must not fail either.
    shown = nanlint("check", "broken.py")
    assert shown.stdout.startswith("broken.py:")
    assert len(shown.stdout.splitlines()[0]) < 300
    assert nanlint("check", "--output-format", "sarif").returncode == 1


DEEP = {
    "sum": "x = " + " + ".join(["torch"] * 10_000),
    "negation": "x = " + "-" * 10_000 + "torch",
    "attributes": "x = torch" + ".a" * 10_000,
    "calls": "x = torch" + "()" * 10_000,
    "lists": "x = " + "[" * 10_000 + "]" * 10_000 + " or torch",
    "power": "x = " + "torch**" * 10_000 + "1",
    "comparison": "x = " + "torch < " * 10_000 + "1",
    "elif": "if torch: pass\n" + "elif torch: pass\n" * 10_000,
    "conditional": "x = " + "1 if torch else " * 10_000 + "1",
    "lambda": "x = " + "lambda: " * 10_000 + "torch",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_deep_expression_is_checked_or_one_diagnostic(nanlint: Program, folder: Path, text: str) -> None:
    (folder / "deep.py").write_text(f"import torch\n{text}\n", encoding="utf-8")
    done = nanlint("check", "--output-format", "json", "--jobs", "1")
    assert found(done) in ([("deep.py", "NAN000"), NEIGHBOUR], [NEIGHBOUR])
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_deep_expression_inside_a_function(nanlint: Program, folder: Path, text: str) -> None:
    body = "".join(f"    {line}\n" for line in text.splitlines())
    (folder / "deep.py").write_text(f"import torch\ndef f(x):\n{body}    return torch.log(x)\n", encoding="utf-8")
    done = nanlint("check", "--output-format", "json", "--jobs", "1")
    assert NEIGHBOUR in found(done)
    assert (done.returncode, done.stderr) == (1, "")


def test_generated_file_of_five_megabytes(nanlint: Program, folder: Path) -> None:
    row = "'" + "generated text " * 20 + "'"
    table = "".join(f"    [{number}, {row}, {number}.5],\n" for number in range(17_000))
    text = f"import torch\nTABLE = [\n{table}]\ny = torch.log(torch.relu(torch.tensor(1.0)))\n"
    assert len(text) > 5_000_000
    (folder / "generated.py").write_text(text, encoding="utf-8")
    done = nanlint("check", "--output-format", "json")
    assert NEIGHBOUR in found(done)
    assert done.returncode == 1


def test_link_to_nowhere(nanlint: Program, folder: Path) -> None:
    (folder / "link.py").symlink_to("nowhere.py")
    for path in (".", "link.py"):
        done = nanlint("check", "--output-format", "json", path)
        assert ("link.py", "NAN000") in found(done)
        assert (done.returncode, done.stderr) == (1, "")
    assert "link.py:1:1: NAN000 [certain] cannot read the file: No such file" in nanlint("check").stdout


def test_loop_of_links(nanlint: Program, folder: Path) -> None:
    (folder / "a.py").symlink_to("b.py")
    (folder / "b.py").symlink_to("a.py")
    done = nanlint("check", "--output-format", "json")
    assert found(done) == [("a.py", "NAN000"), ("b.py", "NAN000"), NEIGHBOUR]
    assert (done.returncode, done.stderr) == (1, "")


def test_loop_of_folders(nanlint: Program, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to(folder, target_is_directory=True)
    assert found(nanlint("check", "--output-format", "json")) == [NEIGHBOUR]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_file_that_cannot_be_read_even_by_root(nanlint: Program, folder: Path) -> None:
    (folder / "memory.py").symlink_to("/proc/self/mem")
    done = nanlint("check", "--output-format", "json")
    assert found(done) == [("memory.py", "NAN000"), NEIGHBOUR]
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_and_folder_without_permission(nanlint: Program, folder: Path) -> None:
    (folder / "secret.py").write_text(BAD, encoding="utf-8")
    (folder / "secret.py").chmod(0)
    done = nanlint("check", "--output-format", "json")
    assert found(done) == [NEIGHBOUR, ("secret.py", "NAN000")]
    (folder / "closed").mkdir(mode=0)
    closed = nanlint("check")
    (folder / "closed").chmod(0o700)
    assert closed.returncode == 2
    assert "closed/: cannot read the folder: Permission denied" in closed.stderr


def test_path_that_does_not_exist(nanlint: Program) -> None:
    done = nanlint("check", "nowhere", "neighbour.py", "--output-format", "json")
    assert found(done) == [NEIGHBOUR]
    assert (done.returncode, done.stderr) == (2, "error: nowhere: no such file or folder\n")


def test_empty_folder(nanlint: Program, folder: Path) -> None:
    (folder / "empty").mkdir()
    done = nanlint("check", "empty")
    assert (done.returncode, done.stderr) == (0, "warning: no Python files to check here\n")


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf", b"# torch", b"\x0c", b"\r\n\r\n# torch\r"])
def test_file_with_nothing_in_it(nanlint: Program, folder: Path, data: bytes) -> None:
    (folder / "nothing.py").write_bytes(data)
    assert found(nanlint("check", "--output-format", "json")) == [NEIGHBOUR]


def test_names_that_no_terminal_likes(nanlint: Program, folder: Path) -> None:
    for name in (b"\xff.py", b"new\nline.py", "名前 x.py".encode()):
        path = os.fsencode(folder) + b"/" + name
        with open(path, "wb") as stream:
            stream.write(BAD.encode())
    for style in ("full", "concise", "json", "github", "sarif"):
        done = nanlint("check", "--output-format", style)
        assert (done.returncode, done.stderr) == (1, ""), style


def test_terminal_that_speaks_only_ascii(nanlint: Program, folder: Path) -> None:
    (folder / "wide.py").write_text(BAD.replace("x", "値"), encoding="utf-8")
    done = nanlint("check", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (1, "")
    assert "wide.py:5:22" in done.stdout


CONFIGS = {
    "bad TOML": ("select = [", "not valid TOML"),
    "unknown key": ("selct = []", "did you mean `select`?"),
    "unknown code": ("select = ['NAN1O1']", "did you mean NAN101?"),
    "unknown name": ("ignore = ['log-of-nonpositiv']", "did you mean log-of-nonpositive?"),
    "unknown code for files": ("per-file-ignores = {'x' = ['E501']}", "`per-file-ignores`: 'E501'"),
    "wrong type": ("select = 'NAN1'", "`select` must be a list of strings"),
    "missing rule pack": ("rules = ['nowhere']", "`rules`"),
    "empty rule pack": ("rules = ['sub']", "no rule in this pack"),
}


@pytest.mark.parametrize(("text", "words"), CONFIGS.values(), ids=CONFIGS.keys())
def test_broken_configuration(nanlint: Program, folder: Path, text: str, words: str) -> None:
    (folder / "sub" / "sub").mkdir(parents=True)
    (folder / "sub" / "other.py").write_text(BAD, encoding="utf-8")
    (folder / "sub" / "nanlint.toml").write_text(text, encoding="utf-8")
    done = nanlint("check", "--output-format", "json")
    assert found(done) == [NEIGHBOUR]
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line
    inside = nanlint("check", cwd=folder / "sub")
    assert inside.returncode == 2
    assert words in inside.stderr
    named = nanlint("check", "--config", "sub/nanlint.toml")
    assert named.returncode == 2
    assert words in named.stderr


def test_rule_pack_that_does_not_import(nanlint: Program, folder: Path) -> None:
    (folder / "team").mkdir()
    (folder / "team" / "broken_rule.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    done = nanlint("check", "--rules", "team", "neighbour.py")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "broken_rule.py:1" in line
    assert "nothing_of_this_name" in line


def test_cache_that_cannot_be_written(nanlint: Program, folder: Path) -> None:
    (folder / "file").write_text("", encoding="utf-8")
    for place in ("file/cache", "/dev/null/cache", "/proc/cache"):
        done = nanlint("check", "--output-format", "json", env={"NANLINT_CACHE_DIR": place})
        assert found(done) == [NEIGHBOUR]
        assert (done.returncode, done.stderr) == (1, "")


def test_damaged_cache(nanlint: Program, folder: Path) -> None:
    nanlint("check")
    entries = list((folder / ".nanlint_cache").rglob("*.json"))
    assert entries
    for entry in entries:
        entry.write_bytes(b"\x00rubbish")
    assert found(nanlint("check", "--output-format", "json")) == [NEIGHBOUR]


FAILING = '''
from nanlint.api import *


@rule("XYZ001", at="log", kind="domain")
def failing(site):
    """A rule that fails.

    ## Why is this bad?

    It is not.

    ## Bad

    Nothing.

    ## Good

    Nothing.

    ## Known limits

    It always fails.
    """
    {statement}
    yield
'''


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("statement", ["raise ValueError('of the rule')", "import os; os._exit(3)"])
def test_rule_that_fails_hides_nothing(nanlint: Program, folder: Path, statement: str, jobs: str) -> None:
    if jobs == "1" and "_exit" in statement:
        pytest.skip("a death of the one process cannot be survived")
    (folder / "team").mkdir()
    (folder / "team" / "failing.py").write_text(FAILING.format(statement=statement), encoding="utf-8")
    # Big enough, together, for two processes; only the first holds a log and so wakes the rule.
    filler = "".join(f"\n\ndef g{number}(x):\n    return x + {number}\n" for number in range(12_000))
    (folder / "big.py").write_text("import torch\n" + filler, encoding="utf-8")
    (folder / "broken.py").write_text("import torch\n(", encoding="utf-8")
    arguments = ("check", "--rules", "team", "--no-cache", "--jobs", jobs, "--output-format", "json")
    done = nanlint(*arguments)
    assert done.returncode == 2
    assert ("broken.py", "NAN000") in found(done)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: neighbour.py: internal failure of ")
    if "raise" in statement:
        assert NEIGHBOUR in found(done)
        assert "ValueError: of the rule" in line
