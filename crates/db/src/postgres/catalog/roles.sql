-- Roles, the roles that each is a member of, and the settings that the connecting role may give it (`alter role ... set`).
select
  r.rolname as name,
  r.rolsuper as superuser,
  r.rolbypassrls as bypass_row_security,
  coalesce((select json_agg(pg_catalog.pg_get_userbyid(m.roleid)) from pg_catalog.pg_auth_members m where m.member = r.oid), '[]')
    as member_of,
  coalesce((
    select json_object_agg(name, value)
    from (
      select distinct on (split_part(setting, '=', 1))
        split_part(setting, '=', 1) as name,
        substr(setting, strpos(setting, '=') + 1) as value
      from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) setting
      where s.setrole = r.oid
        and s.setdatabase in (0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()))
      order by split_part(setting, '=', 1), s.setdatabase desc
    ) of_role
    where name like 'pgrst.%'
       or exists (select from pg_catalog.pg_settings k where k.name = of_role.name and k.context = 'user')
  ), '{}') as settings
from pg_catalog.pg_roles r
