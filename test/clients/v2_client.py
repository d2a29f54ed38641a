"""Asks a server as the standard v2 client does; prints what came back as one line of JSON."""

import json
import sys

import numpy
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

client = InferenceServerClient(sys.argv[1])


def ask(model, columns, binary=True, outputs=None, datatype="FP32", **more):
    inputs = []
    for name, values in columns.items():
        array = numpy.array(values, dtype=numpy.float64 if datatype == "FP64" else numpy.float32)
        tensor = InferInput(name, [len(values), 1], datatype)
        tensor.set_data_from_numpy(array.reshape(-1, 1), binary_data=binary)
        inputs.append(tensor)
    try:
        result = client.infer(model, inputs, outputs=outputs, **more)
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    response = result.get_response()
    return {
        "values": result.as_numpy("prediction").ravel().tolist(),
        "binary": "data" not in response["outputs"][0],
        "id": response["id"],
        "parameters": response["parameters"],
    }


plain = [InferRequestedOutput("prediction", binary_data=False)]
one = {"f0": [0.1], "f1": [2]}
many = {
    "f0": numpy.linspace(-3, 3, 1_000).tolist(),
    "f1": [float("nan") if row % 3 == 0 else row / 7 for row in range(1_000)],
}
found = {
    "live": client.is_server_live() and client.is_server_ready(),
    "ready": client.is_model_ready("route-delay.ATL"),
    "extensions": client.get_server_metadata()["extensions"],
    "inputs": [each["name"] for each in client.get_model_metadata("route-delay")["inputs"]],
    "one": ask("route-delay.ATL", one, request_id="q-1"),
    "one json": ask("route-delay.ATL", one, binary=False, outputs=plain),
    "json in, binary out": ask("route-delay.ATL", one, binary=False),
    "binary in, json out": ask("route-delay.ATL", one, outputs=plain),
    "one fp64": ask("route-delay.ATL", one, datatype="FP64"),
    "one fp64 json": ask("route-delay.ATL", one, False, plain, "FP64"),
    "version": ask("route-delay.ATL", one, model_version="1"),
    "many": ask("route-delay.ATL", many),
    "many fp64": ask("route-delay.ATL", many, datatype="FP64"),
    "inherited": ask("route-delay.ATL.XNA", one),
    "out of range": ask("route-delay.ATL", {"f0": [500], "f1": [float("nan")]}),
    "unknown model": ask("rout-delay", one),
    "unknown version": ask("route-delay.ATL", one, model_version="7"),
    "wrong input": ask("route-delay.ATL", {"f0": [1], "f9": [1]}),
    "missing value": ask("route-delay.ATL", {"f0": [float("nan")], "f1": [1]}),
    "nan as json": ask("route-delay.ATL", {"f0": [1], "f1": [float("nan")]}, binary=False),
    "whole numbers": None,
}
whole = InferInput("f0", [1, 1], "INT32")
whole.set_data_from_numpy(numpy.array([[1]], dtype=numpy.int32))
try:
    client.infer("route-delay.ATL", [whole])
except InferenceServerException as error:
    found["whole numbers"] = {"status": error.status(), "message": error.message()}
print(json.dumps(found))
