-- Schemas with who may use them.
select
  n.nspname as name,
  pg_catalog.obj_description(n.oid, 'pg_namespace') as comment,
  (select json_agg(json_build_array(
        case when x.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(x.grantee) end, x.privilege_type))
     from pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) x) as grants
from pg_catalog.pg_namespace n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
