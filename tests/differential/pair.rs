//! A database of each engine, asked the same.

use basalt_core::Identity;
use basalt_db::{Database, Format, Options, Request};
use basalt_tests::postgres::{Cluster, Session};
use tempfile::TempDir;

/// Both engines with the same tables.
pub struct Pair {
    pub basalt: Database,
    pub postgres: Session,
    _folder: TempDir,
}

/// What a statement answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The rows as `json_agg` gives them.
    Rows(String),
    /// Rows changed.
    Changed(u64),
    /// A definition was carried out.
    Done,
    Refused(Refusal),
}

/// An error without its place in the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    pub constraint: Option<String>,
}

/// How a statement is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Query,
    Write,
    Definition,
}

impl Pair {
    /// Empty databases; PostgreSQL's has this name.
    pub async fn new(cluster: &Cluster, name: &str) -> Pair {
        let folder = TempDir::new().expect("a folder");
        let options = Options { data_dir: folder.path().to_owned(), readers: 1, durable: false, ..Options::default() };
        Pair { basalt: Database::open(options).expect("opens"), postgres: cluster.create(name).await, _folder: folder }
    }

    /// Runs a script on both that has to succeed.
    pub async fn script(&self, sql: &str) {
        self.postgres.script(sql).await;
        if let Err(failed) = self.basalt.run_script(sql, |_| {}).await {
            panic!("{}\n{}", failed.error, failed.statement);
        }
    }

    /// PostgreSQL's answer and Basalt's.
    pub async fn ask(&self, sql: &str) -> (Outcome, Outcome) {
        (self.postgres(sql).await, self.basalt(sql).await)
    }

    /// Says where they differ.
    pub async fn compare(&self, sql: &str) -> Option<String> {
        let (expected, found) = self.ask(sql).await;
        (expected != found).then(|| fault(sql, &expected, &found))
    }

    async fn postgres(&self, sql: &str) -> Outcome {
        let kind = Kind::of(sql);
        let asked = match kind {
            Kind::Query => {
                // What changes data may only stand among the outermost WITH queries.
                let (with, query) = main_query(sql);
                let ctes = with.map_or_else(|| "with".to_owned(), |with| format!("{with},"));
                format!("{ctes} \"$\" as (\n{query}\n) select coalesce(json_agg(\"$\"), '[]') from \"$\"")
            }
            Kind::Write | Kind::Definition => sql.to_owned(),
        };
        match self.postgres.ask(&asked).await {
            Ok((body, _)) if kind == Kind::Query => Outcome::Rows(body.unwrap_or_default()),
            Ok((_, changed)) if kind == Kind::Write => Outcome::Changed(changed),
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Refused(Refusal {
                code: error.code().code().to_owned(),
                message: error.message().to_owned(),
                detail: error.detail().map(str::to_owned),
                constraint: error.constraint().map(str::to_owned),
            }),
        }
    }

    async fn basalt(&self, sql: &str) -> Outcome {
        let kind = Kind::of(sql);
        let answer = match kind {
            Kind::Definition => {
                self.basalt.run_script(sql, |_| {}).await.map(|_| Outcome::Done).map_err(|failed| failed.error)
            }
            Kind::Query | Kind::Write => {
                let format = if kind == Kind::Query { Format::Json } else { Format::None };
                let request = Request { format, ..Request::new(Identity::owner(), sql, Vec::new()) };
                self.basalt.run(request).await.map(|answer| match kind {
                    Kind::Query => Outcome::Rows(String::from_utf8_lossy(&answer.body).into_owned()),
                    _ => Outcome::Changed(answer.rows),
                })
            }
        };
        answer.unwrap_or_else(|error| {
            Outcome::Refused(Refusal {
                code: error.code().to_owned(),
                message: error.message().to_owned(),
                detail: error.detail().map(str::to_owned),
                constraint: error.constraint().map(str::to_owned),
            })
        })
    }
}

/// The WITH queries of a statement that changes data, and what follows them.
fn main_query(sql: &str) -> (Option<&str>, &str) {
    let lower = sql.to_ascii_lowercase();
    let changes = ["insert", "update", "delete"].iter().any(|word| lower.contains(word));
    if !lower.starts_with("with ") || !changes {
        return (None, sql);
    }
    let mut depth = 0;
    for (at, c) in lower.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        let rest = lower[at..].strip_prefix(|c: char| c.is_whitespace()).unwrap_or_default();
        if depth == 0 && ["select ", "insert ", "update ", "delete "].iter().any(|word| rest.starts_with(word)) {
            return (Some(&sql[..at]), &sql[at..]);
        }
    }
    (None, sql)
}

impl Kind {
    fn of(sql: &str) -> Kind {
        let lower = sql.to_ascii_lowercase();
        match lower.split_whitespace().next().unwrap_or_default() {
            "insert" | "update" | "delete" | "with" if lower.contains("returning") => Kind::Query,
            "insert" | "update" | "delete" => Kind::Write,
            "select" | "with" | "values" | "table" | "(select" => Kind::Query,
            _ => Kind::Definition,
        }
    }
}

/// How two answers to a statement are shown.
pub fn fault(sql: &str, expected: &Outcome, found: &Outcome) -> String {
    format!("{sql}\n  PostgreSQL {}\n  Basalt     {}", show(expected), show(found))
}

fn show(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rows(rows) => rows.replace('\n', ""),
        Outcome::Changed(rows) => format!("{rows} rows changed"),
        Outcome::Done => "done".into(),
        Outcome::Refused(Refusal { code, message, detail, constraint }) => {
            format!(
                "{code} {message} | {} | {}",
                detail.as_deref().unwrap_or("-"),
                constraint.as_deref().unwrap_or("-")
            )
        }
    }
}
