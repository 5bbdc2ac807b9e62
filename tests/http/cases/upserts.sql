-- Rows that are there already: what policies and triggers see of them, and what is written instead.
create table vault (id int primary key, owner uuid, v text not null);
alter table vault enable row level security;
create policy seen on vault for select using (owner = auth.uid());
create policy made on vault for insert with check (v <> 'forbidden');
create policy changed on vault for update using (owner = auth.uid());
create function vault_before() returns trigger language plpgsql as $$
begin
  if old.v <> new.v then raise exception 'cannot change % to %', old.v, new.v; end if;
  return new;
end $$;
create trigger vault_before before update on vault for each row execute function vault_before();
insert into vault values (1, 'b0000000-0000-4000-8000-00000000000b', 'secret'), (2, 'a0000000-0000-4000-8000-00000000000a', 'mine');
create function put_vault(id int, v text) returns void language sql as $$
  insert into vault values ($1, auth.uid(), $2) on conflict (id) do update set v = excluded.v $$;
create function measure_vault(id int) returns void language sql as $$
  insert into vault values ($1, auth.uid(), 'x') on conflict (id) do update set v = (1 / (length(vault.v) - 6))::text $$;
create table plain_vault (id int primary key, owner uuid, a text, v text not null);
alter table plain_vault enable row level security;
create policy own on plain_vault using (owner = auth.uid());
insert into plain_vault values (1, 'b0000000-0000-4000-8000-00000000000b', 'a', 'secret');
create function measure_plain_vault(id int) returns void language sql as $$
  insert into plain_vault values ($1, auth.uid(), 'x', 'x')
    on conflict (id) do update set v = (1 / (length(plain_vault.v) - 6))::text, a = (1 / (length(plain_vault.a) - 1))::text $$;

create table told (what text);
alter table told enable row level security;
create policy written on told for insert with check (true);
create table quiet (id int primary key, v text);
alter table quiet enable row level security;
create policy seen on quiet for select using (true);
create policy made on quiet for insert with check (true);
create policy never on quiet for update using (v = 'open');
create function quiet_before() returns trigger language plpgsql as $$
begin
  insert into told values (old.v);
  if new.v = 'skip' then return null; end if;
  return new;
end $$;
create trigger quiet_before before update on quiet for each row execute function quiet_before();
insert into quiet values (1, 'closed'), (2, 'open');

create domain mail as text check (value like '%@%');
create domain named as text not null;
create table people (id int primary key, m mail, n named default 'x', note text);
alter table people enable row level security;
create policy everyone on people using (true);
create view people_view with (security_invoker = true) as select id, m as address, n as called, note from people;
create function add_person(id int, m text) returns void language sql as $$
  insert into people_view (id, address) values ($1, $2) $$;
create function add_people(m text) returns void language sql as $$
  insert into people_view (id, address, called) values (50, $1, 'a'), (51, 'a@b', null) $$;

create table days (day date primary key, x text);
create table hours (hour timestamptz primary key, x text);
create table sides (side boolean primary key, x text);
alter table days enable row level security;
alter table hours enable row level security;
alter table sides enable row level security;
create policy everyone on days using (true);
create policy everyone on hours using (true);
create policy everyone on sides using (true);

create table tops (id int primary key, v int, t text);
alter table tops enable row level security;
create policy everyone on tops using (true);
insert into tops values (1, 5);
create function raise_top(id int, a int, b int) returns setof tops language sql as $$
  insert into tops (id, v) values ($1, $2), ($1, $3) on conflict (id) do update set v = excluded.v where tops.v < excluded.v returning * $$;
create function raise_tops(id int, list int[]) returns setof tops language sql as $$
  insert into tops (id, v) select $1, x from unnest($2) as x on conflict (id) do update set v = excluded.v where tops.v < excluded.v returning * $$;
create table touched_tops (id int primary key, v int, times int not null default 0);
alter table touched_tops enable row level security;
create policy everyone on touched_tops using (true);
insert into touched_tops values (1, 5);
create function touch() returns trigger language plpgsql as $$ begin new.times := old.times + 1; return new; end $$;
create trigger touch before update on touched_tops for each row execute function touch();
create function raise_touched(id int, list int[]) returns setof touched_tops language sql as $$
  insert into touched_tops (id, v) select $1, x from unnest($2) as x
    on conflict (id) do update set v = excluded.v where touched_tops.v < excluded.v returning * $$;
create view touched_view with (security_invoker = true) as select id, v from touched_tops;

create table codes (code char(3) primary key, x text);
alter table codes enable row level security;
create policy everyone on codes using (true);
