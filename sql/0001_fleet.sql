-- The fleet as recorded. Names sort by bytes (collate "C"), so that a family tree is a range of its
-- index and every page has one order. Tables that take a row a member have no foreign keys: a key
-- would be looked up for each of 100,000 rows, and the one transaction that writes them names only
-- what it wrote itself.

create table spec_revision (
  digest text primary key,
  number bigint generated always as identity unique,
  fleet text not null,
  files jsonb not null,
  created_at timestamptz not null default now()
);

create table snapshot (
  id text primary key,
  source text not null,
  body jsonb not null,
  -- Grows each time the snapshot is taken: data may come back to what it was, and is then the
  -- latest again.
  taken bigint generated always as identity,
  created_at timestamptz not null default now()
);
create index snapshot_latest on snapshot (source, taken desc);

create table plan (
  number bigint generated always as identity primary key,
  id text collate "C" generated always as ('p-' || number::text) stored unique,
  digest text not null unique,
  parent text,
  state text not null default 'proposed' check (state in ('proposed', 'adopted', 'superseded')),
  -- The plan without its lists of members, so that a list of plans is cheap.
  head jsonb not null,
  created_at timestamptz not null default now(),
  adopted_at timestamptz
);

-- What carrying out each blueprint of the plan needs (a RunWork), fixed when the plan is made.
create table plan_work (
  plan bigint not null references plan (number),
  blueprint text collate "C" not null,
  work jsonb not null,
  primary key (plan, blueprint)
);

create table plan_members (
  plan bigint not null references plan (number),
  group_index int not null,
  members jsonb not null,
  primary key (plan, group_index)
);

-- One row: the plan that the fleet is meant to follow, and the declaration it was made from.
create table target_plan (
  only_row boolean primary key default true check (only_row),
  plan text references plan (id),
  spec text references spec_revision (digest)
);
insert into target_plan (plan, spec) values (null, null);

create table family (
  blueprint text collate "C" primary key,
  key_length int not null
);

create table model (
  name text collate "C" primary key,
  blueprint text collate "C" not null,
  depth smallint not null,
  parent text collate "C",
  rows bigint not null,
  state text collate "C" not null
    check (state in ('declared', 'serving', 'inherited', 'refused', 'failed', 'retired')),
  reason text collate "C" not null,
  because text not null,
  recipe text,
  changed_at timestamptz not null default now()
);
create index model_by_rows on model (rows desc, name);
create index model_by_state on model (state, name);
create index model_by_parent on model (parent, name);

create table recipe (
  digest text primary key,
  body jsonb not null
);

create table run (
  number bigint generated always as identity primary key,
  id text collate "C" generated always as ('r-' || number::text) stored unique,
  plan text collate "C" not null references plan (id),
  blueprint text collate "C" not null,
  state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
  because text not null,
  members int not null,
  work jsonb not null,
  levels jsonb not null default '[]',
  reasons jsonb not null default '{}',
  report jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  sealed_at timestamptz,
  finished_at timestamptz,
  unique (plan, blueprint)
);
create index run_by_blueprint on run (blueprint, number desc);
create index run_unfinished on run (number) where state in ('waiting', 'running');

-- A step is named by its input and the code; two runs that need the same work share one row.
create table step (
  key text collate "C" primary key,
  kind text not null,
  input jsonb,
  output text,
  state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
  attempts int not null default 0,
  worker text,
  done double precision not null default 0,
  total double precision not null default 0,
  unit text not null default '',
  error jsonb,
  seconds double precision,
  peak_rss_bytes bigint,
  started_at timestamptz,
  finished_at timestamptz,
  check ((state = 'done') = (output is not null))
);

create table run_step (
  run text collate "C" not null references run (id),
  kind text not null,
  part int not null,
  step text collate "C" not null references step (key),
  ordinal bigint generated always as identity,
  primary key (run, kind, part)
);
create index run_step_by_step on run_step (step);

create table lineage (
  digest text primary key,
  body jsonb not null
);

-- Documents of a member are `json`: nothing looks into them here, and jsonb takes three times as
-- long to write.
create table version (
  model text collate "C" not null,
  number int not null,
  digest text not null,
  run text collate "C" not null,
  plan text collate "C" not null,
  graph text not null,
  pack text not null,
  row int not null,
  lineage text not null,
  fit json not null,
  evidence json,
  verdict json not null,
  created_at timestamptz not null default now(),
  primary key (model, number),
  unique (model, digest)
);
create index version_by_run on version (run);

-- The newest verdict on a member, also on one without a version. Where the version was made by the
-- same run, fit, evidence and verdict stand with it and are null here.
create table judgement (
  model text collate "C" primary key,
  run text collate "C" not null,
  version text,
  fit json,
  evidence json,
  verdict json
);

create table environment (
  name text collate "C" primary key,
  generation bigint not null default 0,
  changed_at timestamptz
);

-- The generation at which a family's routes last changed; never above its environment's.
create table family_generation (
  environment text collate "C" not null references environment (name),
  blueprint text collate "C" not null,
  generation bigint not null,
  -- The run that last routed the family here; another environment may be a run ahead.
  run text collate "C",
  primary key (environment, blueprint)
);

create table route (
  environment text collate "C" not null,
  model text collate "C" not null,
  blueprint text collate "C" not null,
  version int not null,
  version_digest text not null,
  graph text not null,
  pack text not null,
  row int not null,
  generation bigint not null,
  since timestamptz not null default now(),
  primary key (environment, model)
);
create index route_by_family on route (environment, blueprint, model);

-- Which worker holds which job of the queue. A worker holds a session lock on its number for as
-- long as it lives, so a claim without that lock is a job whose worker is dead, on whatever machine
-- it was.
create table job_claim (
  job uuid primary key,
  step text collate "C" not null,
  worker int not null
);
