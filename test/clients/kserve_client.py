"""Asks a server as KServe's client does; by itself, since it and tritonclient share a proto name."""

import asyncio
import json
import sys

import numpy
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

grpc_at, http_at = sys.argv[1:3]
one = {"f0": [0.1], "f1": [2]}
found = {}


def kserve_request(binary):
    inputs = []
    for name, values in one.items():
        tensor = InferInput(name, [1, 1], "FP32")
        tensor.set_data_from_numpy(numpy.array([values], numpy.float32), binary_data=binary)
        inputs.append(tensor)
    return InferRequest(model_name="route-delay.ATL", infer_inputs=inputs, request_id="k-1")


def kserve_answer(response):
    values = response.outputs[0].as_numpy().ravel().tolist()
    return {"values": values, "id": response.id, "model": response.model_name}


async def ask_kserve():
    grpc_client = InferenceGRPCClient(grpc_at)
    for binary in (False, True):
        answer = await grpc_client.infer(kserve_request(binary))
        found[f"kserve grpc{' raw' if binary else ''}"] = kserve_answer(answer)
    found["kserve grpc health"] = [
        await grpc_client.is_server_live(),
        await grpc_client.is_server_ready(),
        await grpc_client.is_model_ready("route-delay"),
    ]
    await grpc_client.close()
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    at = f"http://{http_at}"
    for binary in (False, True):
        request = kserve_request(binary)
        answer = await v2.infer(at, request, model_name="route-delay.ATL")
        found[f"kserve v2{' raw' if binary else ''}"] = kserve_answer(answer)
    found["kserve v2 health"] = [
        await v2.is_server_live(at),
        await v2.is_server_ready(at),
        await v2.is_model_ready(at, "route-delay"),
    ]
    await v2.close()
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    rows = {"instances": [[0.1, 2], {"f0": 1, "f1": None}]}
    found["kserve v1"] = await v1.infer(at, rows, model_name="route-delay.ATL")
    found["kserve v1 ready"] = await v1.is_model_ready(at, "route-delay")
    await v1.close()


asyncio.run(ask_kserve())
print(json.dumps(found))
