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
