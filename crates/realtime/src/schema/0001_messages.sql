-- What is broadcast from SQL, and the rows whose policies say who may use a private channel.
create schema if not exists realtime;
grant usage on schema realtime to anon, authenticated, service_role;

create table realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp not null default (now() at time zone 'utc'),
  inserted_at timestamp not null default (now() at time zone 'utc'),
  id uuid not null default gen_random_uuid(),
  binary_payload bytea,
  primary key (id, inserted_at)
);
create index messages_by_topic on realtime.messages (topic, inserted_at);
create index messages_by_age on realtime.messages (inserted_at);
alter table realtime.messages enable row level security;
grant select, insert on realtime.messages to anon, authenticated;
grant all on realtime.messages to service_role;

-- The channel for which a policy is asked.
create function realtime.topic() returns text language sql stable
  as $$ select nullif(current_setting('realtime.topic', true), '') $$;

create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
  returns void language sql as $$
    insert into realtime.messages (topic, extension, payload, event, private)
    values (send.topic, 'broadcast', send.payload, send.event, send.private)
  $$;

create function realtime.send_binary(payload bytea, event text, topic text, private boolean default true)
  returns void language sql as $$
    insert into realtime.messages (topic, extension, binary_payload, event, private)
    values (send_binary.topic, 'broadcast', send_binary.payload, send_binary.event, send_binary.private)
  $$;
