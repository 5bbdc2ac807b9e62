-- A guestbook: anyone reads it and signs it; only holders of the service key hide, change or remove what was written.

create table messages (
  id bigint generated always as identity primary key,
  author text not null check (char_length(author) between 1 and 80),
  body text not null check (char_length(body) between 1 and 1000),
  hidden boolean not null default false,
  created_at timestamptz not null default now()
);

comment on table messages is 'What visitors wrote';

create index messages_created_at_idx on messages (created_at desc);

-- Nothing is readable or writable through the API until a policy says so.
alter table messages enable row level security;

create policy "anyone reads what is not hidden" on messages
  for select using (not hidden);

create policy "anyone signs" on messages
  for insert with check (not hidden);

-- Called as POST /rest/v1/rpc/search_messages {"word": "hello"}. It runs with its caller's rights, so policies hold in it too.
create function search_messages(word text) returns setof messages
language sql stable
as $$
  select * from messages where body ilike '%' || word || '%' order by created_at desc
$$;
