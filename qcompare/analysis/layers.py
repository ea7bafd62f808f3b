"""What arises and what accumulates at each tensor of the models, over the seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qcompare.core.engine import EngineId

if TYPE_CHECKING:
    import pandas as pd

MEANS = ("local_rmse", "rmse", "local_sqnr_db", "sqnr_db", "mismatch_rate")


@dataclass(frozen=True, kw_only=True)
class LayerErrors:
    """A tensor of a route's model. n: seeds. local_rmse, rmse: in real units, alone and accumulated; local_sqnr_db,
    sqnr_db: in dB; mismatch_rate: share of unequal integers, accumulated. Means over the seeds, NaN where no seed has
    one."""

    route: str
    tap: str
    op: str
    n: int
    local_rmse: float
    rmse: float
    local_sqnr_db: float
    sqnr_db: float
    mismatch_rate: float


def over_seeds(tensors: pd.DataFrame, device: EngineId) -> list[LayerErrors]:
    """A row for each route and tensor, all time steps together, in the order of the rows.

    tensors: the rows of tensors.csv. device: whose kernels are followed; those of another kernel set where a
    route has none of it.
    """
    rows = tensors[tensors["step"].isna() & tensors["n"].notna()]
    found = []
    for route, of_route in rows.groupby("route_b", sort=False):
        engines = list(dict.fromkeys(of_route["engine_b"]))
        engine = str(device.emulation) if str(device.emulation) in engines else engines[0]
        for tap, own in of_route[of_route["engine_b"] == engine].groupby("tap", sort=False):
            means = {name: _mean(own[name]) for name in MEANS}
            found.append(LayerErrors(route=str(route), tap=str(tap), op=own["op"].iloc[0], n=len(own), **means))
    return found


def _mean(column: pd.Series) -> float:
    values = column.to_numpy(np.float64, na_value=np.nan)
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else float("nan")
