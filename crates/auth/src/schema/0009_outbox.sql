-- Mails that were accepted and have not left yet. What they say, the links and codes too, is sealed with a key that the database does not have.

create table auth.outbox (
  id uuid primary key,
  user_id uuid references auth.users (id) on delete cascade,
  -- Which sender it is for.
  way text not null,
  sealed text not null,
  -- How often it was tried.
  tried integer not null default 0,
  -- When it may be taken: whoever takes it moves this on, so that nobody else does, and so that somebody does should they be killed.
  due_at timestamptz not null,
  -- When what it carries is good for nothing any more.
  expires_at timestamptz not null
);
create index outbox_way_due_at_idx on auth.outbox (way, due_at);

alter table auth.outbox enable row level security;
