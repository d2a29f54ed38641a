-- What triggers have taken from brokers, what could not be done, and what is still to be delivered.

-- One row a message: its attempts are counted before they run, and it is done in the transaction
-- that holds its result. So a message that is delivered again has one effect, and one that ends the
-- process is known. Kept for some days; the broker delivers nothing again later than that.
create table trigger_message (
  -- graph/trigger
  trigger text collate "C" not null,
  id text collate "C" not null,
  attempts int not null,
  state text not null default 'running' check (state in ('running', 'done', 'dead')),
  first_at timestamptz not null default now(),
  primary key (trigger, id)
) with (fillfactor = 70);
create index trigger_message_by_age on trigger_message using brin (first_at);

-- Messages that were given up, and results that no sink takes; for people to look at.
create table dead_letter (
  number bigint generated always as identity primary key,
  graph text collate "C" not null,
  trigger text collate "C" not null,
  -- Null: the message itself. Else its result, which could not be delivered there.
  sink text,
  target jsonb,
  message_id text not null,
  message_key text,
  headers jsonb not null,
  -- At most the first 64 KiB of a message that was too large.
  body bytea not null,
  size_bytes bigint not null,
  code text not null,
  cause text not null,
  hint text,
  attempts int not null,
  state text not null default 'waiting' check (state in ('waiting', 'replayed', 'dropped')),
  at timestamptz not null default now(),
  settled_at timestamptz
);
create index dead_letter_settled on dead_letter (settled_at) where state <> 'waiting';

-- Results on their way to sinks outside this database, written in the transaction that holds the
-- result and delivered at least once, each with its id as idempotency key.
create table outbox (
  number bigint generated always as identity primary key,
  graph text collate "C" not null,
  trigger text collate "C" not null,
  sink text not null,
  target jsonb not null,
  message_id text not null,
  message_key text,
  -- The idempotency key.
  id text not null,
  body bytea not null,
  attempts int not null default 0,
  -- Not before this; who delivers a row sets it ahead, so that no other does meanwhile.
  due_at timestamptz not null default now(),
  -- Rows that go together, and together again, under one key: the number of the first.
  batch bigint,
  cause text,
  at timestamptz not null default now()
);
create index outbox_due on outbox (due_at);

-- Results of triggered messages, one table a sink: see `ensureResultTable`.
create schema results;
