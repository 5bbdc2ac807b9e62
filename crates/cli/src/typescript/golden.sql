create schema stock;
create type mood as enum ('calm', 'so "so"');
create type address as (street text, number int);

create table authors (
  id bigint generated always as identity primary key,
  name text not null,
  mood mood not null default 'calm',
  born date,
  "odd name" text[]
);

create table books (
  id uuid primary key,
  added timestamptz not null default now(),
  author_id bigint not null references authors (id),
  title text not null,
  price numeric(10, 2),
  moods mood[] not null,
  data jsonb,
  cents numeric generated always as (price * 100) stored
);

create table book_details (
  book_id uuid primary key references books (id) on delete cascade,
  pages integer not null
);

create table stock.items (
  id serial primary key,
  book_id uuid not null,
  amount smallint not null default 0
);

create view titles as select b.id, b.title, b.author_id from books b;

create function initials(a authors) returns text language sql stable as $$ select a.name $$;
create function find_books(word text, most int default 10) returns setof books language sql stable
  as $$ select * from books where title = word limit most $$;
create function totals() returns table (author text, books bigint) language sql stable
  as $$ select a.name, count(*) from authors a group by a.name $$;
create function tags(mood) returns text[] language sql immutable as $$ select array['a'] $$;
create function nothing(moods mood[]) returns void language sql as $$ select 1 $$;
