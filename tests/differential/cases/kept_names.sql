-- Which function a name means in what definitions keep: what is built in comes first, as in queries.
create function public.lower(t text) returns text language sql immutable as $$ select 'mine:' || t $$;
create function public.now() returns text language sql stable as $$ select 'mine' $$;
create function public.gen_random_uuid() returns text language sql volatile as $$ select 'mine' $$;
create table n1 (id int primary key, a text, b text default lower('Q'), c text default public.lower('Q'), at timestamptz default now(), u uuid default gen_random_uuid(), check (lower(a) <> 'bad'));
insert into n1 (id, a) values (1, 'Q');
select id, a, b, c, at is not null as dated, u is not null as named from n1;
insert into n1 (id, a, at, u) values (2, 'BAD', null, null);
create table n2 (a text, g text generated always as (lower(a)) stored);
insert into n2 values ('Q');
select * from n2;
create unique index on n1 (lower(a));
insert into n1 (id, a) values (3, 'q') on conflict do nothing;
create view v1 as select id, lower(a) as l, public.lower(a) as mine from n1;
select * from v1;
create view v1f as select * from lower('X') as x;
select * from v1f;
create domain low as text check (lower(value) = value);
select 'q'::low, 'Q'::low;
select 'Q'::low;
create function atomic(a text) returns text language sql begin atomic select lower(a); end;
create function returned(a text default lower('D')) returns text language sql return lower(a) || public.lower(a);
select atomic('Q'), returned('Q'), returned();
alter table n2 alter column a type text using lower(a);
select * from n2;
alter table n2 add column d text default lower('Z');
select d from n2;

-- A function that comes later changes nothing that was kept before, nor does the caller's search path.
create table n3 (id int primary key, a varchar, b text default upper('q'), check (upper(a) <> 'BAD'));
create view v3 as select id, upper(a) as u, length(a) as n from n3;
create function public.upper(t text) returns text language sql immutable as $$ select 'mine' $$;
create function public.upper(t varchar) returns text language sql immutable as $$ select 'of varchar' $$;
create function public.length(t varchar) returns int language sql immutable as $$ select -1 $$;
insert into n3 (id, a) values (1, 'q');
insert into n3 (id, a) values (2, 'bad');
select id, a, b, upper(a) from n3;
select * from v3;
create schema s4;
create function s4.reverse(t text) returns text language sql immutable as $$ select 's4' $$;
create table n4 (a text, b text default reverse('ab'));
create function in_s4() returns text language sql set search_path = s4, public as $$ insert into n4 (a) values ('x') returning b || reverse('cd') $$;
select in_s4();

-- The types decide among what is built in and what is not.
create function public.round(v double precision, digits int) returns numeric language sql immutable as $$ select -v::numeric $$;
create function public.initcap(n int) returns text language sql immutable as $$ select 'of int' $$;
create table n5 (id int primary key, p numeric, f double precision, r numeric default round(2.55, 1), s numeric default round(2.5::float8, 1), t text default initcap('ab cd'), n text default initcap(7));
insert into n5 (id, p, f) values (1, 1.26, 1.26);
select * from n5;
alter table n5 add check (round(p, 1) > 0), add check (round(f, 1) < 0);
insert into n5 (id, p, f) values (2, 5, 5);
insert into n5 (id, p, f) values (3, -5, 5);
create index on n5 (round(p, 1), round(f, 1));
select id from n5 where round(p, 1) = 1.3;

-- A function with another number of arguments than any that is built in.
create function public.concat(a int, b int) returns int language sql immutable as $$ select a + b $$;
create function public.now(a int) returns int language sql immutable as $$ select a $$;
create function public.max(a int, b int) returns int language sql immutable as $$ select a * b $$;
create table n6 (a int default now(3), b text default concat('a', 'b', 'c'), c int default max(2, 4));
insert into n6 default values;
select * from n6;
create view v6 as select count(*) as n, max(a) as m from n6;
select * from v6;

-- A table's new name where its own checks, indexes and generated columns name its row.
create table posts (id int primary key, a int, tags int[], owner text, sum int generated always as (posts.a + (posts).id) stored,
  constraint fields check (posts.a > 0 and (posts).a < 100), constraint element check (posts.tags[1] is null or posts.tags[1] > 0),
  constraint whole check (to_jsonb(posts) ->> 'owner' <> 'x'));
create function valued(p posts) returns int language sql immutable as $$ select p.a * 2 $$;
create index on posts (valued(posts)) where (posts).a > 1 and valued(posts.*) > 2;
insert into posts values (1, 10, '{1}', 'me'), (2, 3, null, 'you');
create view tagged as select public.posts.tags[1] as tag from public.posts where posts.tags[1] > 0;
alter table posts rename to articles;
select * from tagged;
insert into articles values (3, 100, null, 'me');
insert into articles values (3, 10, '{0}', 'me');
insert into articles values (3, 10, null, 'x');
create schema other;
alter table articles set schema other;
alter table other.articles rename column owner to author;
alter table other.articles rename to a;
alter table other.a rename to tags;
insert into other.tags values (3, 100, null, 'me');
insert into other.tags values (3, 11, '{3}', 'me') returning sum;
alter table other.tags alter column author type varchar(20);
drop view tagged;
alter table other.tags alter column a type bigint;
insert into other.tags values (4, 100, null, 'me');
select * from other.tags where valued(tags) > 10 order by id;

-- A column's new name behind the star of a subquery in FROM.
create table base (a int, b text);
insert into base values (1, 'x'), (2, 'y');
create view of_sub as select r.a, r.b || '!' as u from (select * from base) r;
create view of_joined as select r.a, j.b from (select t.*, 1 as one from base t) r join (with w as (select * from base) select * from (select w.* from w) x) j on j.a = r.a;
create view of_lateral as select base.a, l.b from base, lateral (select * from base i where i.a = base.a) l;
create view of_double as select r.one from (select *, 1 as one from base x join base y on x.a = y.a) r;
create view over_all as with w as (select * from base) select * from (select * from w) r;
alter table base rename column a to c;
alter table base rename column b to d;
alter table base add column e int default 5;
select * from of_sub order by 1;
select * from of_joined order by 1;
select * from of_lateral order by 1;
select * from of_double;
select * from over_all order by 1;
