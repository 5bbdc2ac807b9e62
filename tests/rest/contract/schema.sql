-- What the contract speaks of and the tables of the other modules don't have.
create table names (
    id integer primary key, "a-b" text, "c$d" text, "select" text, "q""e" text, "b\s" text, "Über" text, "and" text
);
insert into names values (1, 'dash', 'dollar', 'reserved', 'quote', 'backslash', 'umlaut', 'logic'), (2, 'a"b', 'c,d', 'e)f', null, '', 'g_h', 'i*j');

create table docs (id integer primary key, flag boolean, body text, fields jsonb, plain json, list integer[]);
insert into docs values
    (1, true, 'The cats are amusing', '{"title": "a cat", "n": 5, "deep": [{"k": "x"}, {"k": "y"}], "0": "zero", "a-b": 1}', '{"s":  "cat"}', '{1,2,3}'),
    (2, false, 'A dog and a cat fight', '{"title": "dogs", "n": 20, "deep": null}', '"dog"', '{}'),
    (3, null, '50%_off \ now', null, null, null);

create function extensions.aside(public.films) returns text language sql stable as $$ select 'beside ' || $1.title $$;

create table rooms (id integer primary key, name text);
create table visits (id integer primary key, room_id integer references rooms);
create table keys (code text primary key, room_id integer not null unique references rooms);
create table marks (note text primary key, room_id integer references rooms);
create unique index marks_room on marks (room_id);
create table cells (row integer, col integer, primary key (row, col));
create table labels (text text primary key, r integer, c integer, unique (c, r), foreign key (r, c) references cells (row, col));
insert into cells values (1, 2), (2, 2);
insert into labels values ('one', 1, 2);
create table exits (
    id integer primary key,
    from_id integer constraint left_room references rooms,
    into_id integer constraint into_room references rooms
);
create table pupils (id integer primary key, name text);
create table lessons (id integer primary key, title text, monitor_id integer);
create table attends (
    pupil_id integer references pupils, lesson_id integer references lessons, since date default '2024-01-01',
    primary key (pupil_id, lesson_id, since)
);
alter table lessons add constraint lessons_monitor_id_fkey foreign key (monitor_id) references pupils;
create table borrows (id integer primary key, pupil_id integer references pupils, room_id integer references rooms);
create schema hidden;
create table hidden.shows (lesson_id integer references lessons, film_id integer references films, primary key (lesson_id, film_id));
insert into rooms values (1, 'attic'), (2, 'cellar');
insert into visits values (1, 1), (2, null);
insert into keys values ('k1', 1);
insert into marks values ('m', 1);
insert into exits values (1, 1, 2);
insert into pupils values (1, 'Ann'), (2, 'Bob');
insert into lessons values (1, 'art', null), (2, 'law', 2);
insert into attends (pupil_id, lesson_id) values (1, 1), (1, 2);

create view room_names as select id as room, name as label from rooms;
create view room_labels as select room as nr, label from room_names;
create view past_visits as select id as visit, room_id as at_room from visits;
create view qqq as select id, name from rooms where id = 1 union all select id, name from rooms where id = 2;
create view twice_visits as select id, room_id as room_a, room_id as room_b from visits;
create function twin(rooms) returns rooms language sql stable as $$ select * from rooms where id = 3 - $1.id $$;
create function others(rooms) returns setof rooms language sql stable as $$ select * from rooms where id <> $1.id $$;
create function one_visit(rooms) returns setof visits rows 1 language sql stable as $$ select * from visits $$;
create function visits(pupils) returns setof visits language sql stable as $$ select * from visits where false $$;

create table open (id integer primary key);
alter table open enable row level security;
create policy "all read" on open for select using (true);
insert into open values (1);

create table letters (id integer primary key, body text, secret text);
alter table letters enable row level security;
create policy "all do all" on letters using (true);
revoke all on letters from authenticated;
grant insert on letters to authenticated;
grant select (id, body) on letters to authenticated;
grant update (body) on letters to authenticated;

create function no_names(integer, integer) returns integer language sql immutable as $$ select $1 + $2 $$;
create function capped("limit" integer) returns integer language sql immutable as $$ select "limit" $$;
create function sum_of(numbers integer[]) returns bigint language sql immutable as $$ select sum(n) from unnest(numbers) n $$;
create function word_of(c character, v varchar) returns text language sql immutable as $$ select c || '|' || v $$;
create function joined(separator text, variadic words text[]) returns text language sql immutable
    as $$ select array_to_string(words, separator) $$;
create function words_of() returns setof text language sql stable as $$ values ('a'), (null) $$;
create function list_of() returns integer[] language sql immutable as $$ select '{1,2}'::integer[] $$;
create function born_in() returns year language sql immutable as $$ select 1999::year $$;
create function doubled_of(inout a integer, out b integer) language sql immutable as $$ select a, a * 2 $$;
create function forget() returns void language sql volatile as $$ delete from open $$;
create function over_zero() returns integer language sql stable as $$ select 1 / (count(*) - count(*))::integer from open $$;

create table "values" (
    id integer primary key, of_id integer default 1, n numeric, d double precision, f real, b bigint, t text, yes boolean, day date,
    moment timestamp, instant timestamptz, clock time, span interval, e bytea, j json, jb jsonb, a text[], c char(4)
);
create table marks_of (id integer primary key);
insert into marks_of values (1);
insert into "values" (id, n, d, f, b, t, yes, day, moment, instant, clock, span, e, j, jb, a, c) values
    (1, 1.50, 0.1, 0.5, 9007199254740993, 'plain, (text)', true, '2024-01-31', '2024-01-31 10:00:00.123', '2024-01-31 10:00:00+00', '10:30:00',
     '1 day 02:00:00', '\x0102', '{"b":1,  "a":2}', '{"bb":1.50, "a":1, "a":2}', '{x,NULL,"y z"}', 'ab'),
    (2, 'NaN', 'Infinity', 'NaN', -1, E'ü/"\\\n\t', false, 'infinity', '-infinity', 'infinity', '24:00:00',
     '-1 years -2 mons +3 days', '\x', '[ 1 ]', '"text"', '{}', ''),
    (3, 100, 1e20, 1e-7, 0, '', null, '0044-03-15 BC', '2024-01-31 10:00:00.000001', '0044-03-15 10:00:00+00 BC', '00:00:00.5',
     '0', null, null, null, null, null);
insert into "values" (id, t) values (4, E'\u0001');
alter table "values" add constraint values_of foreign key (of_id) references marks_of (id);

create table echoes (id integer primary key, echoes text);
insert into echoes values (1, 'a');
create function loud(echoes) returns text language sql stable as $$ select upper($1.echoes) $$;
create function same(echoes) returns setof echoes rows 1 language sql stable as $$ select * from echoes where id = $1.id $$;
create table envelopes (id integer primary key, letter_id integer references letters);
alter table envelopes enable row level security;
create policy "all do all" on envelopes using (true);
insert into envelopes values (1, null);
create function tail_of(head text, variadic words text[] default '{}') returns text language sql immutable
    as $$ select head || array_to_string(words, ',') $$;
create function all_of(variadic words text[]) returns text language sql immutable as $$ select array_to_string(words, ',') $$;
create function cookies() returns json language sql stable as $$ select current_setting('request.cookies', true)::json $$;
create function documents() returns setof jsonb language sql stable as $$ values ('{"a":null,"b":[{"c":null,"d":1}]}'::jsonb), (null) $$;
create function fails(state text) returns integer language plpgsql as $$
    begin raise exception 'it is away' using errcode = state, detail = 'far', hint = 'wait'; end
$$;
create view chiefs as select id, name, boss_id from directors;
