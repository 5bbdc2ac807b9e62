#!/bin/sh
# Asks a PostgreSQL server for the answer to every expression of the given cases.txt files, and writes it behind ` => `.
# Usage: oracle.sh 'psql options' src/numeric/cases.txt ...
set -eu
options=$1
shift
for file; do
    expressions=$(mktemp)
    sed 's/ => .*//' "$file" > "$expressions"
    psql $options -qAtX -v ON_ERROR_STOP=1 > "$file.new" <<SQL
set client_min_messages = error;
set timezone = 'America/New_York';
create temporary table expressions (line bigint generated always as identity, expression text);
create function pg_temp.answer(expression text) returns text language plpgsql as \$\$
declare
    answer text; code text; message text; detail text; hint text;
begin
    if expression = '' or expression like '#%' then
        return expression;
    end if;
    execute 'select (' || expression || ')::text' into answer;
    return expression || ' => ' || coalesce(replace(answer, e'\\n', '\\n'), 'NULL');
exception when others then
    get stacked diagnostics code = returned_sqlstate, message = message_text, detail = pg_exception_detail, hint = pg_exception_hint;
    return expression || ' => ERROR ' || code || ' ' || message
        || case when detail <> '' then ' | ' || detail else '' end || case when hint <> '' then ' | ' || hint else '' end;
end
\$\$;
\\copy expressions (expression) from '$expressions' with (format csv, delimiter e'\\x01', quote e'\\x02')
select pg_temp.answer(coalesce(expression, '')) from expressions order by line;
SQL
    mv "$file.new" "$file"
    rm "$expressions"
done
