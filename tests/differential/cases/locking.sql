-- Queries that lock rows.
create table t (id int primary key, n int not null);
create table u (id int primary key, t_id int references t);
insert into t values (1, 10), (2, 20);
insert into u values (1, 1), (2, null);
select * from t where id = 1 for update;
select * from t order by id for no key update;
select * from t order by id for share;
select * from t order by id for key share skip locked;
select * from t where id = 2 for update nowait;
select t.n, u.id from t join u on u.t_id = t.id for update of t, u;
select t.n, u.id from t join u on u.t_id = t.id for update of u for share of t;
select x.n from t as x for update of x;
select x.n from t as x for update of t;
select n from t for update of nosuch;
select t.n from u left join t on u.t_id = t.id for update;
select u.id from u left join t on u.t_id = t.id order by u.id for update of u;
select count(*) from t for update;
select n from t group by n for update;
select distinct n from t for update;
select n from t union select id from u for update;
select n from (select * from t for update) as s order by n;
select id from t where n = (select max(n) from t for update);
select id from t where n = (select n from t order by n desc limit 1 for update);
select substring('abc' from 2 for 1) as for_one, 1 as key;
select substring('abcdef' from 2 for key), overlay('abcdef' placing 'x' from 2 for no) from (values (3, 1)) v (key, no);
select id as key from t order by id for key share of t;
select id from t for no update;
select id from t for key update;

-- Types of columns that triggers ask for.
create function f() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger by_column before update of n on t for each row execute function f();
create trigger by_condition after update on u for each row when (old.t_id is distinct from new.t_id) execute function f();
alter table t alter n type bigint;
alter table u alter column t_id type text;
drop trigger by_column on t;
alter table t alter n type bigint;
