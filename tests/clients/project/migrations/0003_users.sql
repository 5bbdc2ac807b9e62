-- What signed-in users have: notes of their own, and a plan that their tokens tell.
create table notes (
  id bigint generated always as identity primary key,
  owner uuid not null default auth.uid() references auth.users (id) on delete cascade,
  body text not null
);
alter table notes enable row level security;
create policy "own" on notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());

create table plans (user_id uuid primary key references auth.users (id) on delete cascade, name text not null);
alter table plans enable row level security;
grant all on plans to service_role;

create schema hooks;
create function hooks.with_plan(event jsonb) returns jsonb language sql stable as $$
  select jsonb_set(event, '{claims,plan}', to_jsonb(coalesce(
    (select p.name from public.plans p where p.user_id = (event ->> 'user_id')::uuid), 'free')))
$$;
create function hooks.nobody(event jsonb) returns jsonb language sql stable as $$
  select '{"error": {"http_code": 403, "message": "closed for the season"}}'::jsonb
$$;
