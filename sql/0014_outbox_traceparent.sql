-- The trace that a result belongs to, as W3C Trace Context has it, for whoever the sink is.
alter table outbox add column traceparent text;
