-- What the online store holds. The rows themselves stand in the store; here, which of them are read.

-- One row a generation of a group: everything under one prefix of the online store. A generation is
-- built beside the one that is read, and becomes current by one update; then the other is removed.
create table online_generation (
  number bigint generated always as identity primary key,
  feature_group text collate "C" not null,
  -- Part of every key; no other generation, of no other database, ever has it.
  word text not null default substr(replace(gen_random_uuid()::text, '-', ''), 1, 12),
  fleet text not null,
  state text not null default 'building' check (state in ('building', 'current', 'left')),
  -- Of what is kept of each row: another declaration needs another generation.
  digest text not null,
  definition jsonb not null,
  -- The commit of the source up to which it was materialised; null before the first.
  source_commit bigint,
  entities bigint,
  created_at timestamptz not null default now(),
  switched_at timestamptz,
  materialised_at timestamptz
);
create unique index online_generation_current on online_generation (feature_group)
  where state = 'current';

-- What a comparison of online values with those recomputed from snapshots found, feature by feature.
create table feature_check (
  number bigint not null,
  feature_group text collate "C" not null,
  feature text collate "C" not null,
  at timestamptz not null,
  compared int not null,
  equal int not null,
  different int not null,
  only_online int not null,
  only_offline int not null,
  max_abs double precision,
  max_relative double precision,
  example jsonb,
  primary key (number, feature_group, feature)
);
create sequence feature_check_number;
