"""A page of panels as plain data, and how it is drawn.

An `Axes` of matplotlib costs some 10 ms, each of its ticks one, and measuring them all for a layout twice that; a page
has twenty panels. Here a panel is a handful of artists at places that are known in inches beforehand.

Lengths of a page are in inches from its lower left corner, sizes of text and dots in points.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, Protocol, final

import matplotlib as mpl
import numpy as np
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pdf import PdfFile, RendererPdf
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.markers import MarkerStyle
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D, IdentityTransform, Transform
from PIL import Image

FONT = "DejaVu Sans"
DPI = 200
FINE = 300
"""Of the dots of a PDF that are drawn as an image."""

MANY = 500
"""Dots of one look of which a PDF has an image: as shapes they would make a file of megabytes."""

HEADING, LABEL, TICK = 9.0, 8.0, 7.5
"""Sizes of text: a page's title; titles and labels of panels; ticks and legends."""

TICK_LENGTH = 0.045
LABEL_GAP = 0.09
"""From a panel's edge to the labels of its ticks."""

GRID = "0.88"
HEAT = "viridis"
"""The colour map of cells, dark for zero."""

Ticks = Mapping[float, str]
"""Position -> label."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One direction of a panel, linear from low to high. high may be less: the axis then runs the other way.

    lines: whether the panel's grid has a line at each tick. marked: whether ticks have a short line outside.
    """

    low: float
    high: float
    ticks: Ticks = field(default_factory=dict)
    label: str = ""
    lines: bool = False
    marked: bool = True


@dataclass(frozen=True, kw_only=True)
class Look:
    """How an engine is drawn. marker: as matplotlib names them."""

    colour: str
    marker: str
    hollow: bool = False

    @property
    def face(self) -> str:
        return "white" if self.hollow else self.colour


class Mark(Protocol):
    """What is drawn in a panel, in the units of its axes."""

    def draw(self, figure: Figure, units: Transform) -> None:
        """units: from the panel's units to pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dots:
    """A dot at each (x, y), both [n]. size: its diameter in points."""

    x: np.ndarray
    y: np.ndarray
    look: Look
    size: float
    edge: float

    def draw(self, figure: Figure, units: Transform) -> None:
        marker = MarkerStyle(self.look.marker)
        dots = PathCollection(
            (marker.get_path().transformed(marker.get_transform()),),
            (self.size**2,),
            offsets=np.stack([self.x, self.y], axis=1),
            offset_transform=units,
            facecolor=self.look.face,
            edgecolor=self.look.colour,
            linewidth=self.edge,
            rasterized=len(self.x) > MANY,
        )
        dots.set_transform(IdentityTransform())
        figure.add_artist(dots)


@dataclass(frozen=True, kw_only=True, eq=False)
class Polygons:
    """corners: [n, corners, (x, y)]. An edge is drawn where it has a colour."""

    corners: np.ndarray
    face: str
    edge: str = "none"

    def draw(self, figure: Figure, units: Transform) -> None:
        polygons = PolyCollection(
            list(self.corners), facecolor=self.face, edgecolor=self.edge, linewidth=0.8, transform=units
        )
        figure.add_artist(polygons)


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """points: [n, points, (x, y)], a line each."""

    points: np.ndarray
    colour: str
    width: float

    def draw(self, figure: Figure, units: Transform) -> None:
        figure.add_artist(LineCollection(list(self.points), colors=self.colour, linewidths=self.width, transform=units))


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """values: [rows, columns], each a coloured square of one unit by one from (left, low) on, from zero to highest."""

    left: float
    low: float
    values: np.ndarray
    highest: float

    def draw(self, figure: Figure, units: Transform) -> None:
        rows, columns = self.values.shape
        x, y = np.meshgrid(self.left + np.arange(columns), self.low + np.arange(rows))
        corners = boxes(x.ravel(), x.ravel() + 1, y.ravel(), y.ravel() + 1)
        # Edges that are not smoothed leave no seams between cells.
        cells = PolyCollection(
            list(corners),
            facecolors=mpl.colormaps[HEAT](self.values.ravel() / self.highest),
            linewidth=0,
            antialiased=False,
            transform=units,
        )
        figure.add_artist(cells)


@dataclass(frozen=True, kw_only=True)
class Words:
    """Text at (x, y), which is its middle, or the end that across and along name."""

    x: float
    y: float
    text: str
    size: float = TICK
    colour: str = "black"
    across: Literal["left", "center", "right"] = "left"
    along: Literal["top", "center", "bottom", "baseline"] = "center"
    upright: bool = False

    def draw(self, figure: Figure, units: Transform) -> None:
        figure.add_artist(
            Text(
                self.x,
                self.y,
                self.text,
                fontfamily=FONT,
                fontsize=self.size,
                color=self.colour,
                horizontalalignment=self.across,
                verticalalignment=self.along,
                rotation=90 if self.upright else 0,
                parse_math=False,
                transform=units,
            )
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """A rectangle of the page with axes of its own. under: what the grid is drawn upon; marks: what is drawn over it,
    both in their order. framed: whether the left and lower edge, ticks and labels are drawn."""

    left: float
    bottom: float
    width: float
    height: float
    x: Axis
    y: Axis
    title: str = ""
    title_size: float = LABEL
    under: Sequence[Mark] = ()
    marks: Sequence[Mark] = ()
    framed: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """Panels and words, both placed in inches, below HEAD inches for the title and, in small, what it is about: data,
    seeds and samples."""

    width: float
    height: float
    title: str
    about: str
    panels: Sequence[Panel]
    words: Sequence[Words] = ()


def boxes(left: np.ndarray, right: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Corners [n, 4, (x, y)] of rectangles."""
    corners = [np.broadcast_arrays(x, y) for x, y in ((left, low), (left, high), (right, high), (right, low))]
    return np.stack([np.stack(corner, axis=-1) for corner in corners], axis=-2).reshape(-1, 4, 2)


@cache
def text_width(text: str, size: float) -> float:
    """Inches that the widest line of a text takes."""
    font = FontProperties(family=FONT, size=size)
    lines = text.splitlines()
    return max((text_to_path.get_text_width_height_descent(line, font, False)[0] for line in lines), default=0) / 72


def line_height(size: float) -> float:
    """Inches from one line of text to the next."""
    return 1.2 * size / 72


def widest(texts: Iterable[str], size: float = TICK) -> float:
    """Inches that the widest of the texts takes."""
    return max((text_width(text, size) for text in texts), default=0.0)


def room_left(axis: Axis) -> float:
    """Inches that labels of ticks and the axis take on the left of a panel."""
    ticks = LABEL_GAP + widest(axis.ticks.values())
    return ticks + (0.05 + line_height(LABEL) if axis.label else 0)


def room_below(axis: Axis) -> float:
    """Inches that labels of ticks and the axis take below a panel."""
    return LABEL_GAP + line_height(TICK) + (0.03 + line_height(LABEL) if axis.label else 0)


HEAD = 0.12 + line_height(HEADING) + line_height(TICK)
"""Inches that the heading of a page takes."""


def files(name: str, page: Page, *, for_paper: bool = True) -> dict[str, bytes]:
    """The page as NAME.png to look at and, for a paper, NAME.pdf, whose shapes are sharp at any size."""
    return {f"{name}.png": png(page), **({f"{name}.pdf": pdf(page)} if for_paper else {})}


def png(page: Page) -> bytes:
    """The page as a PNG without date or version: the same page gives the same bytes, whatever the user's matplotlibrc
    says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        # As wide as text_width says, and a fifth of a plot's time less.
        mpl.rcParams["text.hinting"] = "none"
        figure = Figure((page.width, page.height), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        _lay_out(page, figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    content = io.BytesIO()
    image.save(content, format="png", compress_level=2, dpi=(DPI, DPI))
    return content.getvalue()


@final
class _Outlining(RendererPdf):
    """Text becomes outlines. Publishers refuse Type 3 fonts, and cutting TrueType fonts to the letters of a page takes
    longer than all else about it."""

    draw_text = RendererBase.draw_text


def pdf(page: Page) -> bytes:
    """The page as a PDF without fonts, date or version: the same page gives the same bytes."""
    content = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        figure = Figure((page.width, page.height), dpi=72)
        _lay_out(page, figure)
        written = PdfFile(content, metadata={"Creator": None, "Producer": None, "CreationDate": None})
        written.newPage(page.width, page.height)
        shapes = _Outlining(written, FINE, page.height, page.width)
        renderer = MixedModeRenderer(figure, page.width, page.height, FINE, shapes)
        # A renderer in all but its class, as matplotlib's own backend uses it.
        figure.draw(renderer)  # type: ignore[arg-type]
        renderer.finalize()
        written.finalize()
    return content.getvalue()


def _lay_out(page: Page, figure: Figure) -> None:
    """Everything of a page in a figure of its size."""
    inches = figure.dpi_scale_trans
    for panel in page.panels:
        _draw(panel, figure, inches)
    for words in (*_heading(page), *page.words):
        words.draw(figure, inches)
    for order, artist in enumerate(figure.artists):
        artist.set_zorder(order)


def _heading(page: Page) -> Iterator[Words]:
    below = 0.07
    for text, size, colour in ((page.title, HEADING, "black"), (page.about, TICK, "0.3")):
        fits = min(size, size * (page.width - 0.2) / max(text_width(text, size), 0.1))
        y = page.height - below
        yield Words(x=page.width / 2, y=y, text=text, size=fits, colour=colour, across="center", along="top")
        below += line_height(size)


def _draw(panel: Panel, figure: Figure, inches: Transform) -> None:
    x, y = panel.x, panel.y
    across, up = panel.width / (x.high - x.low), panel.height / (y.high - y.low)
    place = Affine2D().translate(-x.low, -y.low).scale(across, up).translate(panel.left, panel.bottom) + inches
    for mark in panel.under:
        mark.draw(figure, place)
    if panel.framed:
        grid = [[(tick, y.low), (tick, y.high)] for tick in x.ticks if x.lines]
        grid += [[(x.low, tick), (x.high, tick)] for tick in y.ticks if y.lines]
        if grid:
            Lines(points=np.array(grid), colour=GRID, width=0.6).draw(figure, place)
    for mark in panel.marks:
        mark.draw(figure, place)
    if panel.framed:
        _frame(panel, {panel.left + (at - x.low) * across: text for at, text in x.ticks.items()},
               {panel.bottom + (at - y.low) * up: text for at, text in y.ticks.items()}, figure, inches)  # fmt: skip
    if panel.title:
        top = panel.bottom + panel.height + 0.05
        title = Words(x=panel.left, y=top, text=panel.title, size=panel.title_size, along="bottom")
        title.draw(figure, inches)


def _frame(panel: Panel, across: Ticks, up: Ticks, figure: Figure, inches: Transform) -> None:
    """Edges, ticks and labels; across, up: the ticks at inches of the page."""
    left, bottom = panel.left, panel.bottom
    edges = [[(left, bottom), (left + panel.width, bottom)], [(left, bottom), (left, bottom + panel.height)]]
    edges += [[(at, bottom), (at, bottom - TICK_LENGTH)] for at in across if panel.x.marked]
    edges += [[(left, at), (left - TICK_LENGTH, at)] for at in up if panel.y.marked]
    Lines(points=np.array(edges), colour="black", width=0.8).draw(figure, inches)
    below = [Words(x=at, y=bottom - LABEL_GAP, text=text, across="center", along="top") for at, text in across.items()]
    beside = [Words(x=left - LABEL_GAP, y=at, text=text, across="right") for at, text in up.items()]
    for words in [*below, *beside]:
        if words.text:
            words.draw(figure, inches)
    if panel.x.label:
        y = bottom - room_below(panel.x) + line_height(LABEL)
        middle = left + panel.width / 2
        Words(x=middle, y=y, text=panel.x.label, size=LABEL, across="center", along="top").draw(figure, inches)
    if panel.y.label:
        x = left - room_left(panel.y) + line_height(LABEL) / 2
        middle = bottom + panel.height / 2
        Words(x=x, y=middle, text=panel.y.label, size=LABEL, across="center", upright=True).draw(figure, inches)


def fitting(candidates: Iterable[Ticks], low: float, high: float, width: float) -> Ticks:
    """The first ticks whose labels stand apart below an axis, width inches from low to high, and do not reach far over
    its ends; the last ones if none do."""
    ticks: Ticks = {}
    for ticks in candidates:
        places = np.array([(at - low) * width / (high - low) for at in sorted(ticks)])
        halves = np.array([text_width(ticks[at], TICK) / 2 for at in sorted(ticks)])
        begins, ends = places - halves, places + halves
        apart = (begins[1:] - ends[:-1] >= 0.05).all()
        if apart and begins.min(initial=0) >= -0.1 and ends.max(initial=width) <= width + 0.1:
            break
    return ticks


def numbers(values: Sequence[float] | np.ndarray) -> dict[float, str]:
    """The values as ticks, all with the same number of digits after the point."""
    digits = next((n for n in range(6) if all(math.isclose(round(v, n), v, abs_tol=1e-12) for v in values)), None)
    return {float(v): _signed(f"{v + 0.0:g}" if digits is None else f"{v + 0.0:.{digits}f}") for v in values}


def _signed(number: str) -> str:
    """A number with a minus sign in place of the hyphen."""
    return number.replace("-", "\N{MINUS SIGN}")


def padded(values: np.ndarray, least: float) -> tuple[float, float]:
    """The ends of an axis that holds the values with some room; of one value, at least `least` to both sides."""
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 1.2 * max(least, 0.05 * abs(high))
    return low - room, high + room


def round_ticks(low: float, high: float, most: int) -> Ticks:
    """At most `most` + 1 round numbers within the ends."""
    found = np.asarray(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    return numbers(found[(found >= low) & (found <= high)])
