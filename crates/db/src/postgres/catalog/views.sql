-- For each view its rewritten query (whose target list tells the origin of each column), and the relations that it reads.
select
  c.oid::bigint as relation,
  r.ev_action::text as action,
  (select json_agg(distinct d.refobjid::bigint)
     from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> c.oid) as reads
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.ev_type = '1' and r.rulename = '_RETURN'
where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
