"""Two finished runs side by side in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qcompare.core.engine import LABELS, EngineId
from qcompare.core.tap import OUTPUT
from qcompare.report.terminal import WIDE, line

Row = Mapping[str, str]
Rows = Sequence[Row]
"""The rows of a CSV file as text, by column."""

SHOWN = {
    "mismatch_rate": ("unequal", 100, " %"),
    "max_lsb": ("max LSB", 1, ""),
    "sqnr_db": ("SQNR dB", 1, ""),
    "max_abs_error": ("largest", 1, ""),
    "rmse": ("RMSE", 1, ""),
    "top1_agreement": ("agree", 100, " %"),
}
"""Figures that are shown: what they are called, and the unit that they are in."""

MOST_PAIRS = 12
"""Comparisons that are shown."""

MOST_OF_A_KIND = 8
"""Lines for what two runs were made with or by, of each kind."""

FIRST = (
    *("qcompare", "ai-edge-litert", "tflite-micro", "tensorflow", "tf-keras", "keras", "numpy"),
    *("tensorflow-model-optimization", "litert-quantizer", "scipy", "scikit-learn"),
)
"""Packages that are named before others."""


def show(console: Console, names: tuple[str, str], counts: Mapping[str, int], changes: Rows, figures: Rows) -> None:
    """What differs between two runs.

    names: of a and b. counts: of `seeds` and `comparisons` that both have, of `figures` of these, of what was
        `computed`, and of comparisons that `only_a` and `only_b` have.
    changes, figures: rows of changes.csv and changed_figures.csv.
    """
    console.print()
    line(console, f"a: {names[0]}")
    line(console, f"b: {names[1]}")
    changed(console, changes)
    for name, only in zip("ab", ("only_a", "only_b"), strict=True):
        if counts[only]:
            line(console, f"only {name} has {counts[only]} comparisons")
    computed = sum(bool(row["seeds"]) for row in changes)
    line(console, f"computed: {computed} of {counts['computed']} weights, models and outputs differ")
    line(
        console,
        f"figures: {len(figures)} of {counts['figures']} differ, of {counts['comparisons']} comparisons in "
        f"{counts['seeds']} seed{'s' if counts['seeds'] > 1 else ''}",
    )
    if shown := [row for row in figures if row["metric"] in SHOWN]:
        console.print(figures_table(shown, narrow=console.width < WIDE))


def changed(console: Console, changes: Rows) -> None:
    """A line for each change, the packages that compute first; of a kind that has many, the rest counted."""
    kinds: dict[str, list[Mapping[str, str]]] = {}
    for row in changes:
        kinds.setdefault(row["kind"], []).append(row)
    for kind, own in kinds.items():
        rank = {name: number for number, name in enumerate(FIRST)}
        ordered = sorted(own, key=lambda row: rank.get(row["name"], len(rank)))
        for row in ordered[:MOST_OF_A_KIND]:
            line(console, f"{kind}: {_told(row)}")
        if len(ordered) > MOST_OF_A_KIND:
            line(console, f"{kind}: {len(ordered) - MOST_OF_A_KIND} more in changes.csv")
    if not changes:
        line(console, "made with and by the same")


def _told(row: Mapping[str, str]) -> str:
    if row["seeds"]:
        return f"{row['name']}: differ in {row['differing']} of {row['seeds']} seeds"
    if row["kind"] == "finding":
        seeds = [f"{name}: {row[f'value_{name}'] or 'none'}" for name in "ab"]
        return f"{row['name']} (seeds of {'; of '.join(seeds)})"
    return f"{row['name']}: {short(row['value_a'])} -> {short(row['value_b'])}"


def short(value: str) -> str:
    """A digest by its beginning; what is not there is a dash."""
    is_digest = len(value) == DIGEST and set(value) <= set("0123456789abcdef")
    return value[:12] if is_digest else value or "-"


DIGEST = 64
"""Digits of a SHA-256."""


def figures_table(figures: Rows, *, narrow: bool = False) -> Table:
    """The figures that differ, those of right answers first: MOST_PAIRS comparisons.

    figures: rows of changed_figures.csv. A dash stands for what no seed has in both runs. narrow: for 60 columns.
    """
    pairs: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for row in sorted(figures, key=lambda row: row["engine_a"] != str(LABELS)):
        pairs.setdefault(tuple(row[name] for name in PAIR), []).append(row)
    more = len(pairs) - MOST_PAIRS
    table = Table(
        title="Means over seeds, b - a in the same seed", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0
    )
    if more > 0:
        table.caption = f"{more} more comparisons in changed_figures.csv"
        table.caption_justify = "left"
    table.add_column("comparison", no_wrap=True)
    table.add_column("figure", no_wrap=True)
    for heading in ("a", "b", *(() if narrow else ("b - a",)), "95 % of b - a", *(() if narrow else ("seeds",))):
        table.add_column(heading, justify="right", overflow="fold")
    for pair, own in list(pairs.items())[:MOST_PAIRS]:
        named = _named(pair, NARROW if narrow else WIDTH)
        cells = [list(_cells(row, narrow=narrow)) for row in own]
        table.add_row("\n".join(named), *("\n".join(column) for column in zip(*cells, strict=True)))
    return table


PAIR = ("route_a", "engine_a", "route_b", "engine_b", "tap", "step")

NARROW, WIDTH = 13, 18
"""Columns for a comparison."""


def _named(pair: tuple[str, ...], width: int) -> list[str]:
    """Routes, a, b and the place, in lines; what is compared with the labels is right or wrong by itself."""
    route_a, a, route_b, b, tap, step = pair
    place = [] if tap == OUTPUT.role else [escape(f"{tap} {step}".strip())]
    routes = route_b if route_a in ("", route_b) else f"{route_a}, {route_b}"
    first = [] if a == str(LABELS) else EngineId.parse(a).within(width)
    return [routes, *first, *EngineId.parse(b).within(width), *place]


def _cells(row: Mapping[str, str], *, narrow: bool) -> list[str]:
    name, factor, unit = SHOWN[row["metric"]]
    if row["engine_a"] == str(LABELS) and row["metric"] == "top1_agreement":
        name = "right"

    def number(column: str, form: str) -> str:
        return format(factor * float(row[column]), form) if row[column] else "-"

    between = "-"
    if row["ci95_low"]:
        digits = "+.2g" if narrow else "+.3g"
        between = f"\\[{number('ci95_low', digits)}, {number('ci95_high', digits)}]"
    digits = ".3g" if narrow else ".4g"
    found = [f"{name}{unit}", number("mean_a", digits), number("mean_b", digits)]
    if narrow:
        return [*found, between]
    return [*found, number("mean", "+.3g"), between, f"{row['differing']} of {row['seeds']}"]
