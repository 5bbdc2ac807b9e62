//! Proves that `docs/errors.md` lists each code of an error that is Basalt's own or PostgREST's, and none that nothing answers.
//!
//! PostgreSQL's SQLSTATEs are not among them: the page has the common ones.

use std::collections::BTreeSet;
use std::path::Path;

use crate::run::{Failure, workspace_path};

/// What the codes begin with that are told by their look alone.
const PREFIXES: [&str; 4] = ["BST", "PGRST", "webhook_", "outbound_"];
/// What makes an error of the auth API. Its code is the first text behind it.
const AUTH: [&str; 2] = ["AuthError::new(", "AuthError::oauth("];

pub fn prove() -> Result<(), Failure> {
    let mut source = Source::default();
    source.read(&workspace_path("crates"))?;
    let page = std::fs::read_to_string(workspace_path("docs/errors.md"))?;
    let (families, single): (Vec<String>, Vec<String>) = listed(&page).into_iter().partition(|one| one.ends_with('*'));
    let is_of = |code: &str, family: &str| code.starts_with(family.trim_end_matches('*'));
    let is_listed = |code: &String| single.contains(code) || families.iter().any(|family| is_of(code, family));
    let missing = source.codes.iter().filter(|code| !is_listed(code)).map(|code| format!("{code} is not listed"));
    let gone = single.iter().filter(|code| !source.texts.contains(*code)).map(|code| format!("nothing answers {code}"));
    let faults: Vec<String> = missing.chain(gone).collect();
    if faults.is_empty() { Ok(()) } else { Err(format!("docs/errors.md: {}", faults.join(", ")).into()) }
}

/// What the programs' source says.
#[derive(Default)]
struct Source {
    /// Codes of errors.
    codes: BTreeSet<String>,
    /// All texts that could be codes.
    texts: BTreeSet<String>,
}

impl Source {
    fn read(&mut self, folder: &Path) -> Result<(), Failure> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                self.read(&path)?;
            } else if name.ends_with(".rs") && name != "tests.rs" {
                self.add(&std::fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }

    fn add(&mut self, text: &str) {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let quoted = code.split('"').filter(|text| is_code(text)).map(str::to_owned);
        for text in quoted {
            let has_prefix =
                |prefix: &&str| text.strip_prefix(*prefix).is_some_and(|rest| rest.starts_with(|c: char| c != '_'));
            if PREFIXES.iter().any(has_prefix) {
                self.codes.insert(text.clone());
            }
            self.texts.insert(text);
        }
        for call in AUTH.iter().flat_map(|call| code.split(call).skip(1)) {
            let mut parts = call.split('"');
            let is_status =
                parts.next().is_some_and(|before| before.chars().all(|c| c.is_ascii_digit() || " \n,".contains(c)));
            self.codes.extend(parts.next().filter(|code| is_status && is_code(code)).map(str::to_owned));
        }
    }
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The codes in the first columns of the page's tables but those of PostgreSQL's; `mfa_*` is a family.
fn listed(page: &str) -> Vec<String> {
    let own = page.split("\n## PostgreSQL's").next().unwrap_or_default();
    let cells = own.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.split(", ")).map(|code| code.trim_matches(['`', ' ']).to_owned()).collect()
}
