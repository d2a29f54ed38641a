-- What was answered lies in Parquet files; here is one row a file, and never one a prediction.

-- Segments that have turned into files. Named in the transaction that names their files: a segment
-- that a crash left on disk is known by its name to be there already.
create table journal_segment (
  name text collate "C" primary key,
  predictions bigint not null,
  -- Of frames whose checksum did not hold.
  bad_bytes bigint not null,
  converted_at timestamptz not null default now()
);

create table journal_file (
  number bigint generated always as identity primary key,
  segment text collate "C" not null references journal_segment (name),
  blueprint text collate "C" not null,
  digest text not null,
  size_bytes bigint not null,
  rows bigint not null,
  -- Receipts begin with their time, so that a receipt finds its files without reading any.
  first_receipt text collate "C" not null,
  last_receipt text collate "C" not null,
  -- The folder has lost its bytes: deleted, but for the crash that came in between.
  condemned_because text
);
create index journal_file_by_time on journal_file (last_receipt desc) where condemned_because is null;
create index journal_file_by_blueprint on journal_file (blueprint, last_receipt desc)
  where condemned_because is null;

-- Files that were deleted by policy or for an entity: what is no longer known, and why.
create table journal_deletion (
  number bigint generated always as identity primary key,
  files int not null,
  rows bigint not null,
  size_bytes bigint not null,
  because text not null,
  deleted_at timestamptz not null default now()
);

-- What turned out to be true, once an answer. A person or a system says it, so there are as many
-- as they say and no more; it is a row each, because each may be said once only.
create table outcome (
  receipt text collate "C" not null,
  row int not null,
  blueprint text collate "C" not null,
  value double precision not null,
  corrected boolean not null default false,
  received_at timestamptz not null default now(),
  primary key (receipt, row)
);
