-- Who buys, and who works here. A customer's id is the id of the user who signed up.
-- There is no foreign key to auth.users, so that the demonstration data needs no accounts.

create table customers (
  id uuid primary key default auth.uid(),
  email text,
  first_name text not null default '',
  last_name text not null default '',
  phone text,
  marketing_opt_in boolean not null default false,
  loyalty_points integer not null default 0 check (loyalty_points >= 0),
  created_at timestamptz not null default now()
);

create unique index customers_email_key on customers (lower(email));
alter table customers enable row level security;

comment on table customers is 'People who buy here';
comment on column customers.id is 'Id of the signed-up user, auth.uid()';
comment on column customers.loyalty_points is 'Granted by the shop, not writable by customers';

create type staff_role as enum ('support', 'warehouse', 'manager');

create table staff (
  user_id uuid primary key,
  name text not null,
  role staff_role not null default 'support',
  hired_on date not null default current_date
);

alter table staff enable row level security;

comment on table staff is 'Users who work for the shop: they see and manage everything';

-- Runs as its owner, because a policy on staff that asked staff itself would never end.
create function is_staff() returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (select 1 from public.staff s where s.user_id = auth.uid());
$$;

comment on function is_staff is 'Whether the caller works for the shop';

create table addresses (
  id bigint generated always as identity primary key,
  customer_id uuid not null default auth.uid() references customers (id) on delete cascade,
  label text not null default 'Home',
  recipient text not null,
  line1 text not null,
  line2 text,
  postal_code text not null,
  city text not null,
  country country_code not null,
  created_at timestamptz not null default now()
);

create index addresses_customer_id_idx on addresses (customer_id);
alter table addresses enable row level security;

comment on table addresses is 'Where customers want their parcels and invoices';

create function full_name(customers) returns text
language sql stable
as $$
  select trim($1.first_name || ' ' || $1.last_name);
$$;

comment on function full_name is 'Computed field: first and last name of a customer';
