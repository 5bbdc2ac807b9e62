-- B-tree indexes that stand for themselves: those of constraints are implied by these.
select
  i.indrelid::bigint as relation,
  c.relname as name,
  i.indisunique as "unique",
  (select json_agg(
        pg_catalog.pg_get_indexdef(i.indexrelid, k, true)
        || case when o.opcdefault then '' else ' ' || o.opcname end
        || case when i.indoption[k - 1] & 1 = 1 then ' desc' else '' end
        || case i.indoption[k - 1] when 2 then ' nulls first' when 1 then ' nulls last' else '' end order by k)
     from generate_series(1, i.indnkeyatts) k
     join pg_catalog.pg_opclass o on o.oid = i.indclass[k - 1]) as keys,
  (select case when bool_and(a.attname is not null) then json_agg(a.attname order by k) end
     from generate_series(1, i.indnkeyatts) k
     left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k - 1] and a.attnum > 0) as columns,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_am m on m.oid = c.relam
where m.amname = 'btree' and i.indisvalid
  and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by i.indrelid, c.relname
