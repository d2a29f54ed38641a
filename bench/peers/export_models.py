"""Exports small models of scikit-learn, LightGBM, XGBoost and PyTorch as ONNX files.

For each: NAME.onnx, and in models.json its smoke inputs and what the framework itself answers, as
Open Inference Protocol v2 tensors. A framework that is not installed is told, not a failure.

usage: export_models.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np

ROWS, COLUMNS = 240, 6
rng = np.random.default_rng(20261122)
X = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
noise = rng.normal(scale=0.3, size=ROWS)
price = (X @ np.array([1.5, -2.0, 0.5, 0.0, 3.0, -1.0]) + X[:, 0] * X[:, 1] + noise).astype(np.float32)
late = (price > 0).astype(np.int64)
kind = np.digitize(price, [-2.0, 2.0]).astype(np.int64)
ASKED = X[:16]

DATATYPES = {"float32": "FP32", "float64": "FP64", "int64": "INT64"}


def tensor(name, values):
    values = np.asarray(values)
    if values.dtype.kind in "UOS":
        datatype = "BYTES"
    else:
        datatype = DATATYPES[str(values.dtype)]
    return {
        "name": name,
        "datatype": datatype,
        "shape": list(values.shape),
        "data": values.ravel().tolist(),
    }


def from_sklearn():
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import Ridge
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ridge = make_pipeline(StandardScaler(), Ridge()).fit(X, price)
    yield "sklearn-ridge", to_onnx(ridge, X[:1]), {"variable": ridge.predict(ASKED).reshape(-1, 1)}
    forest = RandomForestClassifier(n_estimators=12, max_depth=5, random_state=1).fit(X, kind)
    plain = to_onnx(forest, X[:1], options={"zipmap": False})
    answers = {
        "label": forest.predict(ASKED),
        "probabilities": forest.predict_proba(ASKED).astype(np.float32),
    }
    yield "sklearn-forest", plain, answers
    # As skl2onnx exports by default: the probabilities are a list of maps.
    yield "sklearn-zipmap", to_onnx(forest, X[:1]), {"output_label": forest.predict(ASKED)}
    mlp = MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=400, random_state=1).fit(X, price)
    yield "sklearn-mlp", to_onnx(mlp, X[:1]), {"variable": mlp.predict(ASKED).reshape(-1, 1)}


def from_lightgbm():
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("input", FloatTensorType([None, COLUMNS]))]
    model = lightgbm.LGBMRegressor(n_estimators=20, num_leaves=7, verbose=-1).fit(X, price)
    converted = convert_lightgbm(model, initial_types=types, target_opset=15)
    yield "lightgbm", converted, {"variable": model.predict(ASKED).astype(np.float32).reshape(-1, 1)}


def from_xgboost():
    import xgboost
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("input", FloatTensorType([None, COLUMNS]))]
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(X, late)
    converted = convert_xgboost(model, initial_types=types, target_opset=15)
    yield "xgboost", converted, {
        "label": model.predict(ASKED).astype(np.int64),
        "probabilities": model.predict_proba(ASKED).astype(np.float32),
    }


def from_torch():
    import io

    import onnx
    import torch

    torch.manual_seed(1)
    net = torch.nn.Sequential(
        torch.nn.Linear(COLUMNS, 12), torch.nn.ReLU(), torch.nn.Linear(12, 2), torch.nn.Softmax(dim=1)
    ).eval()
    file = io.BytesIO()
    torch.onnx.export(
        net,
        (torch.from_numpy(X[:2]),),
        file,
        input_names=["input"],
        output_names=["probabilities"],
        dynamic_axes={"input": {0: "n"}, "probabilities": {0: "n"}},
        dynamo=False,
    )
    with torch.no_grad():
        answer = net(torch.from_numpy(ASKED)).numpy()
    yield "torch", onnx.load_from_string(file.getvalue()), {"probabilities": answer}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    models, missing = [], []
    for framework in (from_sklearn, from_lightgbm, from_xgboost, from_torch):
        try:
            for name, model, answers in framework():
                (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
                models.append(
                    {
                        "name": name,
                        "inputs": [tensor(model.graph.input[0].name, ASKED)],
                        "outputs": [tensor(output, values) for output, values in answers.items()],
                    }
                )
        except ImportError as error:
            missing.append(f"{framework.__name__[5:]}: {error}")
    (folder / "models.json").write_text(json.dumps(models))
    print(json.dumps({"models": [model["name"] for model in models], "missing": missing}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
