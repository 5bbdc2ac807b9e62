//! What went wrong, where, and what to do: one form for every error and warning that the command prints.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Element, Level, Renderer, Snippet};
use basalt_core::Error;
use basalt_server::StartError;
use basalt_server::config::ConfigError;
use basalt_server::project::{Conflict, ProjectError};
use basalt_sql::lint::{self, Finding};

use crate::output;

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How bad it is.
    pub severity: Severity,
    /// The SQLSTATE or a lint's name.
    pub code: Option<String>,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// What was found.
    pub detail: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

/// How bad a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The command fails.
    Error,
    /// It may not be what was meant.
    Warning,
    /// It could be better.
    Hint,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as shown.
    path: String,
    /// The line (and the one before), without the rest of the file.
    excerpt: String,
    /// Number of the excerpt's first line, from 1.
    first_line: usize,
    /// Bytes of the excerpt to underline.
    span: Range<usize>,
}

/// Why a command ends with exit code 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub Vec<Report>);

impl Report {
    /// An error with nothing but its message.
    pub fn error(message: impl Into<String>) -> Report {
        Report { severity: Severity::Error, code: None, message: message.into(), place: None, detail: None, help: None }
    }

    /// A warning with nothing but its message.
    pub fn warning(message: impl Into<String>) -> Report {
        Report { severity: Severity::Warning, ..Report::error(message) }
    }

    /// What to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Report {
        self.help = Some(help.into());
        self
    }

    /// A database error, with its place in `source` (a file's whole text) at `offset`.
    pub fn sql(error: &Error, path: &Path, source: &str, offset: usize) -> Report {
        Report { place: Some(Place::new(path, source, offset)), ..Report::from(error) }
    }

    /// The text to print, with styles that the output removes where there is no terminal.
    pub fn render(&self) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Hint => Level::INFO.with_name("hint"),
        };
        let mut title = level.primary_title(self.message.as_str());
        if let Some(code) = &self.code {
            title = title.id(code.as_str());
        }
        let Some(place) = &self.place else {
            let mut text = Renderer::styled().render(&[title.elements(Vec::<Element<'_>>::new())]);
            for note in self.detail.iter().chain(&self.help) {
                text.push_str(&format!("\n  {}", note.replace('\n', "\n  ")));
            }
            return text;
        };
        let snippet = Snippet::source(place.excerpt.as_str())
            .path(place.path.as_str())
            .line_start(place.first_line)
            .fold(false)
            .annotation(AnnotationKind::Primary.span(place.span.clone()));
        let mut elements: Vec<Element<'_>> = vec![snippet.into()];
        elements.extend(self.detail.as_deref().map(|text| Level::NOTE.message(text).into()));
        elements.extend(self.help.as_deref().map(|text| Level::HELP.message(text).into()));
        Renderer::styled().render(&[title.elements(elements)])
    }
}

impl Place {
    /// The token at `offset` of `source`.
    pub fn new(path: &Path, source: &str, offset: usize) -> Place {
        let token = token(source, offset);
        let line_start = |at: usize| source[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = line_start(token.start);
        let first = if line > 0 { line_start(line - 1) } else { line };
        let end = source[token.start..].find('\n').map_or(source.len(), |length| token.start + length);
        Place {
            path: output::path(path).to_string(),
            excerpt: source[first..end].to_owned(),
            first_line: source[..first].matches('\n').count() + 1,
            span: token.start - first..token.end.min(end) - first,
        }
    }
}

/// The word, quoted name or sign at `offset`; at the end of the text, the last one before it.
fn token(source: &str, offset: usize) -> Range<usize> {
    let mut start = source.floor_char_boundary(offset);
    if source[start..].trim_start().is_empty() {
        let before = source.trim_end();
        start = before.char_indices().next_back().map_or(0, |(at, _)| at);
    } else {
        start += source[start..].len() - source[start..].trim_start().len();
    }
    let rest = &source[start..];
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].find([quote, '\n']).map_or(1, |at| at + 2),
        Some(first) if word(first) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
        Some(first) => first.len_utf8(),
        None => 0,
    };
    start..(start + length).min(source.len())
}

impl From<&Error> for Report {
    fn from(error: &Error) -> Report {
        Report {
            code: Some(error.code().to_owned()),
            detail: error.detail().map(str::to_owned),
            help: error.hint().map(str::to_owned),
            ..Report::error(error.message())
        }
    }
}

impl From<&Finding> for Report {
    fn from(finding: &Finding) -> Report {
        let severity = match finding.severity {
            lint::Severity::Error => Severity::Error,
            lint::Severity::Warning => Severity::Warning,
            lint::Severity::Hint => Severity::Hint,
        };
        let message = finding.message.as_str();
        Report { severity, code: Some(finding.code.into()), ..Report::error(message).help(finding.remedy.as_str()) }
    }
}

impl From<&Conflict> for Report {
    fn from(conflict: &Conflict) -> Report {
        Report::error(conflict.to_string()).help(conflict.advice())
    }
}

impl Failure {
    /// Whether one of its errors has this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.0.iter().any(|report| report.code.as_deref() == Some(code))
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Failure {
        Failure(vec![report])
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Report::from(&error).into()
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure(error.0.lines().map(Report::error).collect())
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Failure {
        Report { help: error.advice().map(str::to_owned), ..Report::error(error.to_string()) }.into()
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        match error {
            StartError::Database(error) => error.into(),
            other => Report::error(other.to_string()).into(),
        }
    }
}

/// An input or output error on a path.
pub fn io(what: &str, path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let (what, path) = (what.to_owned(), path.display().to_string());
    move |error| Report::error(format!("can't {what} {path}: {error}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(report: &Report) -> String {
        anstream::adapter::strip_str(&report.render()).to_string()
    }

    #[test]
    fn an_sql_error_shows_its_line_underlined() {
        let source = "-- tables\ncreate table a (id int);\ncreate tabel b (id int);\n";
        let offset = source.find("tabel").unwrap();
        let error = Error::new("42601", "syntax error at or near \"tabel\"").with_hint("Write `table`.");
        let expected = "\
error[42601]: syntax error at or near \"tabel\"
 --> migrations/0001_a.sql:3:8
  |
2 | create table a (id int);
3 | create tabel b (id int);
  |        ^^^^^
  = help: Write `table`.";
        let shown = plain(&Report::sql(&error, Path::new("migrations/0001_a.sql"), source, offset));
        let shown: Vec<&str> = shown.lines().map(str::trim_end).filter(|line| line.trim() != "|").collect();
        let expected: Vec<&str> = expected.lines().filter(|line| line.trim() != "|").collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let source = format!("insert into t values ('{}', oops, '{}');", "x".repeat(5000), "y".repeat(5000));
        let report =
            Report::sql(&Error::new("42703", "no"), Path::new("seed.sql"), &source, source.find("oops").unwrap());
        let shown = plain(&report);
        assert!(shown.contains("oops") && shown.lines().all(|line| line.chars().count() < 200), "{shown}");
    }

    #[test]
    fn the_token_at_a_place() {
        let at = |source: &'static str, offset: usize| &source[token(source, offset)];
        assert_eq!(at("select a.b from t", 7), "a.b");
        assert_eq!(at("select \"My Column\" from t", 7), "\"My Column\"");
        assert_eq!(at("select (", 20), "(");
        assert_eq!(at("select\n  x", 6), "x");
        assert_eq!(at("größe + 1", 0), "größe");
        assert_eq!(at("", 0), "");
    }
}
