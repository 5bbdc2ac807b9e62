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

-- Signatures over a table's rows follow the table.
create table m (id text, who text);
insert into m values ('ann', 'bob');
create function one_out(out r m) language sql stable as 'select m from m';
create function pairs() returns table (r m, k int) language sql stable as 'select m, 4 from m';
create function alone() returns table (r m) language sql stable as 'select m from m';
create function through(inout r m) language sql stable as 'select r';
create function both_ways(inout r m, out k int) language sql stable as 'select r, 5';
create function listed(list m[]) returns text language sql stable as 'select string_agg(x::text, $$;$$) from unnest(list) x';
create function gathered() returns m[] language sql stable as 'select array_agg(m) from m';
create function several(variadic list m[]) returns int language sql stable as 'select cardinality(list)';
create function in_steps(out r m, out k int) language plpgsql stable as $$ begin select m.* into r from m; k = 6; end $$;
create function single_step(out r m) language plpgsql stable as $$ begin select m.* into r from m; end $$;
create function stepped_rows() returns table (r m) language plpgsql stable as $$ begin return query select * from m; end $$;
alter table m drop column who;
alter table m add column other text default 'new';
alter table m add column n int default 7;
alter table m alter column n type bigint;
select * from one_out();
select to_json(pairs) from pairs();
select (r).other, (r).n, k from pairs();
select * from alone();
select * from m, through(m);
select to_json(r), k from m, both_ways(m);
select listed(array[m]), listed(array_agg(m)) from m group by m;
select to_json(gathered()), (gathered())[1].n;
select several(m, m) from m;
select to_json(r), k from in_steps();
select * from single_step();
select * from stepped_rows();
alter table m rename column other to another;
select to_json(pairs) from pairs();
alter table m rename to mm;
select to_json(r), k from mm, both_ways(mm);
alter table mm add column last int default 9;
select to_json(r), k from mm, both_ways(mm);
select several(mm, mm), listed(array[mm]) from mm;
create type duo as (a int, b int);
create function duo_out(out d duo) language sql as 'select row(1, 2)::duo';
create function duo_steps(out d duo) language plpgsql as $$ begin d = row(3, 4); end $$;
select * from duo_out(), duo_steps();
create view mv as select id from mm;
create function of_view(v mv, out w mv, out k int) language sql as 'select v, 1';
create or replace view mv as select id, n from mm;
select to_json(w), k from mv, of_view(mv);
