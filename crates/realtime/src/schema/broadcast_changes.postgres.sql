create or replace function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text,
  new record, old record, level text default 'ROW'
) returns void language plpgsql as $$
begin
  if level is distinct from 'ROW' then
    raise exception 'realtime.broadcast_changes is for triggers FOR EACH ROW, not %', level;
  end if;
  perform realtime.send(
    jsonb_build_object(
      'id', gen_random_uuid(), 'schema', table_schema, 'table', table_name, 'operation', operation,
      'record', to_jsonb(new), 'old_record', to_jsonb(old)
    ),
    event_name, topic_name
  );
end
$$;
