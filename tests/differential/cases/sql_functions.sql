-- Functions in SQL: an argument that differs each time is evaluated once for a call, and for each call.
create table t (id int primary key);
insert into t values (1), (2), (3);
create function half(a float8) returns float8 language sql as $$ select a / 2 $$;
create function doubled(a float8) returns float8 language sql as $$ select a + a $$;
create function unlike(a float8) returns boolean language sql as $$ select a <> a $$;
create function twice(a float8) returns table (x float8, y float8) language sql as $$ select a, a $$;
select count(distinct half(random())), count(distinct doubled(random() + id)), bool_or(unlike(random() + id)) from t;
select x = y as same from twice(random());
select half(random() * 0 + id) from t order by half(random() * 0 - id);
select id % 2 as odd, half(random() * 0 + 4), sum(half(random() * 0 + id)) from t group by id % 2 order by 1;

-- A parsed body takes what other bodies take.
create table parsed_rows (id int generated always as identity primary key, n int, cat text);
create function parsed_writes() returns setof int language sql begin atomic
  insert into parsed_rows (id, n, cat) overriding system value values (1, null, 'a'), (2, 3, 'x'), (3, 5, 'z') returning id;
end;
create function parsed_reads(lo int, hi int) returns setof text language sql stable begin atomic
  select concat_ws('-', variadic array[id::text, cat]) from parsed_rows
  where (n between symmetric hi and lo or n isnull) and cat collate "C" < 'y' collate "C" order by id;
end;
create function parsed_table() returns setof parsed_rows language sql stable begin atomic table parsed_rows; end;
select * from parsed_writes();
select * from parsed_reads(1, 4);
select * from parsed_table() order by id;
alter table parsed_rows rename column cat to kind;
select * from parsed_reads(1, 4);
create view parsed_groups as select kind, (n + 1) * 2 as m, count(*) from parsed_rows group by rollup (kind, ((n + 1) * 2));
select * from parsed_groups order by kind, m;
alter table parsed_rows rename column kind to sort;
select * from parsed_groups order by kind, m;
select '[]'::jsonb #- '{a,b}', jsonb_set('[]', '{a}', '9', false), jsonb_set_lax('[]', '{a}', null, true, 'delete_key'), '{}'::jsonb #- '{a}';
select jsonb_set('[]', '{a}', '9');
select jsonb_set('[]', '{0}', '9');

-- A parameter's field, and all of them.
create table paired (id int, who text);
insert into paired values (1, 'ann'), (2, 'bob');
create function spread(p paired) returns paired language sql as 'select $1.*';
create function named(p paired) returns text language sql as 'select $1.who || $1.id';
create function copied(p paired) returns setof paired language sql as 'insert into paired values ($1.*) returning *';
select * from spread(row(3, 'eve')::paired);
select named(p), (spread(p)).who from paired p order by 1;
select * from copied(row(3, 'eve')::paired);
create table audit (id int, who text);
create function audited() returns trigger language plpgsql as $$
begin
  execute format('insert into %I select $1.*', 'audit') using new;
  execute 'insert into audit values ($1.id + 10, $1.who)' using new;
  return new;
end $$;
create trigger audited after insert on paired for each row execute function audited();
insert into paired values (4, 'dan');
select * from audit order by id;
