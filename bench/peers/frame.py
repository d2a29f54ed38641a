"""Reads what `bench/peer-inputs.ts` wrote: the very rows and features that Muster fitted.

`load(folder)` gives the description (inputs.json) and three arrays over all rows, in frame order:
event time (ms, UTC), raw features (rows x features, float32, NaN = missing), label (float64, NaN = missing).
`design(raw, about)` applies the declared transforms in float64: rows x (columns + 1), the last column ones.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa


def _table(path: str) -> pa.Table:
    with pa.memory_map(path) as source:
        return pa.ipc.open_file(source).read_all()


def load(folder: str):
    about = json.loads(Path(folder, "inputs.json").read_text())
    frames = [_table(p) for p in about["frameParts"]]
    labels = [_table(p) for p in about["labelParts"]]
    event_ms = np.concatenate([t.column("event_ms").to_numpy() for t in frames])
    raw = np.column_stack(
        [np.concatenate([t.column(name).to_numpy() for t in frames]) for name in about["features"]]
    )
    label = np.concatenate([t.column("label").to_numpy() for t in labels])
    return about, event_ms, raw, label


def design(raw: np.ndarray, about: dict) -> np.ndarray:
    columns = []
    for i, steps in enumerate(about["transforms"]):
        x = raw[:, i].astype(np.float64)
        for step in steps:
            kind = step["kind"]
            if kind == "impute":
                x = np.where(np.isnan(x), step["fill"], x)
            elif kind == "clip":
                x = np.clip(x, step["low"], step["high"])
            elif kind == "log":
                x = np.sign(x) * np.log1p(np.abs(x))
            elif kind == "standard":
                x = (x - step["center"]) * step["scale"]
            elif kind == "cyclic":
                angle = 2 * np.pi * x / step["period"]
                columns.append(np.sin(angle))
                x = np.cos(angle)
        columns.append(x)
    columns.append(np.ones(len(raw)))
    return np.column_stack(columns)
