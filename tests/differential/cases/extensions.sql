-- Extensions are called by the schema where they are.
create schema tools;
create extension if not exists "uuid-ossp" with schema public;
create extension pgcrypto schema tools;
create extension pg_trgm with schema public cascade;
create extension pg_trgm;
create extension if not exists pg_trgm with schema tools;
create table t (id int primary key, name text, made uuid default public.uuid_generate_v4(), other uuid not null default tools.gen_random_uuid());
insert into t (id, name) values (1, 'Katherine'), (2, 'Bob');
select name from t where made <> other order by id;
select encode(tools.digest(name, 'md5'), 'hex') from t order by id;
select public.digest('x', 'md5');
select tools.similarity('a', 'a');
select public.similarity(name, 'catherine') > 0.3, name operator(public.%) 'katherine', similarity(name, name) from t order by id;
create index t_name on t using gin (name public.gin_trgm_ops);
create index t_lower on t using gist (lower(name) public.gist_trgm_ops);
create view alike as select name from t where public.similarity(name, 'catherine') > 0.3;
select * from alike;
create function alike(word text) returns setof text language plpgsql stable set search_path = '' as $$
begin return query select name from public.t where public.similarity(name, word) > 0.3; end $$;
select * from alike('catherine');
alter extension "uuid-ossp" set schema nowhere;
alter extension "uuid-ossp" set schema tools;
alter extension nosuch set schema tools;
insert into t (id) values (3);
select made is not null, tools.uuid_generate_v4() is not null from t where id = 3;
select e.extname, n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname <> 'plpgsql' order by 1;

-- Nobody plans by extended statistics here.
create statistics s (dependencies, ndistinct) on id, name from t;
create statistics if not exists s on id, name from t;
comment on statistics s is 'both';
alter statistics s set statistics 100;
alter statistics s rename to r;
drop statistics r;
drop statistics if exists r;
