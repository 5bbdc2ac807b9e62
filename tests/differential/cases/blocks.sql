-- Blocks of a script.
create table t (id int primary key, n int);
do $$ begin insert into t values (1, 10); insert into t select i, i * 10 from generate_series(2, 4) i; end $$;
select * from t order by id;
do language plpgsql $$ declare r record; begin for r in select * from t loop update t set n = r.n + 1 where id = r.id; end loop; end $$;
do $$ begin delete from t where id = 4; end $$ language plpgsql;
select * from t order by id;
do $$ begin create type mood as enum ('sad', 'ok'); exception when duplicate_object then null; end $$;
do $$ begin create type mood as enum ('sad', 'ok'); exception when duplicate_object then null; end $$;
select 'ok'::mood;
do $$
begin
  if not exists (select 1 from t where id = 99) then
    create table made (id int primary key, m mood default 'ok');
    insert into made (id) values (1);
    alter table made add column more text default 'x';
    insert into made (id, more) values (2, 'y');
  end if;
end $$;
select * from made order by id;
do $$
begin
  for i in 1..2 loop
    execute format('create table %I (a int)', 'part_' || i);
    execute format('insert into %I values ($1)', 'part_' || i) using i;
  end loop;
end $$;
select a from part_1 union all select a from part_2 order by a;
do $$
begin
  begin
    create table undone (a int);
    insert into undone values (1);
    alter table t add column gone int;
    perform 1 / 0;
  exception when division_by_zero then
    create table kept (a int);
  end;
end $$;
select * from undone;
select * from kept;
select * from t order by id;
do $$ begin create table t (a int); end $$;
do $$ begin raise exception 'no' using errcode = 'PT402'; end $$;
do $$ begin insert into t values (5, 5); perform 1 / 0; end $$;
select count(*) from t;
do $$ begin return 1; end $$;
do $$ begin x := 1; end $$;
do $$ begin select 1; end $$;
do $$ begin return; end $$;
do $$ begin null end $$;
do 'begin insert into t values (6, 6); end';
select count(*) from t;
create policy p on t for select using (true);
do $$ begin create policy p on t for select using (true); exception when duplicate_object then alter table t enable row level security; end $$;
drop table t;
do $$ begin drop table if exists t; drop type mood; exception when dependent_objects_still_exist then drop type mood cascade; end $$;
select * from made order by id;
-- What an inner block does not handle undoes the outer one's writes too.
create table nested (x int);
do $$ begin
  insert into nested values (1);
  begin
    insert into nested values (2);
    raise exception 'not for the inner one';
  exception when division_by_zero then insert into nested values (20);
  end;
exception when raise_exception then insert into nested values (3);
end $$;
select x from nested order by x;
create function deeper() returns void language plpgsql as $$ begin
  insert into nested values (4);
  perform 1 / 0;
exception when unique_violation then insert into nested values (40);
end $$;
do $$ begin
  insert into nested values (5);
  perform deeper();
exception when division_by_zero then insert into nested values (6);
end $$;
select x from nested order by x;
-- A text that is executed may have several statements.
do $$ declare t text; begin
  foreach t in array array['many_a', 'many_b'] loop
    execute format('create table %I (x int); alter table %I enable row level security; create policy p on %I using (x > 0);', t, t, t);
    execute format('insert into %I values (1); insert into %I values (2), (0)', t, t);
  end loop;
end $$;
select x from many_a order by x;
select tablename, policyname from pg_policies where tablename like 'many%' order by 1;
create function twice(v int) returns bigint language plpgsql as $$ declare n bigint; begin
  execute 'insert into many_a values (10); update many_a set x = x + 1 where x = 10';
  execute 'delete from many_b; select count(*) from many_a' into n;
  return n;
end $$;
select twice(1);
select x from many_a order by x;
select x from many_b;
do $$ begin execute 'insert into many_a values ($1); insert into many_a values (8)' using 7; end $$;
do $$ begin execute 'insert into many_a values (9); insert into nowhere values (8)'; end $$;
select x from many_a order by x;
