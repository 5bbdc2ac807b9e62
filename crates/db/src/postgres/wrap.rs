//! A statement whose rows become one row: the body in the form asked for, the number of rows, and what else an answer tells.

use std::fmt::Write as _;

use basalt_sql::program::HIDDEN;
use basalt_sql::quote;

use crate::{BodyBy, Count, CountKind, Explain, Format, Request};

/// The statement to send.
pub(super) struct Wrapped {
    pub sql: String,
    /// Whether the result is the one row of a wrapped statement; else the statement stands alone, and only its rows count.
    pub one_row: bool,
    /// The hidden columns whose first values are given, as the columns after [`FIXED`] ones.
    pub hidden: Vec<String>,
}

/// The columns of the one row: body, whether it is bytes, rows, inserted, total, status, headers.
pub(super) const FIXED: usize = 7;

/// Where the rows are. A row as a whole is `_s.*`: `_s` would be a column of that name.
const ROWS: &str = "_s";
/// Where the visible part of each is, when some columns are hidden.
const SHOWN: &str = "_v";

/// Wraps a request's statement.
pub(super) fn wrap(request: &Request) -> Wrapped {
    if request.format == Format::None && request.columns.is_empty() && !gives_rows(&request.sql) {
        return Wrapped { sql: (*request.sql).to_owned(), one_row: false, hidden: Vec::new() };
    }
    let (before, body) = request.sql.split_at(request.with);
    let hidden: Vec<String> = request.columns.iter().filter(|name| name.starts_with(HIDDEN)).cloned().collect();
    let visible: Vec<&str> =
        request.columns.iter().map(String::as_str).filter(|name| !name.starts_with(HIDDEN)).collect();
    let mut sql = String::with_capacity(request.sql.len() + 512);
    if let Format::Plan(explain) = request.format {
        push_explain(&mut sql, explain);
    }
    // A WITH that writes has to stay outermost, so the rows become its last member.
    match before {
        "" => sql.push_str("WITH "),
        before => {
            sql.push_str(before.trim_end());
            sql.push_str(", ");
        }
    }
    sql.push_str(ROWS);
    if !hidden.is_empty() {
        let names: Vec<String> = (0..request.columns.len()).map(|i| format!("c{i}")).collect();
        let _ = write!(sql, "({})", names.join(", "));
    }
    // Where nobody wants the columns, they are computed all the same: a function may be among them.
    let kept = if request.format == Format::None { "MATERIALIZED " } else { "" };
    let _ = write!(sql, " AS {kept}({body})");
    let row = if hidden.is_empty() || request.format == Format::None { ROWS } else { SHOWN };
    if row == SHOWN {
        let _ = write!(sql, ", {SHOWN} AS (SELECT ");
        for (index, name) in visible.iter().enumerate() {
            let _ = write!(sql, "{}c{index} AS ", if index > 0 { ", " } else { "" });
            quote::push_ident(&mut sql, name);
        }
        let _ = write!(sql, " FROM {ROWS})");
    }
    sql.push_str(" SELECT ");
    match &request.body_by {
        Some(made) if request.format != Format::None => push_body_by(&mut sql, made, row),
        _ => push_body(&mut sql, request.format, row),
    }
    sql.push_str(", pg_catalog.count(*), ");
    match request.columns.iter().position(|name| name == "basalt:inserted") {
        Some(index) => _ = write!(sql, "(SELECT pg_catalog.count(*) FROM {ROWS} WHERE c{index})"),
        None => sql.push_str("0::bigint"),
    }
    sql.push_str(", ");
    push_total(&mut sql, request.count.as_ref());
    sql.push_str(
        ", nullif(pg_catalog.current_setting('response.status', true), ''), \
         nullif(pg_catalog.current_setting('response.headers', true), '')",
    );
    let told: Vec<String> =
        hidden.into_iter().filter(|name| name != "basalt:inserted" && name != "basalt:one").collect();
    for name in &told {
        let index = request.columns.iter().position(|column| column == name).unwrap_or_default();
        let _ = write!(sql, ", (SELECT c{index}::text FROM {ROWS} LIMIT 1)");
    }
    let _ = write!(sql, " FROM {row}");
    Wrapped { sql, one_row: !matches!(request.format, Format::Plan(_)), hidden: told }
}

/// Whether a statement has rows: a write without RETURNING has none, and can't be a source of rows.
fn gives_rows(sql: &str) -> bool {
    let writes = ["insert", "update", "delete"];
    let word = sql.trim_start().get(..6).unwrap_or_default().to_ascii_lowercase();
    !writes.contains(&word.as_str()) || sql.to_ascii_lowercase().contains("returning")
}

/// The body, and whether it is bytes in hexadecimal.
fn push_body(sql: &mut String, format: Format, row: &str) {
    let text = match format {
        Format::None => "NULL".to_owned(),
        Format::Json | Format::Plan(_) => format!("coalesce(pg_catalog.json_agg({row}.*), '[]')"),
        Format::JsonStripped => format!("coalesce(pg_catalog.json_strip_nulls(pg_catalog.json_agg({row}.*)), '[]')"),
        Format::Object => format!("coalesce(pg_catalog.json_agg({row}.*) -> 0, 'null')"),
        Format::ObjectStripped => {
            format!("coalesce(pg_catalog.json_strip_nulls(pg_catalog.json_agg({row}.*) -> 0), 'null')")
        }
        Format::Scalar => format!("coalesce(pg_catalog.json_agg({row}.\"value\") -> 0, 'null')"),
        Format::ScalarStripped => {
            format!("coalesce(pg_catalog.json_strip_nulls(pg_catalog.json_agg({row}.\"value\") -> 0), 'null')")
        }
        Format::ScalarsStripped => {
            format!("coalesce(pg_catalog.json_strip_nulls(pg_catalog.json_agg({row}.\"value\")), '[]')")
        }
        Format::Scalars => format!("coalesce(pg_catalog.json_agg({row}.\"value\"), '[]')"),
        // Cells as a row's text has them, without its parentheses; names from the first row.
        Format::Csv => format!(
            "coalesce((SELECT pg_catalog.string_agg(k, ',') FROM (SELECT pg_catalog.json_object_keys(r) AS k FROM \
             (SELECT pg_catalog.row_to_json({row}.*) AS r FROM {row} LIMIT 1) AS f) AS n), '') || E'\\n' || \
             coalesce(pg_catalog.string_agg(substring(({row}.*)::text, 2, length(({row}.*)::text) - 2), E'\\n'), '')"
        ),
        Format::Raw => {
            let first = format!("(SELECT {row}.\"value\" FROM {row} LIMIT 1)");
            let of = format!("(SELECT pg_catalog.pg_typeof({row}.\"value\") FROM {row} LIMIT 1)");
            let base =
                format!("coalesce((SELECT nullif(typbasetype, 0) FROM pg_catalog.pg_type WHERE oid = {of}), {of})");
            // Bytes go by their text, since the type is known to PostgreSQL alone; `bytea_output` decides no more than its spelling.
            let hex = in_hex(&format!("{first}::text::pg_catalog.bytea"));
            return sql.push_str(&format!(
                "CASE WHEN {base} = 17 THEN {hex} ELSE {first}::text END, coalesce({base} = 17, false)"
            ));
        }
    };
    let _ = write!(sql, "({text})::text, false");
}

/// The body by a function of the database, and whether it is bytes.
fn push_body_by(sql: &mut String, made: &BodyBy, row: &str) {
    match made {
        BodyBy::Aggregate { function, relation, bytes } => {
            let of = relation.as_ref().map_or_else(String::new, |relation| format!("::{}", relation.quoted()));
            let made = format!("{}(({row}.*){of})", function.quoted());
            let text = if *bytes { in_hex(&made) } else { format!("{made}::text") };
            let _ = write!(sql, "{text}, {bytes}");
        }
        BodyBy::GeoJson(function) => {
            let _ = write!(
                sql,
                "pg_catalog.json_build_object('type', 'FeatureCollection', 'features', \
                 coalesce(pg_catalog.json_agg({}({row}.*)::json), '[]'))::text, false",
                function.quoted()
            );
        }
    }
}

/// Bytes as hexadecimal digits, whatever `bytea_output` says.
fn in_hex(bytes: &str) -> String {
    format!("pg_catalog.encode({bytes}, 'hex')")
}

/// The total, as far as the statement itself counts it.
fn push_total(sql: &mut String, count: Option<&Count>) {
    match count {
        None | Some(Count { kind: CountKind::Planned, .. }) => sql.push_str("NULL::bigint"),
        Some(Count { sql: counting, kind: CountKind::Estimated(Some(most)), .. }) => {
            let limit = most.saturating_add(1);
            let _ = write!(sql, "(SELECT pg_catalog.count(*) FROM ({} LIMIT {limit}) AS _c)", of_rows(counting));
        }
        Some(Count { sql: counting, .. }) => _ = write!(sql, "({counting})"),
    }
}

/// The statement whose plan tells how many rows are expected.
pub(super) fn expectation(count: &Count) -> Option<String> {
    (count.kind != CountKind::Exact).then(|| format!("EXPLAIN (FORMAT JSON) {}", of_rows(&count.sql)))
}

/// The rows that a count counts.
fn of_rows(counting: &str) -> String {
    format!("SELECT 1{}", counting.strip_prefix("SELECT count(*)").unwrap_or_default())
}

fn push_explain(sql: &mut String, explain: Explain) {
    let options = [
        (explain.analyze, "ANALYZE"),
        (explain.verbose, "VERBOSE"),
        (explain.settings, "SETTINGS"),
        (explain.buffers, "BUFFERS"),
        (explain.wal, "WAL"),
    ];
    let _ = write!(sql, "EXPLAIN (FORMAT {}", if explain.json { "JSON" } else { "TEXT" });
    for (_, option) in options.into_iter().filter(|(on, _)| *on) {
        let _ = write!(sql, ", {option}");
    }
    sql.push_str(") ");
}
