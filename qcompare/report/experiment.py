"""What the analyses of experiments have in common: their command line, and the look and the bytes of their figures."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcompare.core.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
"""Of Matplotlib's figures, on top of its default style."""


class IncompleteError(Exception):
    """What outputs lack, in one line."""


def main(arguments: Sequence[str], analysed: Callable[[Path], Mapping[str, bytes]]) -> int:
    """The command line `analyse.py OUTPUTS FOLDER`: writes what is analysed of the folders of results in OUTPUTS, files
    by their names, into FOLDER. Exit status 0; 2, and one line, where `analysed` raises IncompleteError."""
    if len(arguments) != 2:
        print("usage: analyse.py OUTPUTS FOLDER", file=sys.stderr)
        return 2
    outputs, folder = map(Path, arguments)
    try:
        files = analysed(outputs)
    except IncompleteError as error:
        print(f"analyse.py: {error}", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    return 0


def png(figure: Figure) -> bytes:
    """The figure as a PNG without date or version: the same figure gives the same bytes."""
    import matplotlib.style

    content = io.BytesIO()
    with matplotlib.style.context(["default", STYLE]):
        figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
    return content.getvalue()
