"""What the plots of a report are called, what they show for whoever does not see them, and what stands below them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Caption:
    """Of a plot. title: of its box. alt: what it shows. below: what is to be known when one looks at it."""

    title: str
    alt: str
    below: str


def ladder(shares: str) -> Caption:
    """shares: of the rungs, in words."""
    return Caption(
        title="Waterfall of the ladders",
        alt=f"Bars of what each rung adds to the squared error. Shares: {shares}.",
        below="Bars are means over the seeds of the squared error itself, in which a seed of large errors counts for "
        "more than in the shares beside them; dots are seeds, black lines the intervals of the means.",
    )


def seeds(route: str) -> Caption:
    return Caption(
        title=f"Pairs of route {route}, a dot a seed",
        alt="Unequal integers, largest difference and SQNR of each pair of engines; means stand in the table above.",
        below=f"Route {route}: every seed a dot, grey lines join the same seed; line and band are the mean and its "
        "interval.",
    )


LABELS = Caption(
    title="How right every engine is, a dot a seed",
    alt="Means and intervals stand in the table above.",
    below="Against the labels: every seed a dot, grey lines join the same seed; line and band are the mean and its "
    "interval. The axis holds at least 20 test samples.",
)


def states(seed: int) -> Caption:
    return Caption(
        title=f"Error by time step and unit, seed {seed}",
        alt="A heat map: the accumulated error of each unit (up) of each state at each time step (across), the root "
        "mean square over the samples in real units.",
        below=f"Seed {seed}, from the graph in real numbers to the integers; brighter is more error. Units of "
        "different seeds have nothing in common.",
    )


def histograms(seed: int) -> Callable[[str], Caption]:
    """Of a route in that seed."""

    def of_route(route: str) -> Caption:
        return Caption(
            title=f"Differences on route {route}, seed {seed}",
            alt="For each pair of engines how often each difference in LSB occurs among the outputs, on a log axis.",
            below=f"Route {route}, seed {seed}; the differences from one engine share their range.",
        )

    return of_route


METHODS = Caption(
    title="Accuracy against size",
    alt="Accuracy, or the mean absolute error, of each method against the size of its file; the figures stand in the "
    "table above.",
    below="A panel for each model.",
)
