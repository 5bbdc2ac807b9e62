-- What the realtime tests run on: rows that only their owners see, and a private channel for its members.
create table messages (id integer primary key, owner uuid not null, body text not null);
alter table messages enable row level security;
create policy own on messages to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
alter publication supabase_realtime add table messages;

create policy members_read on realtime.messages for select to authenticated
  using (realtime.topic() = 'members' and extension in ('broadcast', 'presence'));
create policy members_write on realtime.messages for insert to authenticated with check (realtime.topic() = 'members');
create function tell_members(n integer) returns void language sql security definer set search_path = ''
  as $$ select realtime.send(jsonb_build_object('n', n), 'e', 'members') $$;
