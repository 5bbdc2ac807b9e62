-- When keys look: `set constraints`, for the rest of a transaction.
create table a (id int primary key);
create table b (id int primary key, a_id int constraint b_a references a deferrable initially immediate,
  later int constraint b_later references a deferrable initially deferred, now int constraint b_now references a, constraint b_check check (id > 0));
set constraints nosuch deferred;
set constraints public.nosuch immediate;
set constraints nowhere.b_a deferred;
set constraints b_now deferred;
set constraints b_now immediate;
set constraints b_check deferred;
set constraints b_a, b_now deferred;
insert into b values (1, 1, null, null);
begin; set constraints b_a deferred; insert into b values (1, 1, null, null); insert into a values (1); commit;
select * from b;
set constraints all deferred; insert into b values (2, 2, 2, null); insert into a values (2);
set constraints all deferred; insert into b values (3, 3, 3, 3); insert into a values (3);
set constraints b_a deferred; insert into b values (4, 4, null, null); set constraints b_a immediate; insert into a values (4);
set constraints all deferred; insert into b values (4, 4, null, null);
begin; set constraints all deferred; commit; insert into b values (4, 4, null, null);
set constraints all immediate; insert into b values (4, null, 4, null); insert into a values (4);
set constraints public.b_later immediate; insert into a values (4); insert into b values (4, null, 4, null);
set constraints b_a immediate; insert into b values (5, null, 5, null); set constraints all immediate;
set constraints b_a immediate; insert into b values (5, null, 5, null); insert into a values (5); set constraints all immediate; delete from a where id = 5;
do $$ begin
  set constraints all deferred;
  insert into b values (6, 6, 6, null);
  insert into a values (6);
end $$;
insert into b values (7, 7, null, null);
begin; insert into b values (7, null, 7, null); insert into a values (7); commit;
select * from b order by id;
select condeferred from pg_constraint where conname in ('b_a', 'b_later') order by conname;
