-- When somebody asked for a mail or message to an address that nobody has, so that asking again is answered as if somebody had it.

create table auth.unanswered_requests (
  key text primary key,
  asked_at timestamptz not null
);
create index unanswered_requests_asked_at_idx on auth.unanswered_requests (asked_at);

alter table auth.unanswered_requests enable row level security;
