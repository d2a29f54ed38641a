"""What a team would write in a day: FastAPI, uvicorn and scikit-learn, for the v2 body of one tensor.

    fastapi_app.py FOLDER PORT
"""

import pathlib
import sys

import joblib
import numpy
import uvicorn
from fastapi import FastAPI, Request

folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
models = {at.parent.name: joblib.load(at) for at in folder.glob("*/model.joblib")}
app = FastAPI()


@app.post("/v2/models/{name}/infer")
async def infer(name: str, request: Request):
    body = await request.json()
    (features,) = body["inputs"]
    row = numpy.array(features["data"], dtype=numpy.float32).reshape(features["shape"])
    value = float(models[name].predict(row)[0])
    return {
        "model_name": name,
        "outputs": [{"name": "prediction", "shape": [1, 1], "datatype": "FP32", "data": [value]}],
    }


uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
