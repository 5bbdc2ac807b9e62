-- Publications with the tables and schemas that were named (with a table's columns and condition, if not all of it is published);
-- partitions are their tables' matter.
select
  p.pubname as name,
  p.puballtables as all_tables,
  /*schemas*/ (select json_agg(n.nspname) from pg_catalog.pg_publication_namespace s
     join pg_catalog.pg_namespace n on n.oid = s.pnnspid where s.pnpubid = p.oid) /*end*/ as schemas,
  (select json_agg(json_build_array(n.nspname, c.relname,
       /*parts*/ (select json_agg(a.attname) from pg_catalog.pg_attribute a where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)),
       pg_catalog.pg_get_expr(r.prqual, r.prrelid) /*end*/)) from pg_catalog.pg_publication_rel r
     join pg_catalog.pg_class c on c.oid = r.prrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where r.prpubid = p.oid) as tables,
  p.pubinsert as insert, p.pubupdate as update, p.pubdelete as delete, p.pubtruncate as truncate
from pg_catalog.pg_publication p
