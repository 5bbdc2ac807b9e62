create or replace function extensions.basalt_ddl_watch() returns event_trigger language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_notify('pgrst', 'reload schema');
end
$$;
drop event trigger if exists basalt_ddl_watch;
drop event trigger if exists basalt_drop_watch;
create event trigger basalt_ddl_watch on ddl_command_end execute function extensions.basalt_ddl_watch();
create event trigger basalt_drop_watch on sql_drop execute function extensions.basalt_ddl_watch();
