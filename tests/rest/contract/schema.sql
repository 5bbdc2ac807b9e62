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
create view either_room as select id, name from rooms where id = 1 union all select id, name from rooms where id = 2;
create view twice_visits as select id, room_id as room_a, room_id as room_b from visits;
create function twin(rooms) returns rooms language sql stable as $$ select * from rooms where id = 3 - $1.id $$;
create function others(rooms) returns setof rooms language sql stable as $$ select * from rooms where id <> $1.id $$;
create function one_visit(rooms) returns setof visits rows 1 language sql stable as $$ select * from visits $$;
create function visits(pupils) returns setof visits language sql stable as $$ select * from visits where false $$;
