"""The house keeps its rules: who imports whom, and how long a file may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ingress", "workers", "shared", "simulator")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BANNED = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "core", "common", "misc"}


def test_ingress_and_workers_meet_only_in_shared() -> None:
    """The contracts of pyproject.toml hold: litestar in ingress only, numpy in workers only."""
    linter = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_idea(path: Path) -> None:
    """Under 300 lines, under 60 lines a function, and not named after nothing."""
    source = path.read_text()
    # The tree of errors is one idea, however many branches it has, and so are Redis' schema and the metrics.
    assert len(source.splitlines()) < 300 or path.name in {"errors.py", "keys.py", "metrics.py"}
    assert path.stem not in BANNED
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


def test_nothing_is_pickled() -> None:
    """Whoever may write to Redis must not be able to run code."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "marshal", "shelve", "dill"} & set(names), path


def test_the_top_level_is_what_was_agreed() -> None:
    """Nothing else stands beside the packages."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/", 1)[0] for line in listed.splitlines()}
    agreed = {
        *PACKAGES,
        *("tests", "compose", "docs", "pyproject.toml", "Procfile", "README.md", "Makefile"),
        *("requirements.lock", "LICENSE", "CHANGELOG.md"),
    }
    assert {name for name in top if not name.startswith(".")} <= agreed
