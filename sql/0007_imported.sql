-- Models that people brought as ONNX files: one row for each version, numbered by when its bytes
-- first came under that name. What did not pass its probation is not here. `change` grows with every
-- write, so that a server reads only what is new to it.
create sequence imported_change;
create table imported_version (
  name text collate "C" not null,
  version int not null,
  digest text not null,
  size_bytes bigint not null,
  signature jsonb not null,
  purpose text not null,
  tier text not null check (tier in ('pinned', 'preloaded', 'on-demand')),
  state text not null check (state in ('serving', 'quarantined', 'unloaded')),
  because text,
  change bigint not null default nextval('imported_change'),
  imported_at timestamptz not null default now(),
  primary key (name, version),
  unique (name, digest)
);
create unique index imported_version_by_change on imported_version (change);
