-- Policies over values that are not stored in their order, and views over tables whose rows are partly hidden.
create type lvl as enum ('viewer', 'editor', 'admin', 'owner');
create table members (
    id int primary key, role lvl, amount numeric, wait interval, note char(4), marks int[], data jsonb, span int4range
);
alter table members enable row level security;
create policy seen on members for select using (true);
create policy made on members for insert with check (true);
create policy changed on members for update using (true) with check (
    role < 'editor' and coalesce(amount, 0) < 100 and coalesce(wait, '1 hour') < '2 days' and coalesce(note, 'a') <> 'ab'
    and coalesce(marks, '{}') < '{9}' and coalesce(data, '{}') < '{"a": 1, "b": 2}' and coalesce(span, 'empty') < '[9,12)'
);
insert into members (id, role) values (1, 'viewer'), (2, 'viewer'), (3, 'owner');

create function promote(p lvl) returns text language sql as $$
  insert into members as m (id, role) values (1, p)
    on conflict (id) do update set role = excluded.role where m.role < excluded.role returning role::text $$;
