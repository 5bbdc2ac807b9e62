-- Implicit casts of domains from and to json and text by functions.
select
  s.oid::bigint as source,
  t.oid::bigint as target,
  n.nspname as schema,
  p.proname as name
from pg_catalog.pg_cast c
join pg_catalog.pg_proc p on p.oid = c.castfunc
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type s on s.oid = c.castsource
join pg_catalog.pg_type t on t.oid = c.casttarget
where c.castmethod = 'f' and c.castcontext = 'i'
  and (s.typtype = 'd' and t.oid = 'pg_catalog.json'::pg_catalog.regtype
    or t.typtype = 'd' and s.oid in ('pg_catalog.json'::pg_catalog.regtype, 'pg_catalog.text'::pg_catalog.regtype))
