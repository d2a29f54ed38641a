-- Versions of feature views that an adopted plan read. From then on they mean what they meant: an
-- edited one is refused, and becomes the next version.
create table published_view (
  -- `name@version`.
  id text collate "C" primary key,
  digest text not null,
  -- All that the digest is of, so that an edit can be told in words.
  means jsonb not null,
  -- The plan whose adoption published it; its declaration holds the text.
  plan text collate "C" not null references plan (id),
  at timestamptz not null default now()
);
