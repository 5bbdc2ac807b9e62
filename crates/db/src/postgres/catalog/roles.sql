-- Roles, the roles that each is a member of and what these say about inheriting, and the settings that the connecting role may give it (`alter role ... set`).
select
  r.rolname as name,
  r.rolsuper as superuser,
  r.rolbypassrls as bypass_row_security,
  r.rolinherit as inherits,
  coalesce((select json_agg(pg_catalog.pg_get_userbyid(m.roleid)) from pg_catalog.pg_auth_members m where m.member = r.oid), '[]')
    as member_of,
  coalesce((
    select json_object_agg(parent, inherit_option)
    from (
      select pg_catalog.pg_get_userbyid(roleid) as parent, bool_or(inherit_option) as inherit_option
      from (select m.roleid, m.member, /*inherit option*/ null::boolean /*end*/ as inherit_option from pg_catalog.pg_auth_members m) membership
      where member = r.oid
      group by roleid
    ) of_membership
    where inherit_option is not null
  ), '{}') as inherit_options,
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
       or exists (select from pg_catalog.pg_settings k where k.name = of_role.name and (/*settable*/ k.context = 'user' /*end*/))
  ), '{}') as settings
from pg_catalog.pg_roles r
