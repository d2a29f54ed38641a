"""Peers of the historical join: one process a side, one join a line of standard input.

Arguments: side (feast-file, feast-duckdb, duckdb, duckdb-memory, polars), folder of the data, number
of views. Every side joins the spine with the newest row of each view as of its time, 30 days at
most, into an Arrow table in this process. For a line `run` it answers with a line of JSON: wallMs,
cpuSeconds, rows; for `write PATH` it writes the last result as Parquet; `peak` gives peakRssMb.
"""

import json
import resource
import sys
import tempfile
import time
from datetime import timedelta

TTL_DAYS = 30
side, folder, views = sys.argv[1], sys.argv[2], int(sys.argv[3])
columns = {v: [f"{name}{v}" for name in "abc"] for v in range(views)}


def feast(kind):
    import pandas as pd
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float64

    place = tempfile.mkdtemp()
    store = FeatureStore(
        config=RepoConfig(
            project="peer",
            provider="local",
            registry=f"{place}/registry.db",
            online_store={"type": "sqlite", "path": f"{place}/online.db"},
            offline_store={"type": kind},
            entity_key_serialization_version=3,
        )
    )
    entity = Entity(name="entity", join_keys=["entity"], value_type=ValueType.INT64)
    feature_views = [
        FeatureView(
            name=f"view{v}",
            entities=[entity],
            ttl=timedelta(days=TTL_DAYS),
            source=FileSource(
                path=f"{folder}/view{v}.parquet", timestamp_field="event_timestamp"
            ),
            schema=[Field(name=name, dtype=Float64) for name in columns[v]],
        )
        for v in range(views)
    ]
    store.apply([entity, *feature_views])
    spine = pd.read_parquet(f"{folder}/spine.parquet")
    wanted = [f"view{v}:{name}" for v in range(views) for name in columns[v]]
    return lambda: store.get_historical_features(entity_df=spine, features=wanted).to_arrow()


def duckdb(in_memory):
    import duckdb

    connection = duckdb.connect()
    connection.execute("set threads = 2")
    connection.execute(f"set temp_directory = '{tempfile.mkdtemp()}'")
    tables = {}
    for name in ["spine", *[f"view{v}" for v in range(views)]]:
        tables[name] = f"read_parquet('{folder}/{name}.parquet')"
        if in_memory:
            connection.execute(f"create table {name} as select * from {tables[name]}")
            tables[name] = name
    values = [
        f"case when s.event_timestamp - v{v}.event_timestamp <= interval {TTL_DAYS} days "
        f"then v{v}.{name} end as {name}"
        for v in range(views)
        for name in columns[v]
    ]
    joins = [
        f"asof left join {tables[f'view{v}']} v{v} "
        f"on s.entity = v{v}.entity and s.event_timestamp >= v{v}.event_timestamp"
        for v in range(views)
    ]
    sql = f"select s.rid, {', '.join(values)} from {tables['spine']} s {' '.join(joins)}"
    return lambda: connection.execute(sql).to_arrow_table()


def polars():
    import polars as pl

    def join():
        frame = pl.scan_parquet(f"{folder}/spine.parquet").sort("event_timestamp")
        for v in range(views):
            right = pl.scan_parquet(f"{folder}/view{v}.parquet").sort("event_timestamp")
            frame = frame.join_asof(
                right,
                on="event_timestamp",
                by="entity",
                tolerance=timedelta(days=TTL_DAYS),
                check_sortedness=False,
            )
        wanted = ["rid", *[name for v in range(views) for name in columns[v]]]
        return frame.select(wanted).collect().to_arrow()

    return join


sides = {
    "feast-file": lambda: feast("file"),
    "feast-duckdb": lambda: feast("duckdb"),
    "duckdb": lambda: duckdb(False),
    "duckdb-memory": lambda: duckdb(True),
    "polars": polars,
}
join = sides[side]()
print(json.dumps({"ready": True}), flush=True)
table = None
for line in sys.stdin:
    words = line.split()
    if words[0] == "run":
        table = None
        started, cpu = time.perf_counter(), time.process_time()
        table = join()
        answer = {
            "wallMs": (time.perf_counter() - started) * 1000,
            "cpuSeconds": time.process_time() - cpu,
            "rows": table.num_rows,
        }
    elif words[0] == "write":
        import pyarrow.parquet as parquet

        parquet.write_table(table, words[1])
        answer = {"written": table.num_rows}
    else:
        answer = {"peakRssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    print(json.dumps(answer), flush=True)
