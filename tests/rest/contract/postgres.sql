-- What only PostgreSQL has.
create domain tsv as tsvector;
create table spans (id integer primary key, span int4range, words tsvector, tagged tsv, body text, shape point);
insert into spans values
    (1, '[1,5)', to_tsvector('english', 'The cats'), to_tsvector('english', 'The cats'), 'Des chats amusants', '(1,2)'),
    (2, '[10,20)', to_tsvector('english', 'dogs'), null, 'Un chien', '(20,20)');
create table measures (id integer, room_id integer references rooms, day date, primary key (id, day)) partition by range (day);
create table measures_2024 partition of measures for values from ('2024-01-01') to ('2025-01-01');
insert into measures values (1, 1, '2024-05-05');
create materialized view stored_rooms as select id as room, name as label from rooms;
create table guarded (id integer primary key);
create function guard_all() returns trigger language plpgsql as $$ begin raise sqlstate '21000' using message = 'DELETE requires a WHERE clause'; end $$;
create trigger guard_all before delete on guarded for each statement execute function guard_all();
create function pair_of() returns record language sql immutable as $$ select 1 as x, 'y'::text as z $$;
