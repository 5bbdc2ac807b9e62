-- Functions (no procedures, aggregates or window functions) outside the system's schemas.
select
  n.nspname as schema,
  p.proname as name,
  pg_catalog.pg_get_userbyid(p.proowner) as owner,
  l.lanname as language,
  p.provolatile as volatility,
  p.proisstrict as strict,
  p.prosecdef as security_definer,
  p.proretset as returns_set,
  p.prorettype::bigint as returns,
  p.prorows as rows,
  -- The whole definition, where the body is kept parsed (`begin atomic`).
  case when l.lanname = 'sql' and p.prosrc = '' then pg_catalog.pg_get_functiondef(p.oid)
    when l.lanname in ('sql', 'plpgsql') then p.prosrc else '' end as body,
  coalesce(p.proallargtypes::bigint[], p.proargtypes::bigint[]) as types,
  p.proargmodes as modes,
  p.proargnames as names,
  p.pronargs as inputs,
  p.pronargdefaults as defaults,
  case when p.pronargdefaults > 0 then
    (select json_agg(pg_catalog.pg_get_function_arg_default(p.oid, i) order by i)
       from generate_series(1, coalesce(array_length(p.proallargtypes, 1), p.pronargs)) i)
  end as default_texts,
  p.proconfig as settings,
  pg_catalog.obj_description(p.oid, 'pg_proc') as comment,
  (select json_agg(json_build_array(
        case when x.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(x.grantee) end, x.privilege_type))
     from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) x) as grants
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where p.prokind = 'f' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast_)?temp_'
order by n.nspname, p.proname, p.oid
