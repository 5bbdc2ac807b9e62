-- PL/pgSQL, statement by statement.
create table t (id int primary key, n int, v varchar(5), check (n < 100));
insert into t values (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c');
create function c1(x int) returns text language plpgsql as $$ begin case x when 1 then return 'one'; when 2, 3 then return 'few'; end case; end $$;
select c1(1), c1(3);
select c1(9);
create function c2(x int) returns text language plpgsql as $$ begin case when x > 1 then return 'many'; end case; return 'no'; exception when case_not_found then return sqlstate || ' ' || sqlerrm; end $$;
select c2(0), c2(2);
create function c2b(x int) returns text language plpgsql as $$ declare h text; begin case x when 1 then return 'many'; end case; return 'no'; exception when others then get stacked diagnostics h = pg_exception_hint; return h; end $$;
select c2b(0);
create function c3(x int) returns text language plpgsql as $$ begin case x when 1 then return 'a'; when null then return 'b'; else return 'c'; end case; end $$;
select c3(null), c3(1), c3(2);
create function c4() returns int language plpgsql as $$ declare n int := 0; begin case n when 0 then n := n + 1; when n then n := n + 10; end case; return n; end $$;
select c4();
create function d1(i int, k int) returns table (a text, b text, c text, d text, e text, f text, g text, h text, i2 text, j text) language plpgsql as $$
declare s text; m text; de text; hi text; co text; ta text; sc text; cn text; dt text;
begin
  insert into t values (i, k, 'x');
  exception when others then
    get stacked diagnostics s = returned_sqlstate, m = message_text, de = pg_exception_detail, hi = pg_exception_hint, co = column_name, cn = constraint_name, dt = pg_datatype_name, ta = table_name, sc = schema_name;
    return query select s, m, de, hi, co, cn, dt, ta, sc, sqlerrm;
end $$;
select * from d1(1, 5);
select * from d1(7, 500);
select * from d1(null, 5);
create table u (id int primary key, t_id int references t on delete restrict, name text not null, unique (name));
create domain posint as int check (value > 0);
create function d2(q text) returns jsonb language plpgsql as $$
declare s text; m text; de text; co text; ta text; sc text; cn text; dt text;
begin
  execute q;
  return null;
  exception when others then
    get stacked diagnostics s = returned_sqlstate, m = message_text, de = pg_exception_detail, co = column_name, cn = constraint_name, dt = pg_datatype_name, ta = table_name, sc = schema_name;
    return jsonb_build_object('s', s, 'm', m, 'de', de, 'co', co, 'cn', cn, 'dt', dt, 'ta', ta, 'sc', sc);
end $$;
select d2('insert into u values (1, 99, ''x'')');
select d2('insert into u values (1, 1, null)');
insert into u values (1, 1, 'x');
select d2('insert into u values (2, 1, ''x'')');
select d2('delete from t where id = 1');
select d2('select (-1)::posint');
select d2('select * from nowhere');
select d2('select nocol from t');
select d2('select 1/0');
select d2('insert into t values (9, 1, ''toolong'')');
select d2('insert into u values (9, 1)');
create function r1() returns int language plpgsql as $$ begin return (values (5)); end $$;
select r1();
create function r2() returns int language plpgsql as $$ begin return (select max(n) from t); end $$;
select r2();
create function r3() returns t language plpgsql as $$ declare r t; begin select * into r from t where id = 2; return r; end $$;
select * from r3();
create function r4() returns t language plpgsql as $$ begin return (select t from t where id = 2); end $$;
select * from r4();
create function r5() returns t language plpgsql as $$ begin return (1, 2, 'c')::t; end $$;
select * from r5();
create function r6() returns t language plpgsql as $$ begin return row(1, 2, 'c'::varchar(5)); end $$;
select * from r6();
create function r7() returns record language plpgsql as $$ begin return (1, 'x'::text); end $$;
select * from r7() as (a int, b text);
create function r8() returns setof int language plpgsql as $$ begin return query values (1), (2); return query (select 3); return next 4; end $$;
select * from r8();
create function n1() returns void language plpgsql as $$ begin perform pg_notify('chan', 'hello'); end $$;
select n1();
select pg_notify('a', 'b');
create function ty1(a t.id%type) returns t.v%type language plpgsql as $$ declare x t.v%type; begin select v into x from t where id = a; return x; end $$;
select ty1(2);
create function ty2() returns setof t.n%type language plpgsql as $$ begin return query select n from t order by id; end $$;
select * from ty2();
create function ty3() returns setof t.n%type language sql as $$ select n from t order by id $$;
select * from ty3();
create function ty4() returns table (a t.id%type, b t.v%type) language sql as $$ select id, v from t order by id $$;
select * from ty4();
create function ty5(a t%rowtype) returns int language plpgsql as $$ begin return a.n; end $$;
create function ty6(a public.t.id%type default 1) returns int language plpgsql as $$ declare y a%type; r t%rowtype; begin y := a; select * into r from t where id = y; return r.n; end $$;
select ty6(), ty6(3);
create function al(a int, int) returns int language plpgsql as $$ declare b alias for $2; c alias for a; begin return b + c; end $$;
select al(1, 2);
create function al2(int) returns int language plpgsql as $$ declare x int := 3; y alias for x; begin y := y + $1; return x; end $$;
select al2(4);
create function al3() returns int language plpgsql as $$ declare y alias for nothing; begin return 1; end $$;
create function sl(a int[]) returns text language plpgsql as $$ declare x int[]; r text := ''; begin foreach x slice 1 in array a loop r := r || x::text || ';'; end loop; return r; end $$;
select sl(array[[1,2],[3,4]]);
select sl(array[1,2]);
create function sl0(a int[]) returns text language plpgsql as $$ declare x int; r text := ''; begin foreach x in array a loop r := r || x::text || ';'; end loop; return r; end $$;
select sl0(array[[1,2],[3,4]]), sl0(array[]::int[]);
create function sl2(a int[]) returns text language plpgsql as $$ declare x int[]; r text := ''; begin foreach x slice 2 in array a loop r := r || x::text || ';'; end loop; return r; end $$;
select sl2(array[[1,2],[3,4]]);
select sl2(array[1]);
create function q1(x int) returns setof t language plpgsql as $$ begin return query execute 'select * from t where id >= $1 and n < $2 order by id' using x, x * 100; end $$;
select * from q1(2);
create function q2(x int) returns table (id int, v text) language plpgsql as $$ begin return query execute format('select id, v::text from %I where id = $1', 't') using x; if not found then raise exception 'none for %', x using errcode = 'no_data_found', hint = 'try ' || 1, detail = 'd'; end if; end $$;
select * from q2(1);
select * from q2(10);
create function ra(k text) returns void language plpgsql as $$ begin raise exception 'msg % %%', k using errcode = '22012', detail = 'det', hint = 'hin', constraint = 'cons', table = 'tab', column = 'col', schema = 'sch', datatype = 'dat'; end $$;
select ra('x');
create function ra2() returns jsonb language plpgsql as $$ declare a text; b text; c text; d text; e text; begin perform ra('y'); return '{}'; exception when division_by_zero then get stacked diagnostics a = table_name, b = column_name, c = schema_name, d = pg_datatype_name, e = constraint_name; return jsonb_build_array(a, b, c, d, e); end $$;
select ra2();
create function ra3() returns void language plpgsql as $$ begin raise unique_violation using message = 'Duplicate: x'; end $$;
select ra3();
create function ra4() returns void language plpgsql as $$ begin raise unique_violation; end $$;
select ra4();
create function ra5() returns void language plpgsql as $$ begin raise sqlstate 'AB123'; end $$;
select ra5();
create function ra6() returns void language plpgsql as $$ begin raise using message = 'm', errcode = 'check_violation'; end $$;
select ra6();
create function ra7() returns void language plpgsql as $$ begin raise exception using errcode = 'check_violation'; end $$;
select ra7();
create function ra8() returns void language plpgsql as $$ begin raise 'bare'; end $$;
select ra8();
create function ra9() returns void language plpgsql as $$ begin raise notice 'n'; raise warning 'w %', 1; raise log 'l'; raise info 'i'; raise debug 'd'; end $$;
select ra9();
create function ra10() returns void language plpgsql as $$ begin raise exception 'x' using errcode = null; end $$;
select ra10();
create function ra11() returns void language plpgsql as $$ begin raise exception 'x' using message = 'y'; end $$;
select ra11();
create function ra12() returns void language plpgsql as $$ begin raise exception 'x' using errcode = 'bogus'; end $$;
select ra12();
create function ra13() returns void language plpgsql as $$ begin raise exception 'x' using nope = 'bogus'; end $$;
create function ra14() returns void language plpgsql as $$ begin raise; end $$;
select ra14();
create function as1(x int) returns void language plpgsql as $$ begin assert x > 0; assert x > 1, 'too small: ' || x; end $$;
select as1(2);
select as1(1);
select as1(0);
select as1(null);
create function as2() returns text language plpgsql as $$ begin assert false; return ''; exception when others then return 'caught'; end $$;
select as2();
create function as3() returns text language plpgsql as $$ begin assert false, null; return ''; exception when assert_failure then return sqlerrm; end $$;
select as3();
create function re1() returns void language plpgsql as $$ begin begin insert into t values (1, 1, 'x'); exception when others then raise; end; end $$;
select re1();
create function re2() returns void language plpgsql as $$ begin begin perform 1/0; exception when others then raise exception 'wrapped: %', sqlerrm using errcode = sqlstate; end; end $$;
select re2();
create function bl() returns text language plpgsql as $$
<<around>>
declare x int := 1; r text := '';
begin
  <<within>>
  declare x int := 2;
  begin
    r := r || around.x || within.x || x;
    exit within when x = 2;
    r := r || 'never';
  end within;
  <<l1>>
  for i in 1..3 loop
    <<l2>>
    for j in 1..3 loop
      continue l1 when j = 2 and i = 1;
      exit l1 when i = 3;
      continue when j = 2;
      r := r || '(' || i || j || ')';
    end loop l2;
  end loop l1;
  return r;
end around $$;
select bl();
create function gd() returns text language plpgsql as $$
declare n int; r text := ''; rec record; b bool;
begin
  update t set n = n where id < 3; get diagnostics n = row_count; r := r || n || found;
  delete from t where id > 100; get diagnostics n = row_count; r := r || n || found;
  insert into t select 50 + i, i, 'i' from generate_series(1, 3) i; get diagnostics n = row_count; r := r || n || found;
  perform 1 from t; get diagnostics n = row_count; r := r || n || found;
  perform 1 where false; get diagnostics n = row_count; r := r || n || found;
  select id into n from t order by id; r := r || n || found;
  get diagnostics n = row_count; r := r || n;
  select id into n from t where false; r := r || coalesce(n::text, '-') || found;
  for rec in select * from t where false loop null; end loop; r := r || found;
  for i in 1..0 loop null; end loop; r := r || found;
  for i in 1..1 loop null; end loop; r := r || found;
  execute 'update t set n = n where id = 1'; get diagnostics n = row_count; r := r || n || found;
  delete from t where id > 100;
  execute 'select 1' into n; r := r || found;
  b := exists (select 1); r := r || found;
  delete from t where id > 50; r := r || found;
  foreach n in array array[]::int[] loop null; end loop; r := r || found;
  with x as (insert into t values (60, 1, 'x') returning id) select id into n from x; r := r || n || found;
  delete from t where id = 60 returning n into n; r := r || n || found;
  return r;
end $$;
select gd();
create function st(k int) returns int language plpgsql as $$ declare x int; begin select n into strict x from t where id >= k; return x; exception when no_data_found then return -1; when too_many_rows then return -2; end $$;
select st(3), st(4), st(1);
create function st2(k int) returns int language plpgsql as $$ declare x int; begin select n into strict x from t where id >= k; return x; end $$;
select st2(10);
select st2(1);
create function st4() returns int language plpgsql as $$ declare x int; begin update t set n = n returning n into x; return x; end $$;
select st4();
create function st5() returns int language plpgsql as $$ declare x int; begin execute 'select n from t' into strict x; return x; end $$;
select st5();
create function st6() returns int language plpgsql as $$ declare x int; begin update t set n = n where id = 99 returning n into strict x; return x; end $$;
select st6();
create function se() returns text language plpgsql as $$ begin set local work_mem = '4MB'; perform set_config('app.user', 'bob', true); return current_setting('app.user') || coalesce(current_setting('app.none', true), '-'); end $$;
select se();
create function se2() returns text language plpgsql as $$ begin set local app.tenant = 'acme'; return current_setting('app.tenant', true); end $$;
select se2();
create function se3() returns text language plpgsql as $$ begin set local app.tenant to 'acme2'; reset app.tenant; return current_setting('app.tenant', true); end $$;
select se3();
do $$ begin set local app.x = 'y'; if current_setting('app.x') <> 'y' then raise exception 'no'; end if; end $$;
create function asg() returns int[] language plpgsql as $$ declare a int[] := '{1,2,3}'; begin a[2] := 9; return a; end $$;
select asg();
create function asg2() returns int[] language plpgsql as $$ declare a int[]; begin for i in 1..3 loop a[i] := i * i; end loop; return a; end $$;
select asg2();
create type pt as (x int, y int);
create function asg4() returns text language plpgsql as $$ declare a pt; begin a.x := 1; a.y = 2; return a.x + a.y; end $$;
select asg4();
create function ifs(x int) returns text language plpgsql as $$ begin if x is null then return 'null'; elsif x < 0 then return 'neg'; elseif x = 0 then return 'zero'; else return 'pos'; end if; end $$;
select ifs(null), ifs(-1), ifs(0), ifs(1);
create function noret(x int) returns int language plpgsql as $$ begin if x > 0 then return 1; end if; end $$;
select noret(0);
create function out1(a int, out b int, inout c int) language plpgsql as $$ begin b := a + 1; c := c * 2; end $$;
select * from out1(1, 2);
select out1(1, 2);
create function vari(variadic a int[]) returns int language plpgsql as $$ begin return array_length(a, 1); end $$;
select vari(1, 2, 3), vari(variadic array[1, 2]);
create function reg(a regclass) returns text language plpgsql as $$ begin return format('%s', a); end $$;
create function ty7(a t.nope%type) returns int language sql as 'select 1';
create function ty8(a nope.nope%type) returns int language sql as 'select 1';
create function ty9(a t%type) returns int language sql as 'select 1';
create function nar() returns int[] language plpgsql as $$ declare a int[] := '{1}'; begin a[4] := 4; a[2] := 2.6; return a; end $$;
select nar();
create function nar2(i int) returns int[] language plpgsql as $$ declare a int[] := '{1}'; begin a[i] := 4; return a; end $$;
select nar2(null);
create function nar3() returns text[] language plpgsql as $$ declare r record; a text[]; begin for r in select v from t where v is not null order by id loop a[coalesce(array_length(a, 1), 0) + 1] := r.v || '!'; end loop; return a; end $$;
select nar3();
create table arr (id int primary key, tags text[]);
create function art() returns trigger language plpgsql as $$ begin new.tags[1] := 'first'; return new; end $$;
create trigger art before insert on arr for each row execute function art();
insert into arr values (1, '{a,b}'), (2, null) returning tags;

-- What is no statement, where a statement is put together; RETURN without what it has to give.
create function selct() returns int language plpgsql as $$ begin execute 'selct 1'; return 1; end $$;
select selct();
create function gives_nothing() returns text language plpgsql as $$ begin return; end $$;
create table emptied (a int);
insert into emptied values (1);
create function empties() returns int language plpgsql as $$ begin truncate emptied; return 1; end $$;
create function locks() returns int language plpgsql as $$ begin lock table emptied; return 1; end $$;
create function makes() returns int language plpgsql as $$ begin create temp table made (a int); return 1; end $$;
create procedure steps() language plpgsql as $$ begin null; end $$;
create function calls() returns int language plpgsql as $$ begin call steps(); return 1; end $$;

-- Elements that are assigned to.
create type house as (street text, no int);
create function houses() returns text language plpgsql as $$
declare hs house[]; h house;
begin
  hs[1] := row('new', 0);
  hs[3] := '(a,7)';
  hs[2] := null;
  h := hs[1];
  hs[2] := h;
  return hs::text;
end $$;
select houses();
create function no_house() returns text language plpgsql as $$ declare hs house[]; begin hs[1] := 5; return hs::text; end $$;
select no_house();
create function members() returns text language plpgsql as $$
declare j jsonb; k jsonb := '[1]'; t text := 'xy'; i int := 1; said text;
begin
  j['a'] := '5';
  j['b'] := 6;
  j['c'] := null;
  j[t] := to_jsonb(i);
  j['a'] := '{"x": 1}';
  k[3] := '"x"';
  k[-1] := '7';
  k['1'] := '2';
  said := j::text || k::text;
  k := null;
  k[i] := 'true';
  said := said || k::text;
  k := null;
  k['1'] := array_to_json(array[1, 2]);
  return said || k::text;
end $$;
select members();
create function member(j jsonb, key text, x text) returns jsonb language plpgsql as $$ begin j[key] := x; return j; end $$;
select member('5', 'a', '1');
select member('[5]', 'a', '1');
select member('[5]', '-2', '1');
select member('[5]', null, '1');
select member('[5]', '0', 'abc');
select member('{"a": 1}', 'a', '2') as put, member('{"a": 1}', 'b', null) as added;
create function member_by_bigint(j jsonb) returns jsonb language plpgsql as $$ begin j[cast(1 as bigint)] := '1'; return j; end $$;
select member_by_bigint('[]');
create function element_of_text(j text) returns text language plpgsql as $$ begin j[1] := '1'; return j; end $$;
select element_of_text('');
create function elements() returns text language plpgsql as $$ declare a int[]; begin a[1] := '7'; a[2] := 5.6; a['3'] := 1; return a::text; end $$;
select elements();

-- A row of nulls is a value, and not NULL.
create function hollow(what int) returns text language plpgsql as $$
declare p house; q house; r record; said text := '';
begin
  if what = 0 then p := row(null, null);
  elsif what = 1 then p.street := null;
  elsif what = 2 then p := json_populate_record(null::house, '{}');
  elsif what = 3 then select null, null into p;
  elsif what = 4 then select 'a', 1 into p where false;
  elsif what = 5 then p := row('a', 1); p := null;
  elsif what = 6 then p := row('a', 1); p := q;
  elsif what = 7 then p.street := 'a'; p.street := null;
  elsif what = 8 then p.street := null; q := p; p := null; p := q;
  elsif what = 9 then for p in select null, null loop said := said || coalesce(p::text, 'NULL'); end loop;
  elsif what = 10 then execute 'select null, null' into p;
  elsif what = 11 then select null, null into p.street, p.no;
  elsif what = 12 then r := row(null::text, null::int); p := r;
  elsif what = 13 then r := q; p := r;
  elsif what = 14 then foreach p in array array[row('a', 1)::house, null] loop said := said || coalesce(p::text, 'NULL'); end loop;
  elsif what = 15 then begin p := row(null, 1 / (what - 15)); exception when division_by_zero then null; end;
  end if;
  return said || coalesce(p::text, 'NULL') || coalesce((p = p)::text, '?') || (p is null)::text || coalesce(to_json(p)::text, 'NULL');
end $$;
create function all_hollow() returns setof text language plpgsql as $$ begin for n in 0..16 loop return next n || hollow(n); end loop; end $$;
select * from all_hollow();
create function took(p house) returns text language plpgsql as $$ begin return coalesce(p::text, 'NULL'); end $$;
select took(null), took(row(null, null)) as row_, took(row(null, null)::house) as cast_, took('(,)') as text_, took(row('a', null)) as half;
create table homes (id int, h house);
insert into homes values (1, null), (2, row(null, null)), (3, row('a', 1));
select id, took(h) from homes order by id;
create function compared(a house, b house) returns jsonb language plpgsql as $$ begin return jsonb_build_object('eq', a = b, 'lt', a < b); end $$;
select compared(row(null, null)::house, row('b', null)::house) as half, compared(json_populate_record(null::house, '{}'), row(null, null)::house) as hollow, compared(null, null) as null_, compared(null, row(null, null)::house) as one;
create function hollow_out(out a house, out b house, out c int) language plpgsql as $$ begin a.street := null; c := 1; end $$;
select a is null as a, a::text as ta, b::text as tb, c from hollow_out();
create function hollow_rows() returns setof house language plpgsql as $$ declare p house; begin return next p; p.street := null; return next p; return next row('a', 1)::house; end $$;
select * from hollow_rows();
create function hollow_row(out p homes) language plpgsql as $$ begin select * into p from homes where id = 2; end $$;
select * from hollow_row();

-- A record that changes its columns more often than its layouts are kept, while a run around it still holds one of the first.
create function shapes(n int) returns int[] language plpgsql as $$
declare r record; v int := 7; seen int[] := '{}';
begin
  for i in 1..(case when n = 0 then 66 else 2 end) loop
    if n = 0 then
      execute format('select %s as a%s, 2 as b', i, i) into r;
      v := i;
    elsif i = 1 then
      execute 'select 1 as a' into r;
    else
      perform shapes(n - 1);
    end if;
    seen := seen || v;
  end loop;
  return seen;
end $$;
select shapes(1);

-- The operand of CASE is evaluated once, and the statement leaves FOUND alone.
create sequence asked;
create function once() returns text language plpgsql as $$ begin case nextval('asked') when 1 then return 'one'; when 2 then return 'two'; when 3, 4 then return 'some'; end case; end $$;
select once();
select once();
select once();
select nextval('asked');
create function within(a int, b text) returns text language plpgsql as $$
declare found_before boolean; r record;
begin
  perform 1 from t where false;
  found_before := found;
  for i in 1..a loop
    case i
      when 1 then
        case b when 'x', 'y' then null; when null then return 'null'; else return 'inner ' || b; end case;
      when 2 then
        case when b = 'x' then null; else case row(i, b) when row(2, 'y') then return 'row'; end case; end case;
      when 3 then
        select 4 as n, b as v into r;
        case r.n + 1 when 5 then case r.v when b then return found::text || found_before; end case; end case;
    end case;
  end loop;
  return 'end';
end $$;
select within(1, 'x'), within(1, 'z'), within(1, null), within(2, 'y'), within(3, 'x'), within(0, '');
create function cased(x int[]) returns text language plpgsql as $$ begin case x when array[1, 2], x || 1 then return 'same'; else return 'other'; end case; end $$;
select cased(array[1, 2]), cased(array[2]), cased(null);
create function cased_date(x date) returns text language plpgsql as $$ begin case x + 1 when '2026-01-02' then return 'second'; else return 'other'; end case; end $$;
select cased_date('2026-01-01'), cased_date('2026-01-02'), cased_date(null);
create function cased_literal() returns text language plpgsql as $$ begin case 'a' when 'b' then return 'b'; when 'a' then return 'a'; end case; end $$;
select cased_literal();
create function cased_found() returns text language plpgsql as $$ begin perform 1 from t where false; case 1 when 1 then return found; end case; end $$;
select cased_found();
create function cased_wrong() returns text language plpgsql as $$ begin case 1 when 'x'::text then return 'b'; end case; end $$;
select cased_wrong();
create function cased_fails() returns text language plpgsql as $$ begin case 1 / 0 when 1 then return 'b'; end case; exception when division_by_zero then return 'divided'; end $$;
select cased_fails();
create function cased_row(x t) returns text language plpgsql as $$ begin case x when row(1, 2, 'c')::t then return 'that'; else return 'other'; end case; end $$;
select cased_row(row(1, 2, 'c')), cased_row(row(1, 2, 'd')), cased_row(null);

-- A query that sets the search path is one as any other in EXECUTE.
create function paths() returns text language plpgsql as $$
declare said text;
begin
  execute 'select set_config(''search_path'', ''public'', true)' into said;
  execute 'select pg_catalog.set_config(''search_path'', ''public'', true)';
  return said;
end $$;
select paths();

-- Literals of ranges.
create function ranged() returns int4range language plpgsql as $$ declare r int4range; begin r := int4range '[1,5)'; return r * int4range '[2,9)'; end $$;
select ranged();
create function far_elements() returns text language plpgsql as $$ declare a text[] := '{a,b,c}'; begin a[2] := 'x,y'; a[1] := null; a[6] := '"'; a[3] := '{}'; return a::text; end $$;
select far_elements();
create function far_members() returns text language plpgsql as $$ declare j jsonb := '[1, {"a": 2}]'; e jsonb := '[]'; begin j[5] := '[7]'; j[0] := '"x"'; e[2] := '3'; return j::text || e::text; end $$;
select far_members();
create function nested_element() returns text language plpgsql as $$ declare a int[] := '{{1,2},{3,4}}'; begin a[1] := 9; return a::text; end $$;
select nested_element();
create function zero() returns void language plpgsql as $$ begin raise exception 'none' using errcode = '00000'; end $$;
select zero();
create function zero_alone() returns void language plpgsql as $$ begin raise sqlstate '00000'; end $$;
select zero_alone();
-- Texts of several statements, and of none.
do $$ begin execute ''; execute ' ; '; end $$;
do $$ declare r record; begin for r in execute 'select 1; select 2' loop null; end loop; end $$;
do $$ declare r record; begin for r in execute '' loop null; end loop; end $$;
create function all_rows() returns setof int language plpgsql as $$begin return query execute 'select 1; select 2'; return query execute 'select $1; values ($1 + 1), ($1 + 2)' using 10; end$$;
select * from all_rows();
create function on_ddl() returns event_trigger language plpgsql security definer set search_path = pg_catalog as $$declare c record; begin for c in select * from pg_event_trigger_ddl_commands() loop raise log 'x %', c.object_identity; end loop; end$$;
create or replace function on_ddl() returns event_trigger language plpgsql as $$begin end$$;
select on_ddl();
revoke all on function on_ddl() from public;
comment on function on_ddl() is 'told of tables';
select proname from pg_proc where proname = 'on_ddl';
create function on_ddl2() returns event_trigger language sql as 'select 1';
drop function on_ddl();
-- A name in the conflict target is a column's or a variable's, as in any expression.
create table arbited (a int primary key, b text, c int);
create view arbited_as as select a as z, b from arbited;
create function arbited1(a int, x text) returns void language plpgsql as $$ begin insert into arbited values (a, x) on conflict (a) do update set b = x; end $$;
select arbited1(1, 'x');
create function arbited2(k int) returns table (a int) language plpgsql as $$ begin return query insert into arbited values (k, 'x') on conflict (a) do nothing returning arbited.a; end $$;
select * from arbited2(1);
create function arbited3(k int) returns void language plpgsql as $$ declare b text; begin insert into arbited values (k, 'q') on conflict (a) where (b is null) do nothing; end $$;
select arbited3(1);
create function arbited4(a int) returns text language plpgsql as $$
#variable_conflict use_variable
begin insert into arbited values (a, 'q') on conflict (a) do nothing; return 'done'; end $$;
select arbited4(1);
create function arbited5(a int) returns text language plpgsql as $$
#variable_conflict use_column
begin insert into arbited values (a, 'q') on conflict (a) do nothing; return 'done'; end $$;
select arbited5(1);
create function arbited6(a int, x text) returns void language sql as $$ insert into arbited values (a, x) on conflict (a) do update set b = x $$;
select arbited6(1, 'sql') is null;
create function arbited7(z int) returns text language plpgsql as $$ begin insert into arbited_as values (1, 'x') on conflict (z) do nothing; return 'done'; end $$;
select arbited7(1);
create function arbited8(a int) returns text language plpgsql as $$ begin insert into arbited_as values (1, 'x') on conflict (z) do nothing; return 'done'; end $$;
select arbited8(1);
create function arbited9(k int) returns text language plpgsql as $$ declare a int; begin insert into arbited values (k, 'x') on conflict (nope, a) do nothing; return 'done'; end $$;
select arbited9(1);
create function arbited10(k int, v int) returns text language plpgsql as $$ begin insert into arbited values (k, 'x') on conflict (v) do nothing; return 'done'; end $$;
select arbited10(1, 1);
create function arbited11(a int, b text) returns text language plpgsql as $$ begin insert into arbited values (arbited11.a, arbited11.b) on conflict on constraint arbited_pkey do update set b = excluded.b; return 'done'; end $$;
select arbited11(1, 'named');
create function arbited12(k int) returns int language plpgsql as $$ declare a int; begin select a into k from arbited x, arbited y; return k; end $$;
select arbited12(1);
select * from arbited order by a;
