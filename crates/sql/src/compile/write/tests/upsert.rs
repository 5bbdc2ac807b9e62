//! INSERT ... ON CONFLICT.

use super::*;

#[test]
fn an_upsert_asks_three_policies() {
    let catalog = guarded(&[
        policy("i", PolicyCommand::Insert, None, Some("title <> 'i'")),
        policy("s", PolicyCommand::Select, Some("title <> 's'"), None),
        policy("u", PolicyCommand::Update, Some("title <> 'u'"), Some("title <> 'c'")),
    ]);
    let sql = statement(
        &catalog,
        "insert into notes (owner, title) values ($1, $2) on conflict (owner, title) do update set title = excluded.title",
    );
    let (insert, update) = sql.split_once(" ON CONFLICT (\"owner\", \"title\") DO UPDATE SET ").expect("an upsert");
    holds(insert, "'i'");
    holds(insert, "'s'");
    lacks(insert, "'u'");
    holds(update, "(USING expression) for table");
    for literal in ["'u'", "'c'", "'s'"] {
        holds(update, literal);
    }
    holds(update, r#"excluded."title""#);
}

#[test]
fn an_upsert_looks_at_no_row_before_its_policies() {
    let catalog = guarded(&[policy("own", PolicyCommand::All, Some(OWN), None)]);
    // SQLite computes `title` first, whatever the order of SET.
    let sql = statement(
        &catalog,
        "insert into notes (title) values ('x') on conflict (owner, title) do update set rank = 2, title = 'y'",
    );
    holds(&sql, r#"DO UPDATE SET "title" = iif(pg_require("#);
}

#[test]
fn an_upsert_of_several_rows_meets_each_row_once() {
    let upsert = "on conflict (id) do update set name = excluded.name";
    let several = format!("insert into people (id, name) values (1, 'a'), (2, 'b') {upsert}");
    let sql = statement(&catalog(), &several);
    holds(&sql, "'21000', 'ON CONFLICT DO UPDATE command cannot affect row a second time'");
    holds(&sql, r#"FROM "new" AS excluded WHERE excluded."id" IS NOT NULL GROUP BY excluded."id" HAVING count(*) > 1"#);
    let one = format!("insert into people (id, name) values (1, 'a') {upsert}");
    lacks(&statement(&catalog(), &one), "21000");
}

#[test]
fn returning_tells_new_rows_from_updated_ones() {
    let insert = "insert into people (id, name) values (1, 'a')";
    let sql = statement(
        &catalog(),
        &format!("{insert} on conflict (id) do update set name = 'b' returning (xmax = 0) as \"basalt:inserted\""),
    );
    holds(&sql, "DO UPDATE SET \"name\" = iif(pg_set_config('basalt.updated', '1', 1) IS NOT NULL");
    holds(&sql, "pg_setting('basalt.updated', 1)");
    let plain = program(&catalog(), &format!("{insert} returning id, (xmax = 0) as \"basalt:inserted\""));
    assert_eq!(plain.columns[1].name, "basalt:inserted");
    assert_eq!(plain.columns[1].ty, Type::BOOL);
    lacks(&plain.steps[0].sql, "pg_setting");
}
