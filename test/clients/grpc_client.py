"""Asks a server over gRPC as tritonclient does, loads models over both rims; prints JSON."""

import json
import sys

import numpy
import tritonclient.grpc as triton
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

grpc_at, server_grpc_at, server_http_at, linear_onnx = sys.argv[1:5]
client = triton.InferenceServerClient(grpc_at)


def refusal(call):
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


def tensors(of, columns, datatype="FP32"):
    inputs = []
    for name, values in columns.items():
        array = numpy.array(values, numpy.float64 if datatype == "FP64" else numpy.float32)
        tensor = of.InferInput(name, [len(values), 1], datatype)
        tensor.set_data_from_numpy(array.reshape(-1, 1))
        inputs.append(tensor)
    return inputs


def ask(model, columns, datatype="FP32", **more):
    result = client.infer(model, tensors(triton, columns, datatype), **more)
    response = result.get_response()
    return {
        "values": result.as_numpy("prediction").ravel().tolist(),
        "model": response.model_name,
        "version": response.model_version,
        "id": response.id,
        "parameters": {name: value.string_param for name, value in response.parameters.items()},
    }


one = {"f0": [0.1], "f1": [2]}
many = {
    "f0": numpy.linspace(-3, 3, 1_000).tolist(),
    "f1": [float("nan") if row % 3 == 0 else row / 7 for row in range(1_000)],
}
found = {
    "live": client.is_server_live() and client.is_server_ready(),
    "ready": [client.is_model_ready(name) for name in ("route-delay.ATL", "rout-delay")],
    "server": client.get_server_metadata(as_json=True),
    "metadata": client.get_model_metadata("route-delay", as_json=True),
    "one": ask("route-delay.ATL", one, request_id="q-1"),
    "fp64": ask("route-delay.ATL", one, "FP64"),
    "zipped": ask("route-delay.ATL", one, compression_algorithm="gzip"),
    "version": ask("route-delay.ATL", one, model_version="1"),
    "many": ask("route-delay.ATL", many),
    "inherited": ask("route-delay.ATL.XNA", one),
    "output": ask("route-delay", one, outputs=[triton.InferRequestedOutput("prediction")]),
    "unknown model": refusal(lambda: ask("rout-delay", one)),
    "unknown version": refusal(lambda: ask("route-delay", one, model_version="7")),
    "missing value": refusal(lambda: ask("route-delay", {"f0": [float("nan")], "f1": [1]})),
    "wrong input": refusal(lambda: ask("route-delay", {"f0": [1], "f9": [1]})),
    "late": refusal(lambda: ask("route-delay", one, client_timeout=0.000001)),
}

# The repository, over both rims. `linear` is 1 * x[0] + 2 * x[1].
with open(linear_onnx, "rb") as file:
    onnx = file.read()
server_grpc = triton.InferenceServerClient(server_grpc_at)
server_http = triton_http.InferenceServerClient(server_http_at)
for name, of, each in (("grpc", triton, server_grpc), ("http", triton_http, server_http)):
    model = f"linear-{name}"
    each.load_model(model, config="{}", files={"file:1/model.onnx": onnx})
    tensor = of.InferInput("x", [2, 2], "FP32")
    tensor.set_data_from_numpy(numpy.array([[1, 2], [3, 4]], numpy.float32))
    answered = each.infer(model, [tensor]).as_numpy("y").ravel().tolist()
    index = each.get_model_repository_index()
    entries = index.models if name == "grpc" else index
    get = (lambda entry, key: getattr(entry, key)) if name == "grpc" else dict.get
    states = {get(entry, "name"): get(entry, "state") for entry in entries}
    each.unload_model(model)
    found[f"repository {name}"] = {
        "answered": answered,
        "state": states[model],
        "unloaded": refusal(lambda: each.infer(model, [tensor])),
        "unknown": refusal(lambda: each.unload_model("route-delay")),
    }

print(json.dumps(found))
