-- Aggregates over one relation's rows, or over anything, whose result is a domain named like a media type.
select
  lower(t.typname) as media,
  n.nspname as schema,
  p.proname as name,
  nullif(a.typrelid, 0)::bigint as relation,
  t.typbasetype = 'pg_catalog.bytea'::pg_catalog.regtype as bytes
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type t on t.oid = p.prorettype and t.typtype = 'd' and t.typname ~ '^[A-Za-z0-9.*+-]+/[A-Za-z0-9.*+-]+$'
join pg_catalog.pg_type a on a.oid = p.proargtypes[0]
where p.prokind = 'a' and p.pronargs = 1 and (a.typrelid <> 0 or a.oid = 'pg_catalog.anyelement'::pg_catalog.regtype)
order by n.nspname, p.proname, p.oid
