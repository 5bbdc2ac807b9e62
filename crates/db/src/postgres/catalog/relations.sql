-- Tables, partitioned tables (without their partitions), views, materialized views and foreign tables, with their columns, keys and grants.
select
  c.oid::bigint as oid,
  n.nspname as schema,
  c.relname as name,
  c.relkind as kind,
  pg_catalog.pg_get_userbyid(c.relowner) as owner,
  c.relrowsecurity as row_security,
  c.relforcerowsecurity as force_row_security,
  c.relreplident as replica_identity,
  (select r.relname from pg_catalog.pg_index i join pg_catalog.pg_class r on r.oid = i.indexrelid
     where i.indrelid = c.oid and i.indisreplident) as replica_index,
  (select json_agg(json_build_object(
        'name', p.polname,
        'permissive', p.polpermissive,
        'command', p.polcmd,
        'roles', (select json_agg(case when r = 0 then 'public' else pg_catalog.pg_get_userbyid(r) end) from unnest(p.polroles) r),
        'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
        'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname)
     from pg_catalog.pg_policy p where p.polrelid = c.oid) as policies,
  pg_catalog.obj_description(c.oid, 'pg_class') as comment,
  case when c.relkind in ('v', 'm', 'f') then pg_catalog.pg_relation_is_updatable(c.oid, true) else 28 end as updatable,
  (select substr(o, length('security_invoker=') + 1)::boolean from unnest(c.reloptions) o where o like 'security\_invoker=%') as security_invoker,
  (select json_agg(json_build_array(
        case when x.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(x.grantee) end, x.privilege_type))
     from pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) x) as grants,
  (select json_agg(json_build_object(
        'number', a.attnum,
        'name', a.attname,
        'type', a.atttypid::bigint,
        'typmod', a.atttypmod,
        'not_null', a.attnotnull or t.typnotnull,
        'default', case
            when a.attgenerated <> '' then null
            when d.adbin is null then pg_catalog.pg_get_expr(t.typdefaultbin, 0)
            else pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
        'generated', case when a.attgenerated <> '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
        'identity', a.attidentity,
        'sequence', case when a.attidentity <> '' or d.adbin is not null then
            (select json_build_array(sn.nspname, s.relname)
               from pg_catalog.pg_depend o
               join pg_catalog.pg_class s on s.oid = o.objid and s.relkind = 'S'
               join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
              where o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and o.refobjid = c.oid
                and o.refobjsubid = a.attnum and o.deptype in ('a', 'i')
              limit 1) end,
        'comment', pg_catalog.col_description(c.oid, a.attnum),
        'grants', (select json_agg(json_build_array(
            case when x.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(x.grantee) end, x.privilege_type))
          from pg_catalog.aclexplode(a.attacl) x)) order by a.attnum)
     from pg_catalog.pg_attribute a
     join pg_catalog.pg_type t on t.oid = a.atttypid
     left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname !~ '^pg_(toast_)?temp_'
order by n.nspname, c.relname
