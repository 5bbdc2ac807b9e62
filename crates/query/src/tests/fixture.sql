-- A publisher: authors write books, books have genres, orders have two addresses, employees have bosses.
create type "Mood" as enum ('sad', 'ok');
create table countries (id int primary key, name text);
create table authors (id int primary key, name text, country_id int references countries);
create table books (
    id serial primary key,
    title text,
    author_id int references authors,
    data jsonb,
    tags text[],
    price numeric default 9.99,
    words tsvector,
    mood "Mood",
    sold boolean
);
create table details (book_id int primary key references books, pages int);
create table genres (id int primary key, name text);
create table book_genres (
    book_id int references books,
    genre_id int references genres,
    primary key (book_id, genre_id)
);
create table employees (id int primary key, name text, boss_id int references employees);
create table addresses (id int primary key, street text);
create table orders (
    id int primary key,
    billing_id int references addresses,
    shipping_id int references addresses
);
create table rooms (floor int, door int, primary key (floor, door));
create table desks (id int primary key, floor int, door int, foreign key (floor, door) references rooms);
create table entries (id bigint generated always as identity primary key, twice bigint generated always as (2) stored);
create view shelf as select id, title as name, author_id as writer_id from books;
create schema private;
create table private.notes (id int primary key, author_id int references authors);

-- A computed field and two computed relationships.
create function full_title(books) returns text language sql stable as $$ select $1.title $$;
create function fans(authors) returns setof employees language sql stable as $$
    select * from employees where id <> $1.id
$$;
create function newest_book(authors) returns setof books rows 1 language sql stable as $$
    select * from books where author_id = $1.id order by id desc limit 1
$$;

-- Functions to call.
create function add(a int, b int) returns int language sql stable as $$ select a + b $$;
create function tick() returns void language sql as $$ select 1 $$;
create function search_books(term text, page int default 1) returns setof books language sql stable as $$
    select * from books where title = term
$$;
create function take_books(n int) returns setof books language sql as $$ select * from books limit n $$;
create function sales(year int) returns table (title text, copies int) language sql stable as $$ select 'a', year $$;
create function numbers() returns setof int language sql stable as $$ select generate_series(1, 5) $$;
create function total(variadic "of" int[]) returns bigint language sql stable as $$ select sum(x) from unnest("of") x $$;
create function clash(a int) returns int language sql stable as $$ select a $$;
create function clash(a text) returns int language sql stable as $$ select 1 $$;
create function ingest(json) returns int language sql stable as $$ select 1 $$;
create function shout(text) returns text language sql stable as $$ select $1 $$;
