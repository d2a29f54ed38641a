-- Batch inference over a view. `key` is the digest of the work, routes and snapshots included, so
-- that the same question asked again is the same job. Its steps are rows of `step`, shared with runs.
create sequence score_number;
create table score (
  number bigint not null unique,
  id text collate "C" primary key,
  key text collate "C" not null unique,
  view text not null,
  blueprint text not null,
  environment text not null,
  generation bigint not null,
  ask jsonb not null,
  work jsonb not null,
  state text not null default 'waiting' check (
    state in ('waiting', 'running', 'done', 'partial', 'failed', 'cancelled')
  ),
  because text not null default '',
  result jsonb,
  created_at timestamptz not null default now(),
  begun_at timestamptz not null default now(),
  finished_at timestamptz
);
create index score_unfinished on score (number) where state in ('waiting', 'running');

create table score_step (
  score text collate "C" not null references score (id),
  kind text not null,
  part int not null,
  step text collate "C" not null references step (key),
  ordinal bigint generated always as identity,
  primary key (score, kind, part)
);
create index score_step_by_step on score_step (step);
