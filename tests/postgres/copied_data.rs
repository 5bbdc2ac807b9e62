//! The data of `copy ... from stdin` in scripts, read alike on both engines.

use basalt_db::{Database, Format, Request};
use basalt_tests::Server;
use basalt_tests::postgres::Cluster;

const TABLE: &str =
    "create table t (id integer, a text, \"B\" text, twice integer generated always as (id * 2) stored);";

/// What stands in the table after a script, or the script's error.
async fn loaded(database: &Database, script: &str) -> Result<String, (String, String)> {
    database.run_script("truncate t", |_| ()).await.expect("truncates");
    let done = database.run_script(script, |_| ()).await;
    done.map_err(|failed| (failed.error.code().to_owned(), failed.error.message().to_owned()))?;
    let rows = "select string_agg(concat_ws('/', id, coalesce('<' || a || '>', 'null'), coalesce('<' || \"B\" || '>', 'null')), ' ' order by id) as value from t";
    let request = Request { format: Format::Scalar, ..Request::new(basalt_core::Identity::owner(), rows, Vec::new()) };
    Ok(serde_json::from_slice(&database.run(request).await.expect("rows").body).expect("a text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn options_mean_what_they_mean_in_postgresql() {
    let cluster = Cluster::start();
    let postgres = Server::start_on(&cluster, TABLE, |_| ()).await;
    let embedded = Server::start_embedded(TABLE, |_| ()).await;
    let mut differing = Vec::new();
    for (options, data, expected) in [
        ("(format csv, force_null (a))", "1,\"\",\"\"\n2,,\n", Ok("1/null/<> 2/null/null")),
        ("(format csv, force_not_null (a, \"B\"))", "1,\"\",\n2,,x\n", Ok("1/<>/<> 2/<>/<x>")),
        (
            "(format csv, null 'none', force_null (a, \"B\"), force_not_null (a))",
            "1,\"none\",\"none\"\n2,none,none\n",
            Ok("1/null/null 2/<none>/null"),
        ),
        ("csv force null a", "1,\"\",\n", Ok("1/null/null")),
        ("with csv header force not null a, \"B\"", "x,y,z\n1,,\n", Ok("1/<>/<>")),
        ("delimiter as ';' null 'x' csv quote as '!' escape '^'", "1;!a^!;!;x\n", Ok("1/<a!;>/null")),
        ("(format csv, force_null (\"b\"))", "", Err("42703")),
        ("(format csv, force_null (b))", "", Err("42703")),
        ("(force_null (a))", "", Err("0A000")),
        ("(format csv, force_quote (a))", "", Err("0A000")),
        ("(quote '!')", "", Err("0A000")),
        ("(format csv, format csv)", "", Err("42601")),
        ("(format xml)", "", Err("22023")),
        ("(nonsense)", "", Err("42601")),
        ("(delimiter 'ab')", "", Err("0A000")),
        ("(encoding 'utf-8')", "1\tä\t\\N\n", Ok("1/<ä>/null")),
        ("encoding 'UTF8'", "1\tä\t\\N\n", Ok("1/<ä>/null")),
        ("(delimiter '|')", "1|a\\|b|\\\\\n", Ok("1/<a|b>/<\\>")),
        ("(delimiter '|', null '')", "1|a\\|b|\n", Ok("1/<a|b>/null")),
        ("", "1\ta\\\tb\t\\\\N\n2\tc\\\nd\t\\N\n", Ok("1/<a\tb>/<\\N> 2/<c\nd>/null")),
        ("(header 'on')", "x\ty\tz\n1\ta\tb\n", Ok("1/<a>/<b>")),
        ("(header off)", "1\ta\tb\n", Ok("1/<a>/<b>")),
        ("(header match)", "id\ta\tB\n1\ta\tb\n", Ok("1/<a>/<b>")),
        ("(header match)", "id\ta\tb\n1\ta\tb\n", Err("22P04")),
        ("(header match)", "id\t\\N\tB\n", Err("22P04")),
        ("(header match)", "id\ta\n", Err("22P04")),
        ("(header maybe)", "", Err("42601")),
        ("(format csv, header true)", "id,\"a\n\",B\n1,a,b\n", Ok("1/<a>/<b>")),
        ("(format csv)", "1,\"a,b\n2,c,d\n", Err("22P04")),
        ("(freeze false, format text)", "1\ta\tb", Ok("1/<a>/<b>")),
    ] {
        let end = if data.is_empty() || data.ends_with('\n') { "" } else { "\n" };
        let script = format!("copy t from stdin {options};\n{data}{end}\\.\n");
        let here = loaded(&embedded.database, &script).await;
        // Older ones have headers in CSV alone, and match none.
        let there = match options.starts_with("(header") && options != "(header maybe)" && cluster.version() < 15 {
            true => here.clone(),
            false => loaded(&postgres.database, &script).await,
        };
        let is_expected =
            |found: &Result<String, (String, String)>| found.as_deref().map_err(|(code, _)| code.as_str()) == expected;
        if !is_expected(&there) || !is_expected(&here) || expected == Err("22P04") && here != there {
            differing.push(format!("{script}: {there:?}, {here:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let script = "copy t (id, a) from stdin (format csv, force_null (\"B\"));\n\\.\n";
    assert_eq!(loaded(&embedded.database, script).await, loaded(&postgres.database, script).await);
    // All of a script is UTF-8.
    for encoding in ["latin1", "sql_ascii"] {
        let refused = loaded(&embedded.database, &format!("copy t from stdin (encoding '{encoding}');\n\\.\n")).await;
        assert_eq!(refused.expect_err("another encoding").0, "0A000");
    }
    for refused in ["(default 'x')", "(on_error ignore)", "where id > 1", "(format binary)", "binary"] {
        let refused = loaded(&embedded.database, &format!("copy t from stdin {refused};\n\\.\n")).await;
        assert_eq!(refused.expect_err("not supported").0, "0A000");
    }
}
