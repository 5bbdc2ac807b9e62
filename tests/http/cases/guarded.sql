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

create table shares (id int primary key, owner uuid);
alter table shares enable row level security;
create policy own on shares using (owner = auth.uid());
create table pieces (id int primary key, share int, body text, weight int, extra int);
create index pieces_share on pieces (share);
alter table pieces enable row level security;
create policy own on pieces using (exists (select 1 from shares s where s.id = pieces.share));
insert into shares values (1, 'a0000000-0000-4000-8000-00000000000a'), (2, 'b0000000-0000-4000-8000-00000000000b');
insert into pieces values (1, 1, '7', 2), (2, 1, '12', 5), (3, 1, '3', 10), (4, 2, 'secret', 0), (5, 2, 'other', 0);

create view piece_values with (security_invoker = true) as
  select id, share, body::int as value, 10 / weight as part, extra from pieces;
create view piece_totals with (security_invoker = true) as
  select v.share, s.owner, sum(v.value) as total, 10 / max(v.part) as rest
  from piece_values v join shares s on s.id = v.share group by v.share, s.owner;
create view piece_numbers with (security_invoker = true) as select id, body, extra from pieces where body::int > 5;
create function piece_rows() returns table (id int, value int) language sql stable as $$ select id, body::int from pieces $$;
create function heavy_pieces(above int) returns setof int language sql stable as
  $$ with w as (select id, body, weight from pieces) select id from w where 10 / weight > above order by id $$;
create function counted_pieces() returns bigint language sql stable as
  $$ select sum(n) from (select value, count(*) n from piece_values group by value having value > 3) x $$;
create function alarm() returns boolean language plpgsql volatile as
  $$ begin raise exception 'a row was met'; end $$;
create function alarmed() returns bigint language sql volatile as $$ select count(*) from pieces where share = 2 and alarm() $$;

create table boards (id int primary key, name text not null, owner uuid default auth.uid());
alter table boards enable row level security;
create policy own on boards using (owner = auth.uid());
create view boards_counted with (security_invoker = true) as
  select b.*, (select count(*) from pieces p where p.share = b.id) as pieces from boards b;
create function claim(name text) returns text language sql stable as $$ select current_setting('request.jwt.claim.' || name, true) $$;
