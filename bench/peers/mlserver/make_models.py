"""Writes N linear models for MLServer and for the FastAPI peer: coefficients 1, intercept i.

    make_models.py FOLDER N INPUTS HTTP_PORT GRPC_PORT PARALLEL_WORKERS
"""

import json
import pathlib
import sys

import joblib
import numpy
from sklearn.linear_model import Ridge

folder = pathlib.Path(sys.argv[1])
count, inputs, http_port, grpc_port, workers = map(int, sys.argv[2:])
folder.mkdir(parents=True, exist_ok=True)
(folder / "settings.json").write_text(
    json.dumps(
        {
            "host": "127.0.0.1",
            "http_port": http_port,
            "grpc_port": grpc_port,
            "metrics_endpoint": None,
            "debug": False,
            "parallel_workers": workers,
        }
    )
)
for i in range(count):
    name = f"bench.m{i:05d}"
    model = Ridge()
    model.coef_, model.intercept_, model.n_features_in_ = numpy.ones(inputs), float(i), inputs
    at = folder / name
    at.mkdir(exist_ok=True)
    joblib.dump(model, at / "model.joblib")
    settings = {
        "name": name,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    (at / "model-settings.json").write_text(json.dumps(settings))
