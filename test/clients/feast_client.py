"""Asks a server as Feast's SDK does; prints what came back as one line of JSON."""

import json
import logging
import sys
import tempfile
from datetime import datetime, timedelta, timezone

import pandas
import requests
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource
from feast import RepoConfig, ValueType
from feast.data_source import PushMode
from feast.errors import FeastError
from feast.rest_error_handler import rest_error_handling_decorator
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import Float64, String

logging.disable(logging.CRITICAL)
url = sys.argv[1]
folder = tempfile.mkdtemp()
store = FeatureStore(
    config=RepoConfig(
        project="docks",
        provider="local",
        registry=f"{folder}/registry.db",
        online_store={"type": "remote", "path": url},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
)
station = Entity(name="station", join_keys=["station"], value_type=ValueType.INT64)
batch = FileSource(path=f"{folder}/none.parquet", timestamp_field="event_timestamp")
readings = PushSource(name="readings", batch_source=batch)
docks = FeatureView(
    name="docks",
    entities=[station],
    ttl=timedelta(days=90),
    schema=[Field(name="free", dtype=Float64), Field(name="state", dtype=String)],
    source=readings,
)
store.apply([station, readings, docks])
found = {}


def online(features, **more):
    try:
        return store.get_online_features(features=features, **more).to_dict()
    except FeastError as error:
        return {"class": type(error).__name__, "message": str(error)}


def reading(number, free, state):
    return {"station": number, "free": free, "state": state}


rows = [{"station": 70}, {"station": 71}, {"station": 999}]
both = ["docks:free", "docks:state"]

now = datetime.now(timezone.utc)
frame = pandas.DataFrame([reading(70, 4.5, "open"), reading(71, None, "full")])
frame["event_timestamp"] = pandas.to_datetime([now, now])
store.push("readings", frame, to=PushMode.ONLINE)
found["after push"] = online(both, entity_rows=rows)
found["full names"] = online(both, entity_rows=rows[:1], full_feature_names=True)

# As Feast's own guide does: the text of a JSON body, without a type.
stamp = datetime.now(timezone.utc).isoformat()
pushed = requests.post(
    f"{url}/push",
    data=json.dumps(
        {
            "push_source_name": "readings",
            "df": {"station": [70], "free": [6.25], "state": ["open"], "event_timestamp": [stamp]},
            "to": "online_and_offline",
        }
    ),
)
found["raw push"] = [pushed.status_code, pushed.text]
found["after raw push"] = online(["docks:free"], entity_rows=rows[:1])

trip = {"starts": "2026-11-01T08:00:00Z", "lat": 37.77, "lon": -122.4, "to_lat": 37.8, "to_lon": -122.37}
for name in ["at-station", "at-station@v1", "at-station@1"]:
    service = FeatureService(name=name, features=[])
    found[f"service {name}"] = online(service, entity_rows=[{"station": 70, **trip}])

key = EntityKey(join_keys=["station"], entity_values=[Value(int64_val=70)])
[(time, values)] = store._get_provider().online_read(store.config, docks, [key], ["free"])
found["online read"] = [time.isoformat(), values["free"].double_val]

found["unknown view"] = online(["dokcs:free"], entity_rows=rows)
found["unknown feature"] = online(["docks:fee"], entity_rows=rows)
found["no entity"] = online(both, entity_rows=[{"place": 70}])
found["twice"] = online(["docks:free", "at-station:docks.free", "docks:free"], entity_rows=rows[:1])
found["unknown service"] = online(FeatureService(name="at-staton", features=[]), entity_rows=rows)


@rest_error_handling_decorator
def push(session, config, name):
    """By the session of the SDK, which makes exceptions of refusals."""
    try:
        return session.post(f"{url}/push", json={"push_source_name": name, "df": {"station": [1]}})
    except FeastError as error:
        return {"class": type(error).__name__, "message": str(error)}


for name in ["trips", "reading"]:
    found[f"push to {name}"] = push(store.config, name)
refused = requests.post(f"{url}/push", json={"push_source_name": "trips", "df": {"station": [1]}})
found["not pushed to"] = [refused.status_code, json.loads(refused.json())["code"]]
found["health"] = requests.get(f"{url}/health").status_code
print(json.dumps(found))
