-- Versions that are not asked any more because they failed again and again. A row stands until
-- somebody lifts it: a restart is no cure.
create table quarantined_versions (
  environment text not null,
  model text not null,
  version integer not null check (version > 0),
  because text not null,
  since timestamptz not null,
  primary key (environment, model, version)
);
