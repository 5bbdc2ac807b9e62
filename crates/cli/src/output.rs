//! Everything that the command prints: results on stdout, all else on stderr; colours on terminals only.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use basalt_server::Config;
use basalt_server::config::Engine;
use basalt_server::project::{Migration, Script};
use indicatif::{ProgressBar, ProgressStyle};

use crate::report::Report;

/// Names of things, and what to look at first.
pub const STRONG: Style = Style::new().bold();
/// What explains.
pub const FAINT: Style = Style::new().dimmed();
/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What can be opened or pasted.
pub const LINK: Style = AnsiColor::Cyan.on_default();

/// `text` in a style, where the terminal has styles.
pub fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A line of the command's result, on stdout. A reader that went away (`| head`) is no fault.
pub fn result(line: impl Display) {
    let _ = writeln!(anstream::stdout().lock(), "{line}");
}

/// A line about what the command does, on stderr.
pub fn note(line: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// That a migration was applied, on stderr, and what it would make that Basalt makes itself.
pub fn applied(migration: &Migration, time: Duration, passed_over: &BTreeSet<String>) {
    let Migration { version, name, .. } = migration;
    note(format_args!("  {} {version}_{name} {}", styled(GOOD, "applied"), styled(FAINT, elapsed(time))));
    for what in passed_over {
        note(format_args!("    passed over: {what}"));
    }
}

/// That a seed was run, on stderr.
pub fn seeded(seed: &Script) {
    note(format_args!("  {} {}", styled(GOOD, "seeded"), path(&seed.path)));
}

/// Errors and warnings, on stderr.
pub fn reports<'a>(reports: impl IntoIterator<Item = &'a Report>) {
    for report in reports {
        note(format_args!("{}\n", report.render()));
    }
}

/// Asks a question on the terminal; `false` unless the answer is yes. Without a terminal there is nobody to ask: `None`.
pub fn confirm(question: &str) -> Option<bool> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let mut stderr = anstream::stderr();
    let _ = write!(stderr, "{question} [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The measures of a bar over bytes, and over rows.
pub const BYTES: &str = "{bytes}/{total_bytes}";
pub const ROWS: &str = "{pos}/{len} rows";

/// A bar over so much, on stderr; invisible without a terminal.
pub fn progress(what: &'static str, length: u64, measure: &str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(what);
    if let Ok(style) = ProgressStyle::with_template(&format!("  {{msg}} [{{bar:32}}] {measure} {{eta}}")) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// The engine that a configuration names, for people.
pub fn engine(config: &Config) -> &'static str {
    match (config.database.engine(), config.database.url.is_empty()) {
        (Engine::Sqlite, _) => "embedded SQLite",
        (Engine::Postgres, true) => "private PostgreSQL",
        (Engine::Postgres, false) => "PostgreSQL",
    }
}

/// A path as a person writes it: without a leading `./`.
pub fn path(path: &Path) -> impl Display {
    path.strip_prefix(".").unwrap_or(path).display()
}

/// A text as one word for the shell; a plain one as it is.
pub fn shell_quoted(text: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '@' | '%' | '+' | ',');
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// A duration for people: `12 ms`, `3.4 s`.
pub fn elapsed(duration: Duration) -> String {
    match duration.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms => format!("{:.1} s", ms as f64 / 1000.0),
    }
}

/// `1 row`, `2 rows`.
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
