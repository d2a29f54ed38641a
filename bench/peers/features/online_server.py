"""Feast's own feature server on Redis: `entities` entities of one view of 50 features.

Arguments: Redis host:port, port to serve on, number of entities. The values are those that
`online.ts` makes: feature k of entity e is (e * 131 + k * 17) % 1009 / 8. Feast's documented best
settings for throughput: access log off, registry cached for an hour, no restarts of workers.
"""

import sys
import tempfile
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource
from feast import RepoConfig, ValueType
from feast.types import Float64

redis, port, entities = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
place = tempfile.mkdtemp()
features = [f"f{k}" for k in range(50)]

e = np.arange(entities)
now = datetime.now(timezone.utc)
rows = pd.DataFrame({f"f{k}": (e * 131 + k * 17) % 1009 / 8 for k in range(50)})
rows.insert(0, "entity", e)
rows.insert(1, "event_timestamp", now)
rows.to_parquet(f"{place}/rows.parquet")

store = FeatureStore(
    config=RepoConfig(
        project="peer",
        provider="local",
        registry={"path": f"{place}/registry.db", "cache_ttl_seconds": 3600},
        online_store={"type": "redis", "connection_string": redis},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
)
entity = Entity(name="entity", join_keys=["entity"], value_type=ValueType.INT64)
view = FeatureView(
    name="view",
    entities=[entity],
    ttl=timedelta(days=1),
    source=FileSource(path=f"{place}/rows.parquet", timestamp_field="event_timestamp"),
    schema=[Field(name=name, dtype=Float64) for name in features],
)
store.apply([entity, view, FeatureService(name="all", features=[view])])
store.write_to_online_store("view", rows)
print("written", flush=True)
store.serve(
    host="127.0.0.1",
    port=port,
    no_access_log=True,
    workers=1,
    max_requests=0,
    max_requests_jitter=0,
    registry_ttl_sec=3600,
)
