-- Predicted rows that were erased on request: that they were, and nothing of what they held. So a
-- receipt that somebody keeps is told from one that never was. Forgotten when predictions of its
-- time are.
create table erased_prediction (
  receipt text collate "C" not null,
  row int not null,
  erased_at timestamptz not null default now(),
  primary key (receipt, row)
);
