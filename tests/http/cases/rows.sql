-- Parcels with columns of composite types, whose policies and functions ask for rows.
create type place as (street text, number int);
create type size as (width numeric, height numeric);
create table parcels (
    id integer primary key, owner uuid, to_place place, sizes size[], note text,
    check ((to_place).number > 0)
);
alter table parcels enable row level security;
create policy seen on parcels for select using (to_place is not null or owner = auth.uid());
create policy written on parcels to authenticated using (owner = auth.uid())
    with check (owner = auth.uid() and to_place is distinct from row('Forbidden', 1)::place);
insert into parcels values
    (1, null, row('High Street', 5), array[row(1.50, 2)::size, row(3, null)::size], 'first'),
    (2, null, '("Low, ""quoted"" Road",7)', null, null),
    (3, 'a0000000-0000-4000-8000-00000000000a', null, '{}', 'kept');
create function address(parcels) returns text language sql stable as
    $$ select ($1.to_place).street || ' ' || ($1.to_place).number $$;
create function whole(parcels) returns place language sql stable as $$ select $1.to_place $$;
create function moved(p place, by int default 1) returns place language sql stable as
    $$ select row(p.street, p.number + by)::place $$;
create function areas(sizes size[]) returns numeric language sql stable as
    $$ select sum(s.width * coalesce(s.height, 1)) from unnest(sizes) s $$;
create function places() returns setof place language sql stable as
    $$ select to_place from parcels where to_place is not null order by id $$;
create function doubled(p place) returns place language plpgsql stable as
    $$ begin p.number := p.number * 2; return p; end $$;
create function all_sizes() returns size[] language sql stable as $$ select sizes from parcels where id = 1 $$;
