-- For each view its rewritten query (whose target list tells the origin of each column), the relations that it reads and the
-- functions that it calls (each as the JSON of schema and name).
select
  c.oid::bigint as relation,
  r.ev_action::text as action,
  (select json_agg(distinct d.refobjid::bigint)
     from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> c.oid) as reads,
  (select json_agg(distinct json_build_array(pn.nspname, p.proname)::text)
     from pg_catalog.pg_depend d
     join pg_catalog.pg_proc p on p.oid = d.refobjid
     join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
    where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
      and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass) as calls
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.ev_type = '1' and r.rulename = '_RETURN'
where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
