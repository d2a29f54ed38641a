-- A version that was removed keeps its row: its number is not given again, and every server that
-- reads changes sees that it is gone.
alter table imported_version drop constraint imported_version_state_check;
alter table imported_version add constraint imported_version_state_check
  check (state in ('serving', 'quarantined', 'unloaded', 'removed'));
