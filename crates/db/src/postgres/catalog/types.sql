-- Types that columns, parameters and results may have: OIDs to names, with what enumerations, domains and composites are made of.
select
  t.oid::bigint as oid,
  n.nspname as schema,
  t.typname as name,
  t.typtype as kind,
  case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem::bigint end as element,
  nullif(t.typbasetype, 0)::bigint as base,
  t.typtypmod as typmod,
  t.typnotnull as not_null,
  t.typdefault as "default",
  nullif(t.typrelid, 0)::bigint as relation,
  coalesce(c.relkind, '') as relation_kind,
  case when t.typtype = 'e' then
    (select json_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid)
  end as labels,
  case when c.relkind = 'c' then
    (select json_agg(json_build_array(a.attname, a.atttypid::bigint) order by a.attnum)
       from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
  end as fields
from pg_catalog.pg_type t
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
left join pg_catalog.pg_class c on c.oid = t.typrelid
where n.nspname <> 'pg_toast' and n.nspname !~ '^pg_(toast_)?temp_'
