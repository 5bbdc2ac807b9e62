-- Row policies.
select
  p.polrelid::bigint as relation,
  p.polname as name,
  p.polpermissive as permissive,
  p.polcmd as command,
  (select json_agg(pg_catalog.pg_get_userbyid(r)) from unnest(p.polroles) r where r <> 0) as roles,
  pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using,
  pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as "check"
from pg_catalog.pg_policy p
order by p.polrelid, p.polname
