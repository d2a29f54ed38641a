-- The histories of sources, and rows that were pushed and are not in a snapshot yet.

-- Where a source stands. Its row is the lock under which rows get their numbers and commits follow
-- each other.
create table source_state (
  source text collate "C" primary key,
  -- The number that the next row gets; the numbers of deleted rows are not given again.
  next_row bigint not null default 0,
  next_batch bigint not null default 1,
  -- When the newest row became known: clocks of several servers differ, and time may not go back.
  known_to timestamptz not null default '-infinity',
  -- The largest value seen in the cursor column of a table that is read incrementally, as text.
  cursor text
);

-- One entry for each snapshot that was looked at. A history is a line: each entry follows the newest
-- before it, which `source_commit_line` holds even against a fault of ours.
create table source_commit (
  number bigint generated always as identity primary key,
  source text collate "C" not null,
  snapshot text not null references snapshot (id),
  parent bigint references source_commit (number),
  change jsonb not null,
  outcome text not null check (outcome in ('accepted', 'rejected')),
  findings jsonb not null,
  profile text,
  -- To the millisecond, as it is shown: who asks for the shown time gets this entry.
  at timestamptz not null default date_trunc('milliseconds', clock_timestamp())
);
create index source_commit_by_source on source_commit (source, number desc);
create unique index source_commit_line on source_commit (source, coalesce(parent, 0));

-- Of a snapshot from which rows were erased: the one that holds what is left of it. Its own bytes
-- are gone.
alter table snapshot add column erased_to text references snapshot (id);

-- Rows that were pushed: durable, and numbered, from the moment their sender was answered. They
-- stand here until they are in a file of a snapshot. What the sender was told stays for a while, so
-- that a delivery that is repeated has no second effect.
create table pushed_batch (
  source text collate "C" not null,
  number bigint not null,
  -- Parquet; null once the rows are in a snapshot.
  bytes bytea,
  row_from bigint not null,
  rows int not null,
  -- When the rows became known; null: when they happened.
  known_at timestamptz,
  received_at timestamptz not null,
  idempotency_key text,
  -- Of what was sent.
  digest text not null,
  primary key (source, number)
);
alter table pushed_batch alter column bytes set storage external;
create unique index pushed_batch_by_key on pushed_batch (source, idempotency_key);
create index pushed_batch_waiting on pushed_batch (source, number) where bytes is not null;

-- Files of a source that are in the blob folder, or may be, and in no snapshot: on their way into
-- one, left by a crash, or erased. Condemned ones are about to be removed and cannot be used again.
create table loose_file (
  digest text primary key,
  source text collate "C" not null,
  condemned boolean not null default false,
  since timestamptz not null default now()
);
create index loose_file_by_source on loose_file (source);
