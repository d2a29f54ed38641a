-- Which receipts a file may hold (a Bloom filter, Bloom 1970), so that one receipt opens one file of
-- its hour and not those of every blueprint. Null for files from before: they may hold any.
alter table journal_file add column receipt_filter bytea;
