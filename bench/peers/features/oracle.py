"""Peers asked what `features/oracle.ts` asked: newest values as of a time, which are known exactly.

Arguments: folder of the exported worlds; worlds for feast-duckdb; worlds for feast-file. Windows
are not asked, for no peer has them. Each peer is asked as its manual says: DuckDB by ASOF JOIN on
event time with the time-to-live as a condition; Feast by get_historical_features, with the time at which
a row became known as its created_timestamp_column. Asks without an entity or a time, and rows
without a time at which they happened or became known, are left out, for they count nowhere. With
the values each peer gives the number of the row that it took, by which what differs is told apart.
The last line is JSON.
"""

import json
import sys
import tempfile
import warnings
from collections import Counter
from datetime import timedelta

import duckdb
import pandas as pd

warnings.showwarning = lambda *_, **__: None
folder, worlds_of = sys.argv[1], {"feast-duckdb": int(sys.argv[2]), "feast-file": int(sys.argv[3])}
connection = duckdb.connect()
for table in ["spine", "features", "expected", "kept", "cities", "counts"]:
    connection.execute(f"create table {table} as from '{folder}/{table}.parquet'")

EVENT = {"kept": "happened", "cities": "happened", "counts": "counted"}
# As the worlds declare it: rows that Muster keeps are known when they arrive, or else when they
# happened.
KNOWN = {"kept": "coalesce(known, happened)", "cities": "known", "counts": "known"}
KEY = {"kept": ["station"], "cities": [], "counts": ["station", "sensor"]}


def asks():
    """What one join answers: (world, rows, entity, ttl in ms, [(feature, value)])."""
    found = connection.execute(
        """select world, rows, entity, ttl_ms, list((feature, value)) from features
        where stat is null group by all order by all"""
    ).fetchall()
    return [
        (world, rows, [pair.split("=") for pair in entity.split(",")], ttl, features)
        for world, rows, entity, ttl, features in found
    ]


def spine_sql(world, entity):
    keys = ", ".join(f"{of}::varchar as k{i}" for i, (_, of) in enumerate(entity))
    given = " and ".join(f"{of} is not null" for _, of in entity)
    return f"""select row as rid, as_of, {keys} from spine
        where world = {world} and as_of is not null and {given}"""


def rows_sql(world, rows, entity, features):
    keys = ", ".join(f"{column}::varchar as k{i}" for i, (column, _) in enumerate(entity))
    values = ", ".join(f"{value} as v{i}" for i, (_, value) in enumerate(features))
    given = " and ".join(f"{column} is not null" for column, _ in entity)
    return f"""select row as taken, {EVENT[rows]} as event, {KNOWN[rows]} as known, {keys}, {values}
        from {rows} where world = {world} and {EVENT[rows]} is not null and {given}
        and {KNOWN[rows]} is not null"""


def ask_duckdb(world, rows, entity, ttl, features):
    on = " and ".join(f"s.k{i} = r.k{i}" for i in range(len(entity)))
    alive = "true" if ttl is None else f"s.as_of - r.event <= to_milliseconds({ttl})"
    columns = ["taken", *[f"v{i}" for i in range(len(features))]]
    values = ", ".join(f"case when {alive} then r.{c} end as {c}" for c in columns)
    return connection.execute(
        f"""select s.rid, {values} from ({spine_sql(world, entity)}) s
        asof left join ({rows_sql(world, rows, entity, features)}) r
        on {on} and s.as_of >= r.event"""
    ).df()


def ask_feast(kind):
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float64, Int64, String

    def ask(world, rows, entity, ttl, features):
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
        names = [f"k{i}" for i in range(len(entity))]
        connection.execute(
            f"""copy (select taken::bigint as taken, * exclude (taken, event, known),
            event::timestamptz as event, coalesce(known, event)::timestamptz as known
            from ({rows_sql(world, rows, entity, features)})) to '{place}/rows.parquet'"""
        )
        if connection.execute(f"select count(*) from '{place}/rows.parquet'").fetchone()[0] == 0:
            return None
        types = [String if value == "word" else Float64 for _, value in features]
        entities = [Entity(name=n, join_keys=[n], value_type=ValueType.STRING) for n in names]
        view = FeatureView(
            name="view",
            entities=entities,
            ttl=timedelta(milliseconds=ttl) if ttl else timedelta(0),
            source=FileSource(
                path=f"{place}/rows.parquet",
                timestamp_field="event",
                created_timestamp_column="known",
            ),
            schema=[
                Field(name="taken", dtype=Int64),
                *[Field(name=f"v{i}", dtype=dtype) for i, dtype in enumerate(types)],
            ],
        )
        store.apply([*entities, view])
        spine = connection.execute(spine_sql(world, entity)).df()
        spine = spine.rename(columns={"as_of": "event_timestamp"})
        spine["event_timestamp"] = pd.to_datetime(spine["event_timestamp"], utc=True)
        wanted = ["view:taken", *[f"view:v{i}" for i in range(len(features))]]
        return store.get_historical_features(entity_df=spine, features=wanted).to_df()

    return ask


def known_of(rows, table):
    return KNOWN[rows].replace("known", f"{table}.known").replace("happened", f"{table}.happened")


def superseded(rows):
    """Whether a later version of the row that was taken was known as of the ask."""
    if not KEY[rows]:
        return "false"
    same = " and ".join(f"o.{c} = t.{c}" for c in KEY[rows])
    known, own = known_of(rows, "o"), known_of(rows, "t")
    later = f"({known} > {own} or ({known} = {own} and o.row > t.row))"
    return f"""exists (from {rows} o where o.world = t.world and o.happened = t.happened and {same}
        and {later} and greatest({known}, o.{EVENT[rows]}) <= s.as_of)"""


def compare(world, rows, entity, ttl, features, answer, counts):
    """Adds to `counts` what became of each value."""
    connection.register("answer", answer)
    event, known = f"t.{EVENT[rows]}", known_of(rows, "t")
    tied = " and ".join(f"o.{c} is not distinct from t.{c}" for c, _ in entity)
    for i, (feature, value) in enumerate(features):
        of, got = "number", f"nullif(a.v{i}::double, 'nan'::double)"
        if value == "word":
            of, got = "word", f"a.v{i}"
        found = connection.execute(
            f"""with s as ({spine_sql(world, entity)})
            select case
                when a.rid is null then 'row dropped'
                when {got} is not distinct from e.{of} then 'right'
                when t.row is not null and greatest({known}, {event}) > s.as_of
                  then 'read before it was known'
                when t.row is not null and {superseded(rows)} then 'corrected by then'
                when t.row is not null and exists (from {rows} o where o.world = t.world and {tied}
                  and o.{EVENT[rows]} = {event} and o.row <> t.row) then 'tie'
                when t.row is null then 'not found'
                else 'another row' end as kind, count(*)
            from s
            join expected e on e.world = {world} and e.row = s.rid and e.feature = ?
            left join answer a on a.rid = s.rid
            left join {rows} t on t.world = {world} and t.row = a.taken
            group by all""",
            [feature],
        ).fetchall()
        counts.update({kind: count for kind, count in found})
    connection.unregister("answer")


all_asks = asks()
sides = {
    "duckdb": (ask_duckdb, len({ask[0] for ask in all_asks})),
    "feast-duckdb": (ask_feast("duckdb"), worlds_of["feast-duckdb"]),
    "feast-file": (ask_feast("file"), worlds_of["feast-file"]),
}
result = {}
for side, (ask, worlds) in sides.items():
    counts, failed = Counter(), Counter()
    for world, rows, entity, ttl, features in all_asks:
        if world >= worlds:
            continue
        try:
            answer = ask(world, rows, entity, ttl, features)
        except Exception as error:
            failed[f"{type(error).__name__}: {str(error)[:120]}"] += 1
            continue
        if answer is not None:
            compare(world, rows, entity, ttl, features, answer, counts)
    result[side] = {"worlds": worlds, "counts": dict(counts), "failed": dict(failed)}
print(json.dumps(result))
