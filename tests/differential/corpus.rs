//! The hand-written cases: each file is a subject, its statements run in order over a database of its own.

use std::path::{Path, PathBuf};

use basalt_tests::postgres::Cluster;

use super::pair::{Outcome, Pair, fault};

/// Statements that Basalt refuses as unsupported: a line `# reason`, then the statements.
const REFUSED: &str = include_str!("refused.txt");

/// Statements that are known to answer otherwise, in the same form; one that is mended has to go.
const DIFFERENT: &str = include_str!("different.txt");

/// Fewest statements that the cases have, lest they be skipped unnoticed.
const FEWEST: usize = 600;

#[tokio::test]
async fn cases_answer_as_in_postgresql() {
    let refused: Vec<String> = statements(REFUSED).iter().map(|sql| words(sql)).collect();
    let different: Vec<String> = statements(DIFFERENT).iter().map(|sql| words(sql)).collect();
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let (mut count, mut faults, mut met) = (0, Vec::new(), Vec::new());
    for file in files() {
        let subject = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let pair = Pair::new(&cluster, &subject).await;
        let source = std::fs::read_to_string(&file).expect("reads");
        for sql in statements(&source) {
            count += 1;
            let (expected, found) = pair.ask(&sql).await;
            if expected == found || is_syntax(&expected) && is_syntax(&found) {
                continue;
            }
            let sql_words = words(&sql);
            let unsupported = matches!(&found, Outcome::Refused(refusal) if refusal.code == "0A000");
            if unsupported && refused.contains(&sql_words) || different.contains(&sql_words) {
                met.push(sql_words);
                continue;
            }
            faults.push(format!("{subject}: {}", fault(&sql, &expected, &found)));
        }
    }
    // Neither list outlives its reason; a run over some of the cases meets only some.
    if only().is_empty() {
        let all = refused.iter().chain(&different);
        faults.extend(all.filter(|sql| !met.contains(sql)).map(|sql| format!("listed, but answers alike: {sql}")));
        assert!(count >= FEWEST, "{count} statements");
    }
    assert!(faults.is_empty(), "{} faults in {count} statements\n\n{}", faults.len(), faults.join("\n\n"));
}

/// A syntax error: the parsers word them differently.
fn is_syntax(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(refusal) if refusal.code == "42601")
}

/// The only subject to run, if one is asked for.
fn only() -> String {
    std::env::var("BASALT_DIFFERENTIAL_CASES").unwrap_or_default()
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("differential/cases");
    let only = only();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| only.is_empty() || path.file_stem().is_some_and(|stem| *stem == *only))
        .collect();
    files.sort();
    files
}

/// The statements of a file: each ends with a semicolon at the end of a line outside of `$$`.
pub fn statements(source: &str) -> Vec<String> {
    let (mut found, mut current) = (Vec::new(), String::new());
    let lines = source.lines().filter(|line| !line.starts_with("--") && !line.starts_with("# "));
    for line in lines {
        current.push_str(line);
        let closed = current.matches("$$").count() % 2 == 0;
        match current.trim().strip_suffix(';').filter(|_| closed) {
            Some(statement) => {
                found.push(statement.to_owned());
                current.clear();
            }
            None => current.push('\n'),
        }
    }
    assert!(current.trim().is_empty(), "a statement without its end: {current}");
    found
}

fn words(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}
