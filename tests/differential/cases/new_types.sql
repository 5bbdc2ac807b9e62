-- A default when its column's type changes: it stays the value that it was.
create type mood as enum ('sad', 'ok');
create table t (
  id serial primary key, bo boolean default 'yes', ts timestamp default '2024-01-01', ti time default '9:00', iv interval default '90 min',
  j jsonb default '{"b":1, "a" : 2}', u uuid default 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', l int[] default '{1, 2,  3}', m mood default 'ok', ml mood[] default '{sad, ok}',
  c char(5) default 'ab', n numeric(5, 2) default '7', d date default '20240102', i int default '42', k int default 7, e text default E'a\tb'
);
insert into t default values;
alter table t alter column bo type text;
alter table t alter column ts type text, alter column ti type text;
alter table t alter column iv type text, alter column j type text, alter column u type text;
alter table t alter column l type text, alter column m type text, alter column ml type text;
alter table t alter column c type text, alter column n type text, alter column d type text, alter column i type text, alter column k type text;
insert into t default values;
select * from t order by id;
alter table t alter column ml drop default;
drop type mood;
alter table t alter column bo type boolean using bo::boolean;
alter table t alter column k type int using k::int;
insert into t default values returning bo, k;
alter table t alter column i type int using i::int;
alter table t alter column i drop default;
alter table t alter column i type int using i::int;
create table s (id int, c text default '2024-01-01', v varchar(3) default 'abc', w text default '5', f float8 default 1.5, o text default 5);
alter table s alter column c type timestamptz using c::timestamptz;
alter table s alter column c drop default, alter column c type date using c::date;
alter table s alter column w type int using w::int;
alter table s alter column v type varchar(2);
insert into s (id) values (1);
insert into s (id, v) values (1, 'ab') returning *;
alter table s alter column v type text;
insert into s (id) values (2) returning *;
alter table s alter column f type int;
alter table s alter column o type int using o::int;
insert into s (id) values (3) returning f, o;

-- How deep triggers run within each other.
create table deep (id int primary key, n int, said text);
create function sink() returns trigger language plpgsql as $$
begin
  new.said := concat(new.said, pg_trigger_depth(), ',');
  if new.n > 0 then
    insert into deep values (new.id + 1, new.n - 1, new.said);
  end if;
  return new;
end $$;
create trigger sinks before insert on deep for each row execute function sink();
insert into deep values (1, 3);
select * from deep order by id;
create table told (id int, depth int);
create function tell() returns trigger language plpgsql as $$ begin insert into told values (new.id, pg_trigger_depth()); update deep set n = n where id = new.id; return null; end $$;
create trigger tells after update on deep for each row when (pg_trigger_depth() = 0) execute function tell();
update deep set n = 0 where id < 3;
select * from told order by id;
select pg_trigger_depth(), count(*) from deep where id > pg_trigger_depth();

-- Generated columns of a row that is still to be written.
create table g (id int, a int, b int generated always as (a * 2) stored);
create function pass() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger x before update on g for each row when (old.* is distinct from new.*) execute function pass();
create trigger x before update on g for each row when (old.b <> new.b) execute function pass();
create trigger x before update on g for each row when (old.a <> new.a and new is not null) execute function pass();
create trigger x before update on g for each row when (old.* is distinct from null) execute function pass();
create trigger y after update on g for each row when (old.* is distinct from new.*) execute function pass();
create trigger z before update on t for each row when (old.* is distinct from new.*) execute function pass();

-- Predicates in definitions, as in queries.
create table between_ (id int, a int check (a between symmetric 9 and 1), b int, check (b isnull or b > 0));
insert into between_ values (1, 5), (2, 9);
insert into between_ values (1, 15);
insert into between_ values (1, 5, 0);
create policy p on between_ using (a between symmetric 9 and 1 and b isnull);
create index on between_ (id) where a between symmetric 9 and 1;
create trigger x before insert on between_ for each row when (new.a between symmetric 20 and 1) execute function pass();
insert into between_ values (3, 6) returning *;
