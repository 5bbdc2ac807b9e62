-- Hooks that the admin API defined. `definition` is JSON with the members of `[[webhooks]]`.
create table basalt.webhooks (
  name text primary key,
  definition text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
