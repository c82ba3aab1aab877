"""Environments of their own for the peers, each made once from its packages."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.stack import ROOT

FOLDER = ROOT / ".sentinel" / "bench"


def install(name: str, packages: Sequence[str]) -> Path:
    """Make an environment of exactly these packages, if there is none; returns its interpreter."""
    folder = FOLDER / name
    stamp, wanted, python = folder / "packages", "\n".join(packages), folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", "--clear", "-p", sys.executable, str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "-p", python, *packages], check=True)
        stamp.write_text(wanted, "utf-8")
    return python
