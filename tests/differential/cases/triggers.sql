-- Triggers with functions in PL/pgSQL.
create table log (id int generated always as identity primary key, what text);
create table people (id int primary key, name text not null, data jsonb, age smallint, boss int references people on delete set null);
create table profiles (id int primary key references people on delete cascade, full_name text, avatar_url text, seen int not null default 0, tags text[]);
create function handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.profiles (id, full_name, avatar_url)
  values (new.id, new.data->>'full_name', new.data->>'avatar_url');
  return new;
end; $$;
create trigger on_created after insert on people for each row execute procedure public.handle_new_user();
insert into people (id, name, data) values (1, 'ada', '{"full_name": "Ada L", "avatar_url": "a.png"}');
insert into people (id, name, data) values (2, 'bob', '{"full_name": "Bob"}'), (3, 'cy', null) returning id, (select count(*) from profiles);
select * from profiles order by id;
with new as (insert into people (id, name) values (4, 'dee') returning id) select new.id, p.id as profile from new left join profiles p on p.id = new.id;
select id from profiles order by id;
insert into profiles (id) values (1);
insert into people (id, name) values (1, 'again');
insert into people (id, name) values (5, null);

-- What a function knows, and in which order triggers fire.
create function notes() returns trigger language plpgsql as $$
begin
  insert into log (what) values (concat_ws(' ', tg_name, tg_when, tg_level, tg_op, tg_table_schema, tg_table_name, tg_relname, tg_nargs, old.id, new.id));
  return coalesce(new, old);
end $$;
create trigger b_after after insert or update or delete on profiles for each row execute function notes();
create trigger a_after after insert or delete on profiles for each row execute function notes();
create trigger a_before before insert or update or delete on profiles for each row execute function notes('x', 1);
update profiles set seen = seen + 1 where id < 3;
select what from log order by id;
delete from log;
delete from people where id = 2 returning id, name;
select what from log order by id;
delete from log;
insert into profiles (id, full_name) values (1, 'x'), (3, 'y') on conflict (id) do update set full_name = excluded.full_name where profiles.id = 3;
select what from log order by id;
select id, full_name from profiles order by id;
delete from log;
insert into profiles (id) values (1) on conflict do nothing;
select what from log order by id;
alter table profiles disable trigger a_before;
alter table profiles disable trigger nosuch;
delete from log;
update profiles set seen = 0 where id = 1;
select what from log order by id;
drop trigger a_after on profiles;
drop trigger b_after on profiles;
drop trigger a_before on profiles;
drop trigger a_before on profiles;
drop trigger if exists a_before on profiles;
drop function handle_new_user();

-- Columns and conditions.
create function says() returns trigger language plpgsql as $$
begin
  insert into log (what) values (tg_name || ': ' || old.name || ' -> ' || new.name);
  return null;
end $$;
create trigger of_name after update of name, age on people for each row execute function says();
create trigger when_older after update on people for each row when (new.age > old.age or old.age is null and new.age is not null) execute function says();
create trigger when_other after update on people for each row when (old.* is distinct from new.*) execute function says();
delete from log;
update people set name = name where id = 1;
update people set age = 3 where id = 1;
update people set age = 2 where id = 1;
update people set data = '{}' where id = 1;
update people set name = 'Ada', age = 4 where id = 1;
select what from log order by id;
drop trigger of_name on people;
drop trigger when_older on people;
drop trigger when_other on people;
create trigger t after insert on people for each row when (old.id = 1) execute function says();
create trigger t after delete on people for each row when (new.id = 1) execute function says();
create trigger t after update on people for each row when (exists (select 1 from log)) execute function says();
create trigger t after update of nosuch on people for each row execute function says();
create trigger t after insert or insert on people for each row execute function says();
create trigger t after insert on people for each row execute function nosuch();
create trigger t after insert on nosuch for each row execute function says();

-- Before a row is written.
create domain short as text check (length(value) < 9);
create table items (id int primary key, name short, price numeric(6, 2) check (price >= 0), twice numeric generated always as (price * 2) stored, made date default '2020-01-01', updated_at timestamptz, version int not null default 1, slug text unique);
create function touch() returns trigger language plpgsql as $$
declare
  word text := 'item';
  n integer;
begin
  new.name := trim(new.name);
  if new.slug is null then
    new.slug = lower(replace(new.name, ' ', '-'));
  end if;
  if tg_op = 'UPDATE' then
    new.updated_at = now();
    new.version := old.version + 1;
    if new.name = 'as was' then return old; end if;
  end if;
  if new.name = 'skip' then
    return null;
  elsif new.name is null then
    raise exception 'no name for % %', word, new.id using errcode = 'check_violation', hint = 'Give one.', detail = format('price %s', new.price);
  end if;
  select count(*) into n from items;
  if n > 20 then raise exception 'too many'; end if;
  return new;
end $$;
create trigger touch before insert or update on items for each row execute function touch();
insert into items (id, name, price) values (1, ' a b ', 1.5), (2, 'skip', 2), (3, 'c', 3) returning id, name, price, twice, version, slug, updated_at;
insert into items (id, name, price) values (4, null, 2);
insert into items (id, name, price) values (4, 'd', -1);
insert into items (id, name) values (4, 'much too long');
insert into items (id, name) values (4, 'C');
insert into items (id, name, version) values (4, 'd', null);
insert into items (id, name) values (null, 'd');
insert into items (name) values ('d');
update items set price = price + 1 where id = 1 returning id, price, twice, version, updated_at is not null as touched;
update items set name = 'as was' where id = 3 returning name, version, updated_at;
update items set name = 'skip' where id = 3 returning id;
update items set slug = 'c' where id = 1;
update items set id = id + 10 returning id, version;
update items i set name = o.name || o.id from items o where o.id = 11 and i.id = 13 returning i.name, i.slug, i.version, o.id;
update items set name = (select max(name) from items) where id = 11 returning name;
insert into items (id, name, price) values (13, ' x ', 3), (14, 'y', 4), (15, 'skip', 5), (11, 'b', 5) on conflict (id) do update set name = excluded.name || '!', price = excluded.price where items.id > 0 returning id, name, price, twice, version, slug;
insert into items (id, name) values (11, 'z'), (16, ' e') on conflict do nothing returning id, name;
insert into items (id, name) values (17, 'E') on conflict (slug) do nothing returning id;
insert into items (id, name) values (17, 'E') on conflict (slug) do update set version = 100 returning id, name, version;
insert into items (id, name) values (11, 'z') on conflict (id) do update set name = 'as was' returning id, name, version;
insert into items (id, name) values (11, 'z') on conflict (id) do update set name = 'skip' returning id;
insert into items (id, name) values (11, 'z') on conflict (id) do update set name = 'a' where false returning id;
insert into items (id, name) values (11, 'z'), (11, 'y') on conflict (id) do update set name = 'w';
insert into items (id, name) values (11, 'z') on conflict (id) do update set name = null;
insert into items (id, name) select id + 100, name || '.' from items where id < 15 order by id returning id, name, slug;
insert into items default values;
select id, name, price, twice, made, version, slug from items order by id;

-- Before a row goes.
create function keeps() returns trigger language plpgsql as $$
begin
  if old.id = 16 then return null; end if;
  if old.id = 14 then raise exception 'safe %%, is it %', old.name; end if;
  return old;
end $$;
create trigger keeps before delete on items for each row execute function keeps();
delete from items where id in (16, 114) returning id, name;
delete from items using log where items.id in (11, 16) and log.id > 0;
delete from items;
delete from items where id = 16;
create or replace function keeps() returns trigger language plpgsql as $$ begin return new; end $$;
delete from items where id = 11;
create or replace function keeps() returns trigger language plpgsql as $$ begin return coalesce(new, old); end $$;
delete from items where id = 11;
create or replace function keeps() returns trigger language plpgsql as $$ begin raise notice 'never mind'; end $$;
delete from items where id = 13;
select id from items order by id;
drop table items;

-- Several before a row, by name, each seeing what the one before it left.
create table steps (id int primary key, path text not null default '', n int);
create function step() returns trigger language plpgsql as $$
begin
  new.path := new.path || tg_name;
  return new;
end $$;
create trigger c before insert or update on steps for each row execute function step();
create trigger a before insert or update on steps for each row execute function step();
create trigger b before insert or update of n on steps for each row execute function step();
create trigger d before update on steps for each row when (new.path like '%c%') execute function step();
insert into steps values (1, ''), (2, '-', 1) returning *;
update steps set path = '' returning *;
update steps set n = 5 returning *;
insert into steps values (1, '+') on conflict (id) do update set n = 6, path = excluded.path || steps.path returning *;
create function redundant() returns trigger language plpgsql as $$ begin new.path := old.path; return new; end $$;
create trigger y before update on steps for each row execute function redundant();
create trigger z before update on steps for each row execute function suppress_redundant_updates_trigger();
update steps set path = 'other' returning *;
update steps set n = 7 where id = 1 returning *;
drop table steps;

-- Errors and their handlers.
create table guarded (id int primary key, note text);
create function guards() returns trigger language plpgsql as $$
begin
  begin
    insert into log (what) values ('undone ' || new.id);
    insert into profiles (id) values (new.id);
  exception
    when unique_violation then
      new.note := sqlstate || ': ' || sqlerrm;
    when foreign_key_violation or not_null_violation then
      raise exception 'nobody is %', new.id using errcode = 'P0002';
  end;
  if new.note = 'again' then
    begin
      perform 1 / (new.id - new.id);
    exception when others then
      raise;
    end;
  end if;
  return new;
exception
  when sqlstate '22012' then
    new.note := 'divided';
    return new;
end $$;
create trigger guards before insert on guarded for each row execute function guards();
delete from log;
insert into guarded values (1), (3, 'a') returning *;
insert into guarded values (77);
insert into guarded values (78, 'again');
insert into people values (30, 'new');
delete from profiles where id = 30;
insert into guarded values (30, 'again') returning *;
select what from log order by id;
select id from profiles order by id;
create or replace function guards() returns trigger language plpgsql as $$ begin raise unique_violation; end $$;
insert into guarded values (4);
create or replace function guards() returns trigger language plpgsql as $$ begin raise exception using message = 'm' || new.id, constraint = 'c', detail = 'd'; end $$;
insert into guarded values (4);
create or replace function guards() returns trigger language plpgsql as $$ begin raise sqlstate 'PT402' using hint = 'pay'; end $$;
insert into guarded values (4);
create or replace function guards() returns trigger language plpgsql as $$ begin raise; end $$;
insert into guarded values (4);
create or replace function guards() returns trigger language plpgsql as $$ begin raise exception 'a % %', null, new.note using errcode = 'nosuch'; end $$;
insert into guarded values (4);
create or replace function guards() returns trigger language plpgsql as $$ begin raise exception 'a % %', null, new.note; end $$;
insert into guarded values (4);
create or replace function guards() returns trigger language plpgsql as $$ begin raise warning 'a %', new; return new; end $$;
insert into guarded values (4) returning *;
create or replace function guards() returns trigger language plpgsql as $$ begin new.nosuch := 1; return new; end $$;
insert into guarded values (5);
create or replace function guards() returns trigger language plpgsql as $$ begin new.note := new.nosuch; return new; end $$;
insert into guarded values (5);
create or replace function guards() returns trigger language plpgsql as $$ begin new.note := note; return new; end $$;
insert into guarded values (5);
create or replace function guards() returns trigger language plpgsql as $$ begin insert into nosuch values (1); return new; end $$;
insert into guarded values (5);
create or replace function guards() returns trigger language plpgsql as $$ begin if false then insert into nosuch values (1); end if; case new.id when 5, 6 then return new; when 7 then return null; end case; end $$;
insert into guarded values (5), (7), (6);
insert into guarded values (8);

-- Variables.
create or replace function guards() returns trigger language plpgsql as $$
declare
  a integer := new.id * 2;
  b constant text not null default 'b';
  c people.name%type;
  d public.profiles.seen%type := 7;
  e numeric(4, 1);
  f text[];
  g uuid;
  h short;
begin
  select name, age into c, a from people where id = new.id - 9;
  if not found then c := 'none'; end if;
  e := '12.34';
  f := array[c, b];
  g := 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::text;
  h := coalesce(new.note, 'short');
  update profiles set seen = seen + d where id = new.id - 9 returning seen into d;
  if found then c := c || '+'; end if;
  perform 1 from people where false;
  new.note := concat_ws('|', a, b, c, d, e, f, g, h, found);
  return new;
end $$;
insert into guarded values (10), (12), (99) returning *;
insert into guarded values (13, 'much too long');
create or replace function guards() returns trigger language plpgsql as $$ declare a int not null := 1; begin a := null; return new; end $$;
insert into guarded values (20);
create or replace function guards() returns trigger language plpgsql as $$ declare a int not null := nullif(new.id, 20); begin return new; end $$;
insert into guarded values (20);
create or replace function guards() returns trigger language plpgsql as $$ declare a text; begin select name into strict a from people where id = new.id; return new; end $$;
insert into guarded values (20);
create or replace function guards() returns trigger language plpgsql as $$ declare a text; begin select name into strict a from people; return new; end $$;
insert into guarded values (20);
create or replace function guards() returns trigger language plpgsql as $$ declare a text; begin a := (select name from people); return new; end $$;
insert into guarded values (20);
create or replace function guards() returns trigger language plpgsql as $$ declare a text; n int; begin a := count(*) from people; n := a; n := n / 2; new.note := n; return new; end $$;
insert into guarded values (20) returning *;
create or replace function guards() returns trigger language plpgsql as $$ declare a int; begin a := 'x'; return new; end $$;
insert into guarded values (21);
create or replace function guards() returns trigger language plpgsql as $$ declare a varchar(3); begin a := 'four'; return new; end $$;
insert into guarded values (21);
create or replace function guards() returns trigger language plpgsql as $$ begin new.id := 2147483648; return new; end $$;
insert into guarded values (21);
create or replace function guards() returns trigger language plpgsql as $$ begin if new.note then return new; end if; return null; end $$;
insert into guarded values (22, 'true'), (23, 'off'), (24, null) returning id;
insert into guarded values (25, 'maybe');
create or replace function guards() returns trigger language plpgsql as $$ begin new.note := to_jsonb(new) - 'note' || jsonb_build_object('old', old is null); return new; end $$;
insert into guarded values (26, 'x') returning *;
create or replace function guards() returns trigger language plpgsql as $$ begin new.note := row_to_json(new)::jsonb ->> 'id'; return new; end $$;
insert into guarded values (27, 'x') returning *;
drop table guarded;

-- Triggers that fire each other, and rows that change with others.
create table tree (id int primary key, parent int references tree on delete cascade on update cascade, depth int not null default 0, size int not null default 1);
create function plants() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' and tg_when = 'BEFORE' then
    select depth + 1 into new.depth from tree where id = new.parent;
    new.depth := coalesce(new.depth, 0);
    return new;
  elsif tg_op = 'INSERT' then
    update tree set size = size + 1 where id = new.parent;
  elsif tg_op = 'UPDATE' then
    update tree set size = size + new.size - old.size where id = new.parent;
  else
    insert into log (what) values ('gone ' || old.id);
  end if;
  return null;
end $$;
create trigger plants before insert on tree for each row execute function plants();
create trigger plants_after after insert on tree for each row execute function plants();
create trigger grows after update of size on tree for each row execute function plants();
create trigger goes after delete on tree for each row execute function plants();
insert into tree (id) values (1);
insert into tree (id, parent) values (2, 1);
insert into tree (id, parent) values (3, 2);
insert into tree (id, parent) values (4, 3);
select * from tree order by id;
delete from log;
update tree set id = 20 where id = 2;
select * from tree order by id;
delete from tree where id = 20;
select what from log order by what;
select id, parent from tree;
create table loops (id int primary key, n int);
create function loops() returns trigger language plpgsql as $$ begin update loops set n = n + 1 where id = new.id; return null; end $$;
create trigger loops after update on loops for each row when (new.n < 10) execute function loops();
insert into loops values (1, 0), (2, 9);
update loops set n = n + 1;
select * from loops order by id;

-- Functions in language sql that write, and writes within queries.
create function adds(int, text) returns int language sql as $$ insert into people (id, name) values ($1, $2); select count(*)::int from profiles where id = $1 $$;
select adds(50, 'fifty');
create function two(int) returns void language sql as $$ insert into people (id, name) values ($1, 'a'); insert into people (id, name) values ($1 + 1, 'b') $$;
select two(60) is null;
select two(60) is null;
select id from profiles where id >= 50 order by id;
with a as (insert into people (id, name) values (70, 'a') returning id), b as (insert into people (id, name) values (71, 'b') returning id) select (select count(*) from profiles where id >= 70), a.id, b.id from a, b;
select id from profiles where id >= 70 order by id;
create function calls() returns trigger language plpgsql as $$ begin perform adds(new.id + 100, new.what); perform set_config('app.last', new.what, true); return new; end $$;
create trigger calls after insert on log for each row when (new.what like 'call%') execute function calls();
insert into log (what) values ('call me');
select name from people where id > 100;
insert into log (what) values ('call me'), ('do not'), ('call two');
select count(*) from people where id > 100;

-- Auditing any table.
create table audit (id int generated always as identity primary key, tab text, op text, old_row jsonb, new_row jsonb);
create function audits() returns trigger language plpgsql security definer as $$
begin
  if tg_op = 'INSERT' then
    insert into audit (tab, op, new_row) values (tg_table_name, tg_op, to_jsonb(new));
    return new;
  elsif tg_op = 'UPDATE' then
    insert into audit (tab, op, old_row, new_row) values (tg_table_schema || '.' || tg_table_name, tg_op, to_jsonb(old), to_jsonb(new));
    return new;
  elsif (tg_op = 'DELETE') then
    insert into audit (tab, op, old_row) values (tg_table_name, tg_op, row_to_json(old)::jsonb);
    return old;
  end if;
  return null;
end $$;
create trigger audits after insert or update or delete on profiles for each row execute function audits();
update profiles set tags = '{a,b}' where id = 1;
delete from profiles where id = 1;
insert into profiles (id, seen) values (1, 5);
delete from people where id = 3;
select tab, op, old_row, new_row from audit order by id;

-- Whole rows, and a trigger's arguments.
create table pairs (a int primary key, b text);
create table pairs_log (op text, a int, b text);
create function whole() returns trigger language plpgsql as $$
begin
  if new.* is distinct from old.* and (new is not null or old.b = tg_argv[0]) then
    insert into pairs_log select tg_argv[1] || tg_op || coalesce(tg_argv[7], '-'), new.*;
  end if;
  if row(new.a, new.b) = row(1, 'one') then
    insert into pairs_log values (to_jsonb(new.*)::text, tg_nargs, (select b from pairs where a = new.a));
  end if;
  return null;
end $$;
create trigger whole after insert or update or delete on pairs for each row execute function whole('x', 'did ');
insert into pairs values (1, 'one'), (2, null), (3, 'x');
update pairs set b = b;
update pairs set b = 'two' where a = 2;
delete from pairs;
select * from pairs_log;
drop table pairs;

-- Rows that change with others, before and after.
create table owners (id int primary key, name text);
create table things (id int primary key, owner int default 9 references owners on delete set null on update cascade, moves int default 0);
create function moves() returns trigger language plpgsql as $$
begin
  if tg_when = 'AFTER' then
    insert into log (what) values (concat_ws(' ', 'thing', new.id, old.owner, 'to', coalesce(new.owner::text, 'nobody'), new.moves));
    return null;
  end if;
  if new.owner = 13 then raise exception 'not to 13'; end if;
  new.moves := old.moves + 1;
  return new;
end $$;
create trigger moves before update on things for each row execute function moves();
create trigger moved after update of owner on things for each row execute function moves();
insert into owners values (1, 'a'), (2, 'b');
insert into things values (1, 1), (2, 1), (3, 2);
delete from log;
update owners set name = 'A' where id = 1;
update owners set id = 5 where id = 1;
update owners set id = 13 where id = 5;
delete from owners where id = 2;
update things set moves = 100 where id = 3;
select * from things order by id;
select what from log order by id;
drop table owners cascade;

-- Views pass writes on to tables with triggers.
create view named as select id, full_name from profiles where id < 100;
insert into named values (30, 'thirty') returning *;
update named set full_name = 'x' where id = 30;
delete from named where id = 30;
select op, new_row ->> 'full_name' as name from audit where id > 4 order by id;
drop table profiles cascade;
drop table people cascade;

-- A star in VALUES stands for the row's columns.
create table starred (id int primary key, s text, n numeric(5, 2) default 1);
create table starred_history (id int, s text, n numeric(5, 2), op text default 'none');
create table starred_log (at serial, op text, id int, s text, n numeric);
create function starred_audit() returns trigger language plpgsql as $$
declare r record;
begin
  if tg_op <> 'INSERT' then
    insert into starred_history values (old.*);
    insert into starred_log values (default, tg_op, old.*);
    insert into starred_log values (default, 'again', (old).*);
  end if;
  if tg_op <> 'DELETE' then
    insert into starred_history values (new.*, tg_op);
    insert into starred_log (op, id, s, n) values ('one', new.*), ('two', new.*);
    for r in values (new.*) loop
      insert into starred_log (op, id, s, n) values ('row', r.*);
    end loop;
  end if;
  return null;
end $$;
create trigger starred_audit after insert or update or delete on starred for each row execute function starred_audit();
insert into starred values (1, 'a'), (2, null, 2);
update starred set s = 'b' where id = 1;
delete from starred where id = 2;
select * from starred_history order by id, s, op;
select * from starred_log order by at;
create function starred_copy() returns setof starred_history language plpgsql as $$
declare t1 starred; t2 starred_history;
begin
  select * into t1 from starred where id = 1;
  insert into starred_history values (t1.*);
  insert into starred_history values (t1.id, (t1).s, 5, 'c') returning * into t2;
  insert into starred_history values (t2.*), ((t2).*);
  return query values (t2.*);
end $$;
select * from starred_copy();
select * from starred_history order by id, s, op, n;
create function starred_sql(r starred) returns void language sql as $$ insert into starred_history values (r.*, 'sql') $$;
select starred_sql(row(7, 'x', 1)::starred);
select count(*) from starred_history where op = 'sql';
insert into starred_history values (missing.*);
insert into starred_history values ((1).*);
create table starred_short (id int);
create function starred_wide() returns void language plpgsql as $$
declare t1 starred;
begin
  insert into starred_short values (t1.*);
end $$;
select starred_wide();
select v.* from starred t, lateral (values (t.*), (t.*)) v order by 1;
select v.* from starred t, lateral (values (t.id), (t.id + 1)) v order by 1;
select t.id, (select max(column2) from (values (t.*), (t.*)) v) from starred t order by 1;

-- What stands beside whole rows and arguments of triggers stays as it is written.
create table quoted (id int primary key, s text, "a""b" text);
create function quoting() returns trigger language plpgsql as $$
begin
  new.s := 'it''s ' || tg_argv[0] || E' \'tg_argv[1]\' ' || tg_argv[1] || coalesce(new."a""b", ' ''none''') || tg_argv [0];
  if new.* is distinct from row(1, 'it''s', '.*')::quoted then
    new."a""b" := 'other ''' || tg_nargs || '''';
  end if;
  return new;
end $$;
create trigger quoting before insert on quoted for each row execute function quoting('o''ne', 'two');
insert into quoted values (1, 'x', null), (2, 'y', '"') returning *;
create function unquoting() returns trigger language plpgsql as $$ begin new."a""b" := 'met'; return new; end $$;
create trigger unquoting before update on quoted for each row
  when (old.* is distinct from new.* and new.s in ('it''s .*', E'\'', U&'\0041''') and old."a""b" <> '''') execute function unquoting();
update quoted set s = 'it''s .*' where id = 1 returning *;
update quoted set s = 'its .*' where id = 2 returning *;
update quoted set s = '''' where id = 2 returning *;
update quoted set s = 'A''' where id = 2 returning *;
-- A row that an operation lacks is NULL; one of a query without rows is there, of nulls.
create table lacking (id int primary key, note text);
create table lacking_log (at serial primary key, op text, new_row jsonb, old_row jsonb, new_json json, old_json json, new_text text, old_text text, new_null bool, old_null bool, note text);
create function lacks() returns trigger language plpgsql as $$ begin
  insert into lacking_log (op, new_row, old_row, new_json, old_json, new_text, old_text, new_null, old_null, note)
    values (tg_when || ' ' || tg_op, to_jsonb(new), to_jsonb(old), row_to_json(new), row_to_json(old), new::text, old::text, new is null, old is null, coalesce(new.note, '-') || coalesce(old.note, '-'));
  if tg_op = 'DELETE' then return old; end if;
  return new;
end $$;
create trigger lacks_before before insert or update or delete on lacking for each row execute function lacks();
create trigger lacks_after after insert or update or delete on lacking for each row execute function lacks();
insert into lacking values (1, 'a'), (2, null);
update lacking set note = 'b' where id = 1;
delete from lacking where id = 1;
delete from lacking where id = 2;
select * from lacking_log order by at;
create function lacks_written() returns jsonb language plpgsql as $$ declare r record; begin delete from lacking where id = 8 returning * into r; return to_jsonb(r); end $$;
select lacks_written();
create function lacks_rows(what int) returns jsonb language plpgsql stable as $$
declare r record; l lacking; x lacking%rowtype;
begin
  if what = 1 then select * into r from lacking where id = 9; return to_jsonb(r);
  elsif what = 2 then select * into l from lacking where id = 9; return to_jsonb(l);
  elsif what = 3 then for r in select id, note from lacking where id = 9 loop end loop; return to_jsonb(r);
  elsif what = 4 then select id, note into r from lacking where id = 9; return jsonb_build_object('null', r is null, 'id', r.id, 'text', r::text);
  elsif what = 5 then execute 'select 1 as a, 2 as b where false' into r; return to_jsonb(r);
  elsif what = 6 then return to_jsonb(x);
  end if;
  return null;
end $$;
select n, lacks_rows(n) from generate_series(1, 7) n;

-- The row that a function returns may depend on what happens.
create table kept (id int primary key, note text);
create function by_command() returns trigger language plpgsql as $$
begin return case tg_op when 'DELETE' then old else new end; end $$;
create function by_note() returns trigger language plpgsql as $$
begin
  return case when tg_op = 'INSERT' and new.note is null then null when tg_op in ('INSERT', 'UPDATE') then new end;
end $$;
create trigger by_command before insert or update or delete on kept for each row execute function by_command();
insert into kept values (1, 'a'), (2, 'b'), (3, null);
update kept set note = 'c' where id = 2;
delete from kept where id = 3;
select * from kept order by id;
create trigger by_note before insert or update or delete on kept for each row execute function by_note();
insert into kept values (4, null), (5, 'e');
delete from kept;
update kept set note = 'd' where id = 1;
select * from kept order by id;
create function without_end() returns trigger language plpgsql as $$ begin return case when true then new; end $$;
-- Rows that are returned may be other ones than new and old.
create table kept_rows (id int primary key, name text not null, updated_at int, tags text[], code varchar(3));
create function set_current() returns trigger language plpgsql as $$
declare
  _new record;
begin
  _new := new;
  _new."updated_at" = coalesce(old.updated_at, 0) + 1;
  return _new;
end $$;
create trigger set_current before update on kept_rows for each row execute procedure set_current();
insert into kept_rows values (1, 'a'), (2, 'b');
update kept_rows set name = 'c' where id = 1;
update kept_rows set tags = array[name], updated_at = 50;
select * from kept_rows order by id;
drop trigger set_current on kept_rows;
create function turned() returns trigger language plpgsql as $$
declare
  _new kept_rows%rowtype;
  _old kept_rows;
  _none record;
begin
  if tg_op = 'DELETE' then
    _old := old;
    if old.id = 2 then
      return null::kept_rows;
    end if;
    return _old;
  end if;
  select 9, new.name || '!', 7, null::text[], 'abc' into _new;
  _new.id := new.id * 10;
  if tg_op = 'INSERT' and new.id = 4 then
    return _none;
  elsif new.id = 5 then
    return (new.id, 'row'::text, 1, '{x}'::text[], new.code);
  elsif new.id = 6 then
    return coalesce(null::kept_rows, _new);
  elsif new.id = 7 then
    return case when new.name = 'g' then _new else new end;
  elsif new.id = 8 then
    return (select k from kept_rows k where k.id = 30);
  elsif new.id = 9 then
    return (select k from kept_rows k where k.id = 31);
  end if;
  return _new;
end $$;
create trigger turned before insert or update or delete on kept_rows for each row execute function turned();
insert into kept_rows values (3, 'c'), (4, 'd'), (5, 'e'), (6, 'f'), (7, 'g');
select * from kept_rows order by id;
update kept_rows set name = 'z' where id = 1;
delete from kept_rows where id in (2, 10);
insert into kept_rows values (9, 'none');
insert into kept_rows values (8, 'again');
select * from kept_rows order by id;
drop trigger turned on kept_rows;
create function formed_otherwise() returns trigger language plpgsql as $$ declare r record; begin execute 'select 1, 2, 3' into r; return r; end $$;
create trigger formed_otherwise before insert on kept_rows for each row execute function formed_otherwise();
insert into kept_rows values (11, 'k');
drop trigger formed_otherwise on kept_rows;
create function formed_longer() returns trigger language plpgsql as $$ declare r record; begin execute 'select 1, ''a''::text, 3, null::text[], null::varchar(3), 6' into r; return r; end $$;
create trigger formed_longer after insert on kept_rows for each row execute function formed_longer();
insert into kept_rows values (12, 'l');
create function returns_long() returns trigger language plpgsql as $$ declare r record; begin r := new; r.code := 'long'; return r; end $$;
create trigger returns_long before insert on kept_rows for each row execute function returns_long();
insert into kept_rows values (13, 'm');
drop trigger returns_long on kept_rows;
create function returns_rows() returns trigger language plpgsql as $$ begin return query select 1; end $$;
create function returns_next() returns trigger language plpgsql as $$ begin return next new; return null; end $$;
