-- Where an operator ends: before a sign that is the operand's, and before a comment.
create table t (id int primary key, a int default -+1, d jsonb, v int default - - 2, check (a>-9));
insert into t values (1, -1, '[10, 20]'), (2, 0, '{"a": 1}'), (3, 1, null);
select id, a>-1, a<>-1, a>=-1, a<=-1, a<-1, a=-1, a<>+1, a>=+1 from t order by id;
select id from t where a>-1 order by id;
select d->-1, d->>-1, d->'a' from t order by id;
select 2-+-1, 2*-1, 6/-3, 2+-1, 1<<+2, 5-+3;
select 2->-1;
select 5%-1;
select 1||-1;
select 3&-1;
select a>-- it's a comment
-1 from t order by id;
select a>/* it's /* a nested */ one */-1, a||/* c */'x', '>--'||/**/'/*' from t order by id;
insert into t values (4, -10);
insert into t (id) values (5) returning a, v;
update t set a=-a where a<>-1 returning id, a;
create view w as select id from t where a>-1 and v>=-2;
select * from w order by id;
create function above(n int) returns setof int language sql begin atomic select id from t where a>-n order by id; end;
select above(1);
create function below(n int) returns int language plpgsql as $$
begin
  if n>-1 then return n-+1; end if;
  return n<>-- it's
    -5;
end $$;
select below(1), below(0);

-- A SELECT that ends with its list before ON CONFLICT.
create table k (id int primary key, v text, d date);
insert into k select 1,'a' on conflict do nothing;
insert into k select 1,'b' on conflict do nothing;
insert into k select 1,'b' on conflict (id) do update set v = excluded.v returning id, v, d;
insert into k (id, v, d) select 2,'c','2024-01-01' on conflict do nothing returning *;
insert into k select 3,'d' union select 1, 'e' on conflict (id) do update set v = excluded.v;
insert into k with n as (select 4 as id) select (select id from n),'f' on conflict do nothing;
insert into k select 5 as id, 'g' as v on conflict do nothing;
insert into k select 6, v from k where id = 5 order by id limit 1 on conflict do nothing;
insert into k select 6, 'on' on conflict (id) do update set v = (select 'a');
select * from k order by id;

-- Subscripts are assigned to integers.
select (array['gold', 'silver'])[2::bigint], (array['gold', 'silver'])[2::numeric], (array['gold', 'silver'])[1.6], (array['gold', 'silver'])['2'], (array['gold', 'silver'])[null];
select pg_typeof((array['gold', 'silver'])[1::bigint]), pg_typeof((array[1.5, 2])[1::bigint]);
select id, (array['gold', 'silver', 'bronze'])[rank() over (order by id)] as medal from t where id < 4 order by id;
select (array['gold', 'silver'])[5000000000];
select (array['gold', 'silver'])['2'::text];
select (array['gold', 'silver'])[true];
select (array['gold', 'silver', 'bronze'])[1:2::bigint], (array[[1, 2], [3, 4]])[2::bigint][1::bigint];
select ('[1,2,3]'::jsonb)[1::bigint];
select ('[1,2,3]'::jsonb)[true];
select ('[1,2,3]'::jsonb)[1], ('{"a": 1}'::jsonb)['a'];
create function nth(tags text[], n bigint) returns text language sql as $$ select tags[n] $$;
select nth(array['x', 'y'], 2), nth(array['x', 'y'], 3);
select nth(array['x', 'y'], 3000000000);
select array['1', '2']::int[], array[['1', '2'], ['3', '4']]::int[], array['a', null]::text[], array['abc']::varchar(2)[], array['2024-01-01', 'infinity']::date[];
select array['1', 'x']::int[];
select array[['1'], ['2', '3']]::int[];

select percentile_cont(array[0.5, 0.9]) within group (order by a) from t;
create function emptied() returns int language plpgsql as $$ begin truncate t; return 1; end $$;
