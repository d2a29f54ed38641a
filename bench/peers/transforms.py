"""What scikit-learn makes of a column: reads {cases: [{steps, train, asked, y}]}, and prints for each
case the rows [asked, columns] of the pipeline of the same steps, fitted on `train`."""

import json
import sys

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)


def step_of(step):
    kind = step["kind"]
    if kind == "impute":
        given = step["with"]
        indicator = step.get("indicator", False)
        if isinstance(given, str):
            return SimpleImputer(strategy=given, add_indicator=indicator)
        return SimpleImputer(strategy="constant", fill_value=given, add_indicator=indicator)
    if kind == "standard":
        return StandardScaler()
    if kind == "minmax":
        return MinMaxScaler()
    if kind == "robust":
        return RobustScaler()
    if kind == "onehot":
        return OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    if kind == "ordinal":
        return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=step["unknown"])
    if kind == "buckets":
        return KBinsDiscretizer(
            n_bins=step["count"],
            encode="onehot-dense",
            strategy="quantile",
            quantile_method="linear",
            subsample=None,
        )
    if kind == "target":
        return TargetEncoder(smooth=step["smoothing"], target_type="continuous")
    raise ValueError(kind)


def column(values):
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)[:, None]
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)[:, None]


def rows_of(case):
    pipeline = make_pipeline(*[step_of(step) for step in case["steps"]])
    pipeline.fit(column(case["train"]), np.array(case["y"]))
    return pipeline.transform(column(case["asked"])).tolist()


with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps([rows_of(case) for case in json.load(file)["cases"]]))
