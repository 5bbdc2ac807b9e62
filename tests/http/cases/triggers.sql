-- Notes of users, whose triggers write with their writer's rights or with their owner's.
create table notes (
    id integer primary key, owner uuid, title text not null check (length(title) < 30), slug text unique,
    version integer not null default 1, kind text default 'plain', length integer generated always as (length(title)) stored
);
create table activity (what text primary key, who uuid default auth.uid(), role text, times integer not null default 1);
create table totals (owner uuid primary key, notes integer not null default 0 check (notes < 100));
create table secrets (id integer primary key references notes on delete cascade, note text);
create table tags (note integer references notes on delete cascade on update cascade, tag text, primary key (note, tag));
alter table notes enable row level security;
alter table activity enable row level security;
alter table totals enable row level security;
alter table secrets enable row level security;
alter table tags enable row level security;
create policy own on notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid() and slug <> 'forbidden');
create policy adds on activity for insert to authenticated with check (who = auth.uid());
create policy counts on activity for update to authenticated using (who = auth.uid());
create policy reads on activity for select to authenticated using (true);
create policy all_tags on tags to authenticated using (true) with check (true);

create function notes_before() returns trigger language plpgsql as $$
declare
  wanted text := trim(new.title);
begin
  new.title := wanted;
  new.owner := coalesce(new.owner, auth.uid());
  if new.slug is null or tg_op = 'UPDATE' and new.title is distinct from old.title then
    new.slug := lower(replace(wanted, ' ', '-'));
  end if;
  if tg_op = 'UPDATE' then
    new.version = old.version + 1;
  end if;
  if new.title = 'skip' then return null; end if;
  if new.title = 'refuse' then
    raise exception 'the note % is refused', new.id using hint = 'Call it otherwise.', detail = wanted, errcode = 'P0001';
  elsif new.title = 'pay' then
    raise sqlstate 'PT402' using message = 'Payment required', hint = 'Upgrade your plan', detail = 'Quota exceeded';
  elsif new.title = 'duplicate' then
    raise unique_violation using message = 'there is one';
  end if;
  return new;
end $$;
create trigger a_before before insert or update on notes for each row execute function notes_before();

create function notes_active() returns trigger language plpgsql as $$
begin
  insert into activity (what, role) values (tg_op || ' ' || coalesce(new.id, old.id), current_user)
  on conflict (what) do update set times = activity.times + 1;
  return coalesce(new, old);
end $$;
create trigger b_active after insert or update of title, kind or delete on notes for each row execute function notes_active();

create function notes_counted() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'DELETE' then
    update public.totals set notes = notes - 1 where owner = old.owner;
    return null;
  end if;
  insert into public.totals (owner, notes) values (new.owner, 1)
  on conflict (owner) do update set notes = public.totals.notes + 1;
  return null;
end $$;
create trigger c_counted after insert or delete on notes for each row execute function notes_counted();

create function notes_secret() returns trigger language plpgsql as $$
begin
  insert into secrets values (new.id, new.title);
  return null;
end $$;
create trigger d_secret after insert or update on notes for each row when (new.kind = 'secret') execute function notes_secret();

create function tags_before() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if old.tag = 'kept' then raise exception 'tag % is kept', old.tag; end if;
    return old;
  end if;
  new.tag := lower(new.tag);
  return new;
end $$;
create trigger tags_before before insert or update or delete on tags for each row execute function tags_before();

create view titles with (security_invoker = true) as select id, title, owner from notes;
create function write_note(id integer, title text) returns setof notes language sql as
    $$ insert into notes (id, title) values ($1, $2) returning * $$;
create function write_two(integer, text) returns integer language sql as
    $$ insert into notes (id, title) values ($1, $2); insert into tags values ($1, $2); select count(*)::integer from tags where note = $1 $$;

create function sealed_before() returns trigger language plpgsql as $$ begin raise exception 'sealed'; end $$;
create table sealed (id integer primary key, a text);
alter table sealed enable row level security;
create policy everyone on sealed to authenticated using (true);
insert into sealed values (1, 'a');
create trigger sealed before update or delete on sealed for each row execute function sealed_before();
