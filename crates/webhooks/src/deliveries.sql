-- Messages that were not taken: pending ones are tried again, dead ones wait for somebody.
create table basalt.webhook_deliveries (
  id text primary key,
  hook text not null,
  change_id bigint not null,
  status text not null check (status in ('pending', 'dead')),
  attempts integer not null,
  next_at timestamptz not null,
  created_at timestamptz not null default now(),
  answer integer,
  error text not null,
  body text not null
);
create index webhook_deliveries_due on basalt.webhook_deliveries (status, next_at);
create index webhook_deliveries_of on basalt.webhook_deliveries (hook, status, change_id);
