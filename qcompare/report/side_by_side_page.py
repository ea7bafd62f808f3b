"""What differs between two finished runs as a chapter of a page: sentences, then the rows of changes.csv and
changed_figures.csv that they are made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from qcompare.core.archive import Files
from qcompare.core.comparison import Side
from qcompare.core.engine import LABELS, EngineId
from qcompare.core.tap import OUTPUT
from qcompare.report.answers import FEWEST_FOR_INTERVALS, METRICS, Answer, counted, side
from qcompare.report.html import CHAPTER, Chapter, environment
from qcompare.report.side_by_side import FIRST, MOST_OF_A_KIND, PAIR, SHOWN, Row, Rows, short
from qcompare.report.tables import Column, Shown, brackets, real
from qcompare.report.terminal import number

VERSIONS = ("qcompare", "package", "machine")
MADE_OF = ("option", "data")
COMPUTED = ("weights", "model", "outputs")
"""Kinds of rows of changes.csv."""

UNEQUAL = "mismatch_rate"


def chapter(
    place: int,
    names: tuple[str, str],
    counts: Mapping[str, int],
    worth: str,
    changes: Rows,
    figures: Rows,
    templates: Mapping[str, str],
) -> Files:
    """What `html.page` puts together, of b beside a.

    place: among the pairs of the page. names, counts, changes, figures: as those of `side_by_side.show`; counts has as
        well the comparisons against the labels (`right`) and of integers (`integers`). worth: the figure of the labels.
    """
    a, b = names
    slug = f"pair-{place}"
    shown = [row for row in figures if row["metric"] in SHOWN]
    body = environment(templates).get_template("side_by_side.html.jinja").render(
        slug=slug,
        changes=_changes(changes),
        figures=_figures("Figures that differ, b less a in the same seed", shown),
        others=_figures("Other figures that differ", [row for row in figures if row["metric"] not in SHOWN]),
    )  # fmt: skip
    made = Chapter(
        name=f"{b} beside {a}",
        slug=slug,
        compared=f"a is {a}, b is {b}: {counts['comparisons']} comparisons that both have, in "
        f"{counted(counts['seeds'])}.",
        gates=(),
        answers=list(answers(counts, worth, changes, figures)),
        sections=[{"key": "changes", "title": "What changed"}, {"key": "figures", "title": "Figures that differ"}],
        body=body,
    )
    return {CHAPTER: json.dumps(asdict(made)).encode()}


def answers(counts: Mapping[str, int], worth: str, changes: Rows, figures: Rows) -> Iterator[Answer]:
    """What changed and what did not. The rest as for `chapter`."""
    yield Answer(
        question="Were they made by the same versions?",
        text=_named([row for row in changes if row["kind"] in VERSIONS]) or SAME_VERSIONS,
    )
    yield Answer(
        question="Were they made with the same options and data?",
        text=_named([row for row in changes if row["kind"] in MADE_OF]) or "Yes: all options and data are the same.",
    )
    yield Answer(question="Did they compute the same?", text=_computed(counts, changes))
    right = [row for row in figures if _at_output(row) and row["metric"] == worth and row["engine_a"] == str(LABELS)]
    yield Answer(
        question=f"Is b as {'exact' if worth == 'rmse' else 'accurate'} as a?",
        text=_most(right, f"{METRICS[worth]} against the labels", counts["right"], "engine", worth),
    )
    unequal = [
        row for row in figures if _at_output(row) and row["metric"] == UNEQUAL and row["engine_a"] != str(LABELS)
    ]
    yield Answer(
        question="Are as many integers equal?",
        text=_most(unequal, "share of unequal integers", counts["integers"], "comparison", UNEQUAL),
    )
    yield Answer(question="How many figures differ?", text=_counted(counts, figures))
    found = [row for row in changes if row["kind"] == "finding"]
    if found:
        told = "; ".join(
            f"{row['name']} (in a {_seeds(row['value_a'])}, in b {_seeds(row['value_b'])})" for row in found[:3]
        )
        more = f"; {len(found) - 3} more below" if len(found) > 3 else ""
        yield Answer(question="Is the same to be told of both?", text=f"No: {told}{more}.")


def lead(pairs: Sequence[tuple[str, Rows, Rows]]) -> list[Answer]:
    """What is said of several pairs. pairs: of each the name of b, and the rows of both tables."""
    names: dict[bool, list[str]] = {True: [], False: []}
    for name, changes, figures in pairs:
        names[any(row["kind"] in COMPUTED for row in changes) or bool(figures)].append(name)
    text = f"{len(names[True]) or 'None'} of {len(pairs)}"
    text += f": {_some(names[True])}." if names[True] else ": whatever they computed is the same, bit for bit."
    if names[True] and names[False]:
        text += f" The same, bit for bit, is what {_some(names[False])} computed."
    rows = [row for _, changes, _ in pairs for row in changes if row["kind"] in VERSIONS]
    known = {tuple(row[name] for name in ("kind", "name", "value_a", "value_b")): row for row in rows}
    return [
        Answer(question="Which of them computed something else?", text=text),
        Answer(question="Were they made by the same versions?", text=_named(list(known.values())) or SAME_VERSIONS),
    ]


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_OF_A_KIND
    return ", ".join(names[:MOST_OF_A_KIND]) + (f" and {more} more" if more > 0 else "")


SAME_VERSIONS = (
    "Yes: by the same source of qcompare, the same versions of all packages, and on the same kind of machine."
)


def _at_output(row: Row) -> bool:
    return row["tap"] == OUTPUT.role and not row["step"]


def _seeds(text: str) -> str:
    seeds = text.split()
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)}" if seeds else "no seed"


def _named(changes: Rows) -> str:
    """`No: ai-edge-litert 2.1.0 in a, 9.0 in b.`, the packages that compute first; "" for no change."""
    rank = {name: place for place, name in enumerate(FIRST)}
    ordered = sorted(changes, key=lambda row: rank.get(row["name"], len(rank)))
    told = [
        f"{'the source of qcompare' if row['kind'] == 'qcompare' else row['name']} "
        + " in a, ".join(short(row[f"value_{name}"]) if row[f"value_{name}"] else "none" for name in "ab")
        + " in b"
        for row in ordered[:MOST_OF_A_KIND]
    ]
    more = len(ordered) - len(told)
    return f"No: {'; '.join(told)}{f'; {more} more below' if more else ''}." if told else ""


def _computed(counts: Mapping[str, int], changes: Rows) -> str:
    """Weights, models and outputs, bit for bit."""
    own = [row for row in changes if row["kind"] in COMPUTED]
    everything = f"{counts['computed']} weights, models and outputs"
    if not own:
        return f"Yes: all {everything} are the same in {counted(counts['seeds'])}, bit for bit."
    told = [f"{row['kind']} of {row['name']} in {row['differing']} of {row['seeds']} seeds" for row in own]
    more = f"; {len(told) - MOST_OF_A_KIND} more below" if len(told) > MOST_OF_A_KIND else ""
    rest = counts["computed"] - len(own)
    same = f" The other {rest} are the same, bit for bit." if rest else ""
    return f"No: {len(own)} of {everything} differ: {'; '.join(told[:MOST_OF_A_KIND])}{more}.{same}"


def _most(rows: Rows, figure: str, many: int, noun: str, metric: str) -> str:
    """How often a figure changed, and where on average the most. many: of how many comparisons."""
    of = f"{many} {noun}{'s' if many > 1 else ''}"
    if not many:
        return f"It cannot be said: neither has the {figure}."
    if not rows:
        return f"Yes: the {figure} of {'it' if many == 1 else 'all'} {of} is the same in every seed."
    first = max(rows, key=lambda row: abs(real(row["mean"])) if row["mean"] else -1.0)
    text = f"No: {len(rows)} of {of} {'has' if len(rows) == 1 else 'have'} another {figure}"
    if not first["mean"]:
        return f"{text}, and no seed has both figures."
    name = side(Side(first["route_b"], EngineId.parse(first["engine_b"])))
    if first["engine_a"] != str(LABELS):
        name += f" and {side(Side(first['route_a'], EngineId.parse(first['engine_a'])))}"
    _, factor, unit = SHOWN[metric]
    means = " in a, ".join(f"{factor * real(first[column]):.4g}{unit}" for column in ("mean_a", "mean_b"))
    points = " points" if unit else " (real units)"
    difference = f"{factor * real(first['mean']) + 0.0:+.3g}{points}{_spread(first, factor)}"
    return f"{text}. On average it changed most for {name}: {means} in b, b less a {difference}."


def _spread(row: Row, factor: int) -> str:
    """The interval and what it shows; of few seeds their smallest and largest."""
    seeds = int(row["n"])
    if seeds == 1:
        return " in one seed, too few for an interval: no difference shown"
    if seeds < FEWEST_FOR_INTERVALS or not row["ci95_low"]:
        ends = " to ".join(f"{factor * real(row[name]) + 0.0:+.3g}" for name in ("min", "max"))
        few = f"; {counted(seeds)} are too few for an interval: no difference shown"
        return f", each seed from {ends}{few if seeds < FEWEST_FOR_INTERVALS else ''}"
    low, high = real(row["ci95_low"]), real(row["ci95_high"])
    shown = "the interval holds 0, no difference shown" if low <= 0 <= high else "the interval leaves out 0"
    return f" {brackets(low, high, '+.3g', factor)}, {counted(seeds)}: {shown}"


def _counted(counts: Mapping[str, int], figures: Rows) -> str:
    differing = len({tuple(row[name] for name in PAIR) for row in figures})
    text = f"{len(figures) or 'None'} of {counts['figures']:,} figures of errors.csv"
    if figures:
        text += f", in {differing} of {counts['comparisons']} comparisons"
    alone = [f"{counts[f'only_{name}']} comparisons that {name} alone has" for name in "ab" if counts[f"only_{name}"]]
    if alone:
        text += f"; left out are {' and '.join(alone)}"
    return f"{text}."


def _changes(rows: Rows) -> Shown:
    told = [
        [
            row["kind"],
            row["name"],
            short(row["value_a"]) if not row["seeds"] else "",
            short(row["value_b"]) if not row["seeds"] else "",
            f"{row['differing']} of {row['seeds']}" if row["seeds"] else "",
        ]
        for row in rows
    ]
    columns = [*(Column(name, number=False) for name in ("kind", "name", "a", "b")), Column("seeds")]
    return Shown(caption="Options, data, versions, what was computed and what was found", columns=columns, rows=told)


def _figures(caption: str, rows: Rows) -> Shown:
    told = []
    for row in sorted(rows, key=lambda row: row["engine_a"] != str(LABELS)):
        name, factor, unit = SHOWN.get(row["metric"], (row["metric"], 1, ""))
        if row["engine_a"] == str(LABELS) and row["metric"] == "top1_agreement":
            name = "right"
        a, b, mean, low, high = (factor * real(row[of]) for of in ("mean_a", "mean_b", "mean", "ci95_low", "ci95_high"))
        told.append(
            [
                f"{row['route_a']} {row['engine_a']}".strip(),
                f"{row['route_b']} {row['engine_b']}",
                f"{name}{unit}".replace(" ", "\N{NO-BREAK SPACE}"),
                number(a, ".4g"),
                number(b, ".4g"),
                number(mean + 0.0, "+.3g"),
                brackets(low, high, "+.3g"),
                f"{row['differing']} of {row['seeds']}",
                f"{row['tap']} {row['step']}".strip(),
            ]
        )
    columns = [
        *(Column(name, number=False) for name in ("compared with", "engine", "figure")),
        *map(Column, ("a", "b", "b - a", "95 % interval", "seeds")),
        Column("where", number=False),
    ]
    return Shown(caption=caption, columns=columns, rows=told)
