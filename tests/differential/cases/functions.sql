-- Functions in PL/pgSQL.
create table teams (id int primary key, name text not null unique, size int not null default 0 check (size >= 0));
create table members (team int not null references teams, name text not null, joined date default '2024-01-01', primary key (team, name));
insert into teams values (1, 'red', 2), (2, 'blue', 1), (3, 'green', 0);
insert into members (team, name) values (1, 'ada'), (1, 'bob'), (2, 'cy');

-- One value.
create function add(a int, b int default 10) returns int language plpgsql as $$ begin return a + b; end $$;
select add(1, 2), add(1), add(b => 1, a => 5), add(null);
select * from add(1);
select add(id, size) as sum from teams order by id;
select name from teams where add(id) > 11 order by id;
create function positional(int, text) returns text language plpgsql as $$ begin return $2 || ':' || $1; end $$;
select positional(1, 'a');
create function converted(a numeric) returns int language plpgsql as $$ begin return a; end $$;
select converted(1.5), converted(2.4);
create function as_text(a int) returns text language plpgsql as $$ begin return a; end $$;
select as_text(7) || 'x';
create function no_int(a text) returns int language plpgsql as $$ begin return a; end $$;
select no_int('12');
select no_int('x');
create function absent(a int) returns int language plpgsql as $$ begin if a > 0 then return a; end if; end $$;
select absent(1);
select absent(0);
create function strictly(a int, b int) returns int language plpgsql strict as $$ begin return a * b; end $$;
select strictly(2, 3), strictly(2, null);
create function nothing(a int) returns void language plpgsql as $$ begin update teams set size = a where id = 3; end $$;
select nothing(5) is null as n;
select size from teams where id = 3;
create function nothing_at_all() returns void language plpgsql as $$ begin return; end $$;
select count(*) from (select nothing_at_all()) as x;
create function day() returns date language plpgsql immutable as $$ declare d constant date := '2024-02-29'; begin return d + 1; end $$;
select day();
create function nope() returns int language plpgsql as $$ begin return nosuch(1); end $$;
select nope();
create function nope_table() returns int language plpgsql as $$ begin return (select a from nosuch); end $$;
select nope_table();

-- Variables.
create function variables(p_id int) returns text language plpgsql as $$
declare
  a int := 1;
  b teams.name%type;
  c text not null default 'c';
  d constant text = 'd';
  r teams%rowtype;
  t teams;
  e a%type := 4;
begin
  select name into b from teams where id = p_id;
  select * into r from teams where teams.id = p_id;
  select * into t from teams where teams.id = 99;
  return concat_ws(',', a, b, c, d, r.id, r.name, r.size, t is null, t.id, e, found);
end $$;
select variables(1);
select variables(9);
create function records() returns text language plpgsql as $$
declare r record; s text := '';
begin
  select 1 as a, 'x' as b into r;
  s := s || r.a || r.b;
  select 'y' as c into r;
  s := s || r.c;
  r := row(1, 2);
  select id, name into r from teams where id = 2;
  r.name := 'changed';
  return s || r.id || r.name || to_json(r)::text;
end $$;
select records();
create function unassigned() returns int language plpgsql as $$ declare r record; begin return r.a; end $$;
select unassigned();
create function no_field() returns int language plpgsql as $$ declare r teams; begin return r.nosuch; end $$;
select no_field();
create function nosuch_rowtype() returns int language plpgsql as $$ declare r nosuch%rowtype; begin return 1; end $$;
create function no_field_assigned() returns int language plpgsql as $$ declare r teams; begin r.nosuch := 1; return 1; end $$;
select no_field_assigned();
create function null_refused() returns int language plpgsql as $$ declare a int not null := 1; begin a := null; return a; end $$;
select null_refused();
create function const_refused() returns int language plpgsql as $$ declare a constant int := 1; begin a := 2; return a; end $$;
create function shadowed(a int) returns text language plpgsql as $$
<<outside>>
declare a int := a + 1;
begin
  declare a int := outside.a + 10;
  begin
    return concat_ws(',', a, outside.a, shadowed.a);
  end;
end $$;
select shadowed(1);
create function ambiguous(name text) returns int language plpgsql as $$ begin return (select id from teams where name = name); end $$;
select ambiguous('red');
create function as_variable(name text) returns int language plpgsql as $$
#variable_conflict use_variable
begin return (select id from teams where teams.name = name); end $$;
select as_variable('blue');
create function as_column(name text) returns int language plpgsql as $$
#variable_conflict use_column
begin return (select count(*) from teams where teams.name = name); end $$;
select as_column('blue');
create function qualified(name text) returns int language plpgsql as $$ begin return (select t.id from teams t where t.name = qualified.name); end $$;
select qualified('blue');
create function takes_row(t teams) returns text language plpgsql as $$ begin return t.name || t.size; end $$;
select takes_row(teams) from teams order by id;
select teams.takes_row from teams where id = 1;
select takes_row(null);
create function arrays(a int[]) returns int language plpgsql as $$ declare b int[] := '{}'; begin b := b || a || 5; b := array_append(b, 6); return array_length(b, 1) + b[1]; end $$;
select arrays('{1,2}');

-- Rows.
create function all_teams() returns setof teams language plpgsql stable as $$ begin return query select * from teams order by id; end $$;
select * from all_teams();
select name from all_teams() where size > 0 order by size;
select count(*) from all_teams();
create function named(p text) returns teams language plpgsql as $$ declare t teams; begin select * into t from teams where name = p; return t; end $$;
select * from named('red');
select * from named('nosuch');
select (named('blue')).size;
create function pairs() returns table (k text, n bigint) language plpgsql as $$
begin
  return query select t.name, count(m.team) from teams t left join members m on m.team = t.id group by t.name order by t.name;
  k := 'own'; n := 7;
  return next;
  return query values ('v', 1::bigint);
end $$;
select * from pairs();
select p.k from pairs() p where p.n > 0;
create function mismatched() returns table (k text, n bigint) language plpgsql as $$ begin return query select name, id from teams; end $$;
select * from mismatched();
create function too_few() returns table (k text, n bigint) language plpgsql as $$ begin return query select name from teams; end $$;
select * from too_few();
create function counted(n int) returns setof int language plpgsql as $$ begin for i in 1..n loop return next i * 2; end loop; return; end $$;
select * from counted(3);
select sum(counted) from counted(4);
create function next_rows() returns setof teams language plpgsql as $$ declare r teams; begin for r in select * from teams order by id desc loop r.size := r.size + 100; return next r; end loop; end $$;
select id, size from next_rows();
create function outs(a int, out b int, out c text) language plpgsql as $$ begin b := a * 2; c := 'c' || a; end $$;
select * from outs(4);
select (outs(5)).c;
create function single_out(out b int) language plpgsql as $$ begin b := 3; end $$;
select single_out();
select * from single_out();
create function both_ways(inout a int) language plpgsql as $$ begin a := a + 1; end $$;
select both_ways(4);
create function set_outs(out a int, out b text) returns setof record language plpgsql as $$ begin for a, b in select id, name from teams order by id loop return next; end loop; end $$;
select * from set_outs();
create function bad_record() returns teams language plpgsql as $$ declare r record; begin select 1 as a, 2 as b into r; return r; end $$;
select * from bad_record();
create function row_value() returns teams language plpgsql as $$ begin return (9, 'nine', 1)::teams; end $$;
select * from row_value();
create function no_row() returns teams language plpgsql as $$ begin return null; end $$;
select * from no_row();

create function any_rows(n int) returns setof record language plpgsql as $$ begin return query select i, 'r' || i from generate_series(1, n) i; end $$;
select * from any_rows(2) as t (a int, b text);
select * from any_rows(2) as t (a int, b int);

-- What decides.
create function judged(n int) returns text language plpgsql as $$
begin
  if n < 0 then return 'negative'; elsif n = 0 then return 'zero'; else null; end if;
  case when n > 100 then return 'many'; else null; end case;
  case n when 1, 2 then return 'few'; when 3 then return 'three'; end case;
end $$;
select judged(-1), judged(0), judged(2), judged(3), judged(101);
select judged(4);
create function loops() returns text language plpgsql as $$
declare s text := ''; i int := 0; r record; w text; x int;
begin
  loop
    i := i + 1;
    continue when i = 2;
    exit when i > 4;
    s := s || i;
  end loop;
  s := s || '|';
  while i > 0 loop i := i - 2; s := s || i; end loop;
  s := s || '|';
  for i in reverse 5..1 by 2 loop s := s || i; end loop;
  s := s || '|' || i || '|';
  for i in 3..1 loop s := s || 'never'; end loop;
  s := s || found || '|';
  for r in select id, name from teams order by id loop s := s || r.id || r.name; end loop;
  s := s || found || '|';
  for x, w in select id, name from teams order by name loop s := s || w; exit when x = 3; end loop;
  s := s || '|';
  foreach w in array array['p', 'q'] loop s := s || w; end loop;
  for r in select 1 as other where false loop null; end loop;
  return s || '|' || found || (r.other is null);
end $$;
select loops();
create function nested() returns text language plpgsql as $$
declare s text := '';
begin
  <<rows>>
  for i in 1..3 loop
    <<inner>>
    for j in 1..3 loop
      continue rows when j = 2 and i = 1;
      exit rows when i = 3;
      s := s || i || j || ' ';
    end loop inner;
  end loop rows;
  <<part>>
  begin
    s := s || 'in';
    exit part;
    s := s || 'never';
  end part;
  return s;
end $$;
select nested();
create function null_bound() returns int language plpgsql as $$ begin for i in 1..null loop null; end loop; return 1; end $$;
select null_bound();
create function null_array() returns int language plpgsql as $$ declare x int; begin foreach x in array null::int[] loop null; end loop; return 1; end $$;
select null_array();
create function bad_step(n int) returns int language plpgsql as $$ begin for i in 1..2 by n loop null; end loop; return 1; end $$;
select bad_step(0);
create function rows_in_loop() returns int language plpgsql as $$
declare r record; total int := 0;
begin
  for r in select * from teams loop
    update teams set size = size + 1 where id = r.id;
    total := total + r.size;
  end loop;
  return total;
end $$;
select rows_in_loop();
select id, size from teams order by id;
create function recursive(n int) returns int language plpgsql as $$ begin if n <= 1 then return 1; end if; return n * recursive(n - 1); end $$;
select recursive(6);

-- Writes.
create function writes(p text) returns int language plpgsql as $$
declare v int; n int;
begin
  insert into teams (id, name) values ((select max(id) + 1 from teams), p) returning id into v;
  update teams set size = 1 where name = p;
  get diagnostics n = row_count;
  if not found then raise exception 'not found'; end if;
  delete from members where team = 99;
  if found then raise exception 'found'; end if;
  perform 1 from teams where id = v;
  if not found then raise exception 'not found'; end if;
  return v * 10 + n;
end $$;
select writes('white');
select writes('white');
select id, name, size from teams order by id;
create function strict_into(p text) returns int language plpgsql as $$ declare v int; begin select id into strict v from teams where name like p; return v; end $$;
select strict_into('red');
select strict_into('nosuch');
select strict_into('%e%');
create function many_returned() returns int language plpgsql as $$ declare v int; begin update teams set size = size returning id into v; return v; end $$;
select many_returned();
create function returning_all() returns setof teams language plpgsql as $$ begin return query update teams set size = size + 1 where id < 3 returning *; end $$;
select id, size from returning_all() order by id;
create function stable_write() returns int language plpgsql stable as $$ begin update teams set size = 0; return 1; end $$;
select stable_write();
create function calls_others(a int) returns int language plpgsql as $$ declare x int; begin x := add(a, 1); perform nothing(x); return x + (select size from teams where id = 3); end $$;
select calls_others(4);
create function upserts(p int, p_name text) returns text language plpgsql as $$
begin
  insert into teams (id, name) values (p, p_name) on conflict (id) do update set name = excluded.name;
  return (select string_agg(name, ',' order by id) from teams);
end $$;
select upserts(3, 'grey');

-- Errors.
create function raises(kind text) returns int language plpgsql as $$
begin
  case kind
    when 'plain' then raise exception 'no % of %', 1, 'two';
    when 'code' then raise exception 'paid' using errcode = 'PT402', detail = 'd', hint = 'h';
    when 'named' then raise unique_violation using message = 'taken';
    when 'sqlstate' then raise sqlstate '22012';
    when 'notice' then raise notice 'hears nobody %', kind; return 1;
    when 'using' then raise using errcode = 'check_violation', message = 'bad', constraint = 'c';
    when 'null' then raise exception 'x' using hint = null;
    else raise exception using message = 'else';
  end case;
end $$;
select raises('plain');
select raises('code');
select raises('named');
select raises('sqlstate');
select raises('notice');
select raises('using');
select raises('null');
select raises('other');
create function handles(a int) returns text language plpgsql as $$
declare s text; d text; c text; h text; k text;
begin
  insert into teams (id, name) values (50, 'inner');
  begin
    if a = 1 then insert into teams (id, name) values (1, 'dup'); end if;
    if a = 2 then perform 1 / 0; end if;
    if a = 3 then update teams set size = -1 where id = 1; end if;
    if a = 4 then raise exception 'own' using detail = 'dd', hint = 'hh', errcode = 'ABCDE'; end if;
    if a = 5 then insert into members (team, name) values (99, 'x'); end if;
    return 'fine';
  exception
    when unique_violation then
      get stacked diagnostics s = returned_sqlstate, d = message_text, c = constraint_name;
      return concat_ws('|', s, d, c, sqlstate, sqlerrm);
    when division_by_zero then return 'zero ' || sqlerrm;
    when integrity_constraint_violation then return 'class ' || sqlstate;
    when others then
      get stacked diagnostics d = pg_exception_detail, h = pg_exception_hint;
      return concat_ws('|', sqlstate, sqlerrm, d, h);
  end;
end $$;
select handles(1);
select count(*) from teams where id = 50;
delete from teams where id = 50;
select handles(2);
delete from teams where id = 50;
select handles(3);
delete from teams where id = 50;
select handles(4);
delete from teams where id = 50;
select handles(5);
delete from teams where id = 50;
create function undone() returns int language plpgsql as $$
begin
  begin
    insert into teams (id, name) values (60, 'undone');
    raise exception 'x';
  exception when others then null;
  end;
  return (select count(*) from teams where id = 60);
end $$;
select undone();
create function again() returns int language plpgsql as $$ begin begin perform 1 / 0; exception when others then raise; end; return 1; end $$;
select again();
create function reader() returns text language plpgsql stable as $$ begin return 1 / 0; exception when division_by_zero then return 'caught'; end $$;
select reader(), name from teams where id = 1;
create function asserts(a int) returns int language plpgsql as $$ begin assert a > 0, 'not positive: ' || a; assert a < 10; return a; end $$;
select asserts(1);
select asserts(-1);
select asserts(11);

-- SQL that is put together.
create function counts(t text) returns bigint language plpgsql as $$ declare n bigint; begin execute format('select count(*) from %I', t) into n; return n; end $$;
select counts('teams'), counts('members');
select counts('nosuch');
create function executes(p int) returns text language plpgsql as $$
declare r record; s text := ''; n int;
begin
  execute 'update teams set size = $1 where id = $2' using p + 1, 2;
  get diagnostics n = row_count;
  execute 'select name, size from teams where id = $1' into r using 2;
  for r in execute 'select id from teams where id < $1 order by id' using 3 loop s := s || r.id; end loop;
  execute 'select name, size from teams where id = 2' into r;
  return concat_ws(',', n, r.name, r.size, s, found);
end $$;
select executes(41);
create function executed_rows(p text) returns setof teams language plpgsql as $$ begin return query execute 'select * from teams where name = $1' using p; end $$;
select * from executed_rows('red');
create function null_text() returns int language plpgsql as $$ begin execute null; return 1; end $$;
select null_text();

-- Within SQL.
create function is_member(t int, who text) returns boolean language plpgsql stable security definer as $$ begin return exists (select 1 from members m where m.team = t and m.name = who); end $$;
select id, is_member(id, 'ada') as ada from teams order by id;
select t.name from teams t join members m on is_member(t.id, m.name) order by 1;
select max(add(id)) from teams;
select case when id = 1 then add(id) else -1 end as x from teams order by id;
create view judged_teams as select id, judged(id) as said from teams where id < 4;
select * from judged_teams order by id;
create function calls_sql(a int) returns int language sql as $$ select add(a, 1) + add(a, 2) $$;
select calls_sql(1);
create function fails(a int) returns int language plpgsql as $$ begin if a = 2 then raise exception 'two'; end if; return a; end $$;
select fails(id) from teams;
select fails(id) from teams where id <> 2 order by id;
select add(1, 2) + add(3, 4) as sum, add(5) as ten;
insert into teams (id, name, size) values (add(60, 1), 'added', add(1, 1)) returning id, size;
update teams set size = add(size, 1) where id = 61 returning size;
delete from teams where id = add(60, 1);

-- What is told when a function is made.
create function bad() returns int language plpgsql as $$ begin x := 1; return 1; end $$;
create function bad() returns int language plpgsql as $$ begin return; end $$;
create function bad() returns void language plpgsql as $$ begin return 1; end $$;
create function bad() returns int language plpgsql as $$ begin return next 1; end $$;
create function bad() returns int language plpgsql as $$ begin return query select 1; end $$;
create function bad() returns setof int language plpgsql as $$ begin return 1; end $$;
create function bad(out a int) language plpgsql as $$ begin return 1; end $$;
create function bad() returns int language plpgsql as $$ declare a nosuch; begin return 1; end $$;
create function bad() returns int language plpgsql as $$ declare a nosuch.x%type; begin return 1; end $$;
create function bad() returns int language plpgsql as $$ declare a int; a int; begin return 1; end $$;
create function bad() returns int language plpgsql as $$ begin exit; end $$;
create function bad() returns int language plpgsql as $$ begin continue; end $$;
create function bad() returns int language plpgsql as $$ begin loop exit nosuch; end loop; end $$;
create function selects() returns int language plpgsql as $$ begin select 1; end $$;
select selects();
create function returns_all() returns int language plpgsql as $$ begin update teams set size = size returning id; end $$;
select returns_all();
create function bad() returns int language plpgsql as $$ begin return 1 end $$;
create function bad() returns int language plpgsql as $$ begin return 1 +; end $$;
create function bad() returns int language plpgsql as $$ begin if true then return 1; end $$;
create function bad() returns int language plpgsql as $$ begin raise exception 'a %', 1, 2; end $$;
create function bad() returns int language plpgsql as $$ begin raise nosuch; end $$;
create function bad() returns int language plpgsql as $$ declare x int; begin for x.y in select 1 loop null; end loop; return 1; end $$;
create function bad() returns int language plpgsql as $$ declare x int not null; begin return 1; end $$;
select bad();
create or replace function add(a int, b int default 10) returns int language plpgsql as $$ begin return a - b; end $$;
select add(1);
drop function add(int, int) cascade;

-- In tables and their policies.
create function next_code() returns text language plpgsql as $$ begin return 'c' || coalesce((select max(id) from coded), 0); end $$;
create table coded (id int primary key generated always as identity, code text default next_code());
insert into coded default values;
insert into coded default values returning code;
create function twice(a int) returns int language plpgsql immutable as $$ begin return a * 2; end $$;
create table checked (a int check (twice(a) < 10));
create index on teams (twice(id));
create table generated (a int, b int generated always as (twice(a)) stored);

-- Trigger functions do the same.
create function before_team() returns trigger language plpgsql as $$
declare r record; n int := 0; t teams%rowtype;
begin
  for r in select name from members where team = new.id loop n := n + 1; end loop;
  for i in 1..3 loop exit when i = 2; n := n + i; end loop;
  select * into t from teams where id = 1;
  new.size := new.size + n + t.id;
  execute 'select $1.name || $2' into new.name using new, '!';
  return new;
end $$;
create function before_simple() returns trigger language plpgsql as $$
declare r record; n int := 0; t teams%rowtype;
begin
  for r in select name from members where team = new.id loop n := n + 1; end loop;
  for i in 1..3 loop exit when i = 2; n := n + i; end loop;
  select * into t from teams where id = 1;
  new.size := new.size + n + t.id;
  execute 'select $1 || $2' into new.name using new.name, '!';
  return new;
end $$;
create trigger before_team before update on teams for each row execute function before_simple();
update teams set size = 10 where id = 2 returning name, size;
create function ambiguous_trigger() returns trigger language plpgsql as $$ declare size int := 1; begin perform 1 from teams where size = 1; return new; end $$;
create trigger z_ambiguous before update on teams for each row execute function ambiguous_trigger();
update teams set size = 10 where id = 2;
drop trigger before_team on teams;
drop trigger z_ambiguous on teams;

-- What does not end.
create function endless(a int) returns int language plpgsql as $$ begin return endless(a + 1); end $$;
select endless(1);
create function ping(a int) returns int language plpgsql as $$ begin return pong(a); end $$;
create function pong(a int) returns int language plpgsql as $$ begin return ping(a); end $$;
select ping(1);
-- A function of the name of the view that it reads.
create table addr (id int primary key, city text);
create table ord (id int primary key, bill int references addr);
insert into addr values (1, 'Bern'), (2, 'Ulm');
insert into ord values (10, 1), (11, 2);
create view av as select * from addr;
create function av(ord) returns setof av language sql stable as $$ select * from av where id = $1.bill $$;
create function av() returns setof av language sql stable as $$ select * from av $$;
create function av(i int) returns setof av language sql stable as $$ select * from av where id = i $$;
select * from av();
select * from av(2);
select o.id, a.city from ord o, av(o) a order by 1;
create function nothings() returns setof void language sql as $$ select 1; select 2 $$;
select nothings() is null;
create function nothing() returns void language sql as $$ select 1 $$;
select nothing() is null;
