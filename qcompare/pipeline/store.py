"""What was computed, by key; whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np

from qcompare.core.files import write_whole

RECORD = "trial.json"


def digest(value: Any) -> str:
    """A hexadecimal SHA-256 of plain data; equal data give equal digests whatever the order of their keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


@cache
def source_digest() -> str:
    """Of qcompare's own source files: results of another version of the program are other results."""
    root = Path(__file__).parents[1]
    files = sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)
    return digest(
        [(path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    )


@cache
def environment() -> dict[str, Any]:
    """What a result depends on besides its configuration: Python, packages, CPU."""
    packages = {item.metadata["Name"]: item.version for item in distributions() if item.metadata["Name"]}
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cpu_features": cpu_features(),
        "packages": dict(sorted(packages.items())),
        "qcompare_source": source_digest(),
    }


def cpu_name() -> str:
    """The processor's own name; kernels choose their instructions by it."""
    return _cpu_line("model name") or platform.processor()


def cpu_features() -> list[str]:
    """The vector extensions among the processor's flags."""
    flags = _cpu_line("flags") or _cpu_line("Features")
    return sorted(flag for flag in flags.split() if flag.startswith(("avx", "fma", "sse4", "amx", "asimd", "neon")))


def _cpu_line(name: str) -> str:
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return ""
    for line in information.read_text().splitlines():
        if line.split(":")[0].strip() == name:
            return line.partition(":")[2].strip()
    return ""


def key(config: Mapping[str, Any], seed: int) -> str:
    """What a trial's results depend on, as one digest."""
    return digest({"config": config, "seed": seed, "environment": environment()})


def record_of(folder: Path) -> dict[str, Any] | None:
    """The record of a stored trial; None when there is no whole one."""
    try:
        record = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def is_stored(folder: Path, trial_key: str) -> bool:
    """Whether a trial with this key stands there whole, and did not crash."""
    record = record_of(folder)
    return record is not None and record.get("key") == trial_key and not record.get("crashed")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of `folder` at the end, or vanishes when the block raises."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        if folder.exists():
            old = folder.parent / f".{folder.name}.{os.getpid()}.old"
            folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old)
        else:
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Clear what killed runs of processes that are gone left behind in a folder of trials: folders and files."""
    for path in folder.glob(".*"):
        written = re.fullmatch(r"\..+\.(\d+)(\.partial|\.old)?", path.name)
        if written is None or Path("/proc", written.group(1)).exists():
            continue
        if written.group(2):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file():
            path.unlink()


def write_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Named arrays as one .npz file, whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getvalue())


def write_json(value: Any, path: Path) -> None:
    """Readable JSON, whole or not at all."""
    write_whole(path, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())
