-- Writes one entry of the change log, as the log's owner. The lock marks the transaction as one that has entries, before they get
-- their ids: readers wait for those that were marked when an id was already given.
-- Its arguments: of a partitioned table, the schema and name that count; where not all rows are published, the condition of those that are.
create or replace function basalt.log_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  old_row json;
  new_row json;
  condition text := case tg_nargs when 1 then tg_argv[0] when 3 then tg_argv[2] end;
  published boolean := condition is null;
begin
  if not published then
    -- A condition that fails over a row is its readers' matter, never its writer's.
    begin
      condition := format('select exists (select from (select ($1).*) r where %s)', condition);
      if tg_op <> 'INSERT' then
        execute condition into published using old;
      end if;
      if tg_op <> 'DELETE' and not published then
        execute condition into published using new;
      end if;
    exception when others then
      published := true;
    end;
    if not published then
      return null;
    end if;
  end if;
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
    case when tg_nargs > 1 then tg_argv[0] else tg_table_schema end,
    case when tg_nargs > 1 then tg_argv[1] else tg_table_name end, tg_op, old_row, new_row,
    coalesce(nullif(current_setting('role'), 'none'), session_user),
    nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub',
    coalesce(octet_length(old_row::text), 0) + coalesce(octet_length(new_row::text), 0));
  return null;
end
$$;
revoke all on function basalt.log_change() from public;
