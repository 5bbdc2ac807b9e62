-- Primary keys, unique constraints and foreign keys; those that partitions copy from their parents are left out.
select
  k.conrelid::bigint as relation,
  k.conname as name,
  k.contype as kind,
  k.condeferrable as deferrable,
  k.condeferred as deferred,
  (select json_agg(a.attname order by u.place)
     from unnest(k.conkey) with ordinality u(number, place)
     join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number) as columns,
  nullif(k.confrelid, 0)::bigint as target,
  (select json_agg(a.attname order by u.place)
     from unnest(k.confkey) with ordinality u(number, place)
     join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number) as target_columns,
  k.confdeltype as on_delete,
  k.confupdtype as on_update
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where k.contype in ('p', 'u', 'f') and k.conparentid = 0 and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by k.conrelid, k.contype <> 'p', k.conname
