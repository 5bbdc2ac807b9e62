-- Writes one entry of the change log, as the log's owner. The lock marks the transaction as one that has entries, before they get
-- their ids: readers wait for those that were marked when an id was already given.
create or replace function basalt.log_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  old_row json;
  new_row json;
begin
  perform pg_advisory_xact_lock_shared(702111, 1);
  if tg_op = 'DELETE' or tg_op = 'UPDATE' then
    old_row := row_to_json(old);
  end if;
  if tg_op = 'INSERT' or tg_op = 'UPDATE' then
    new_row := row_to_json(new);
  end if;
  insert into basalt.changes (transaction, committed_at, schema, name, operation, old, new, role, sub, bytes)
  values (
    pg_current_xact_id()::text::bigint,
    (extract(epoch from clock_timestamp()) * 1000000)::bigint,
    coalesce(tg_argv[0], tg_table_schema), coalesce(tg_argv[1], tg_table_name), tg_op, old_row, new_row,
    coalesce(nullif(current_setting('role'), 'none'), session_user),
    nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub',
    coalesce(octet_length(old_row::text), 0) + coalesce(octet_length(new_row::text), 0));
  return null;
end
$$;
revoke all on function basalt.log_change() from public;
