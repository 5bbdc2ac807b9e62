-- The schema `realtime` as Supabase's Realtime keeps it in a project's database: its tables, columns, types, keys, functions and owners, as its
-- documentation and its databases show them. Realtime makes a partition of `messages` for each day while it runs; here it stopped the day before
-- yesterday. It follows `gotrue.sql`. Nothing here is Basalt's.
create role supabase_admin superuser login;
create role supabase_realtime_admin noinherit nologin;
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
grant usage on schema auth to anon, authenticated, service_role;
create schema realtime authorization supabase_admin;
grant usage on schema realtime to anon, authenticated, service_role;
grant all on schema realtime to supabase_realtime_admin with grant option;
set role supabase_admin;

create type realtime.action as enum ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'ERROR');
create type realtime.equality_op as enum ('eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'in');
create type realtime.user_defined_filter as (column_name text, op realtime.equality_op, value text);
create function realtime.to_regrole(role_name text) returns regrole language sql immutable as 'select role_name::regrole';

create table realtime.schema_migrations (version bigint primary key, inserted_at timestamp(0));
insert into realtime.schema_migrations values (20211116024918, now()), (20240401105812, now()), (20241108114728, now());

create table realtime.subscription (
  id bigint generated always as identity constraint pk_subscription primary key,
  subscription_id uuid not null,
  entity regclass not null,
  filters realtime.user_defined_filter[] not null default '{}',
  claims jsonb not null,
  claims_role regrole not null generated always as (realtime.to_regrole(claims ->> 'role')) stored,
  created_at timestamp not null default timezone('utc', now()),
  action_filter text default '*' check (action_filter in ('*', 'INSERT', 'UPDATE', 'DELETE'))
);
create index ix_realtime_subscription_entity on realtime.subscription (entity);
create unique index subscription_subscription_id_entity_filters_action_filter_key
  on realtime.subscription (subscription_id, entity, filters, action_filter);
insert into realtime.subscription (subscription_id, entity, claims)
  values (gen_random_uuid(), 'realtime.schema_migrations', '{"role": "anon"}');

create table realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp not null default now(),
  inserted_at timestamp not null default now(),
  id uuid not null default gen_random_uuid(),
  constraint messages_pkey primary key (id, inserted_at)
) partition by range (inserted_at);
create index messages_inserted_at_topic_index on only realtime.messages (inserted_at desc, topic)
  where extension = 'broadcast' and private is true;
do $$
declare
  day date;
begin
  for ago in 2 .. 4 loop
    day := current_date - ago;
    execute format('create table realtime.messages_%s partition of realtime.messages for values from (%L) to (%L)',
      to_char(day, 'YYYY_MM_DD'), day, day + 1);
    execute format('alter table realtime.messages_%s owner to supabase_realtime_admin', to_char(day, 'YYYY_MM_DD'));
  end loop;
end
$$;

create function realtime.topic() returns text language sql stable
  as $$ select nullif(current_setting('realtime.topic', true), '')::text $$;
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void language plpgsql as $$
declare
  message uuid := gen_random_uuid();
begin
  begin
    execute format('set local realtime.topic to %L', topic);
    insert into realtime.messages (id, payload, event, topic, private, extension)
      values (message, case when payload ? 'id' then payload else jsonb_set(payload, '{id}', to_jsonb(message)) end, event, topic, private, 'broadcast');
  exception when others then
    raise warning 'ErrorSendingBroadcastMessage: %', sqlerrm;
  end;
end
$$;
create function realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text,
  new record, old record, level text default 'ROW') returns void language plpgsql as $$
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  end if;
  perform realtime.send(jsonb_build_object('old_record', old, 'record', new, 'operation', operation, 'table', table_name,
    'schema', table_schema), event_name, topic_name);
end
$$;

alter table realtime.messages owner to supabase_realtime_admin;
alter function realtime.topic() owner to supabase_realtime_admin;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;
grant select on realtime.subscription, realtime.schema_migrations to anon, authenticated, service_role;
alter table realtime.messages enable row level security;
create publication supabase_realtime;
create publication supabase_realtime_messages_publication for table realtime.messages;
reset role;
