-- Rows that somebody has released from quarantine: no expectation sets them aside again. Of a file,
-- by their number within it, for a file is named by its digest wherever it lies; of rows that
-- Muster keeps, by the number that each has for good, with '' for the file.
create table released_rows (
  number bigint generated always as identity primary key,
  source text collate "C" not null,
  file text not null,
  rows int[] not null,
  at timestamptz not null default now()
);
create index released_rows_by_source on released_rows (source, file);
