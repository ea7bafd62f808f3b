"""A real browser without a screen, which reads pages from disk and asks for nothing from a network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")

needed = pytest.mark.skipif(not PROGRAM, reason="no Chromium on this machine; .ci/run installs one")

FLAGS = (
    *("headless", "no-sandbox", "disable-gpu"),
    *("disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"),
)


def run(page: Path, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page. profile: a folder of the browser's own."""
    named = [f"--{flag}" for flag in (*FLAGS, f"user-data-dir={profile}", *flags)]
    return subprocess.run([PROGRAM, *named, page.as_uri()], capture_output=True, text=True, check=True)
