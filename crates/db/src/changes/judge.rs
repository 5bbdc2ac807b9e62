//! Who may see a change: the row as it was logged, judged by its table's row policies for SELECT under each identity.
//!
//! The logged image is judged, not what the table holds by now: a later write neither reveals nor hides an earlier one. What a policy
//! looks up elsewhere is looked up now. The policies run as ordinary SQL over the logged rows in the place of the table,
//! one statement for each distinct identity and table of a batch; where no policy binds a role, or all that bind it are constant, none.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use basalt_core::{Change, ChangedTable, Error, Identity, Result};
use basalt_sql::catalog::{PUBLIC, PolicyCommand, Privilege, Relation};
use basalt_sql::{Catalog, Name, definition_path, over_rows, quote};
use futures_util::StreamExt;
use futures_util::stream;

use super::Changes;
use crate::{Format, Request};

/// Statements at once.
const AT_ONCE: usize = 4;

/// Which identities may see a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    bits: Vec<u64>,
}

impl Verdict {
    /// Whether the identity at `index` of those that were asked for may see it.
    pub fn allows(&self, index: usize) -> bool {
        self.bits.get(index / 64).is_some_and(|bits| bits & (1 << (index % 64)) != 0)
    }

    fn allow(&mut self, index: usize) {
        if self.bits.len() <= index / 64 {
            self.bits.resize(index / 64 + 1, 0);
        }
        self.bits[index / 64] |= 1 << (index % 64);
    }
}

/// The columns of a table that a role may select, in order: only those of a change are for it. None without USAGE of the schema.
pub fn readable<'t>(catalog: &Catalog, table: &'t ChangedTable, role: &str) -> Vec<&'t str> {
    let Some(relation) = catalog.relation(&table.schema, &table.name) else { return Vec::new() };
    if !may_use(catalog, &table.schema, role) {
        return Vec::new();
    }
    let names = table.columns.iter().map(|column| column.name.as_str());
    let readable = |name: &&str| {
        let column = relation.column(name);
        column.is_some_and(|column| catalog.allows_column(role, relation, column, Privilege::Select))
    };
    names.filter(readable).collect()
}

/// Whether a role has USAGE of a schema: may know what is in it.
pub fn may_use(catalog: &Catalog, schema: &str, role: &str) -> bool {
    let Some(schema) = catalog.schemas.get(schema) else { return false };
    let holds = |role: &str| schema.grants.get(role).is_some_and(|held| held.contains(&Privilege::Usage));
    catalog.is_superuser(role) || holds(PUBLIC) || catalog.inherited(role).into_iter().any(holds)
}

/// What a role's part in a table's policies comes to.
enum Terms {
    All,
    None,
    /// The condition, in PostgreSQL's SQL.
    Asks(String),
}

impl Changes {
    /// How many statements asked row policies since the database was opened: one for each distinct identity and table of a batch.
    pub fn asked(&self) -> u64 {
        self.database.hub().asked.load(Ordering::Relaxed)
    }

    /// For each change, which of the identities may see it: the new row of INSERT and UPDATE, the old row of DELETE. A role that may
    /// select no column of the table sees none, and TRUNCATE is seen by those whom no row policy binds. A policy that fails over a row
    /// hides it.
    ///
    /// Errors: where the database can't be asked (classes 08, 53, 57, 58).
    pub async fn judge(&self, changes: &[Arc<Change>], identities: &[Identity]) -> Result<Vec<Verdict>> {
        let catalog = self.database.catalog();
        let mut verdicts = vec![Verdict::default(); changes.len()];
        let mut tables: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (index, change) in changes.iter().enumerate() {
            tables.entry((&change.table.schema, &change.table.name)).or_default().push(index);
        }
        // Who comes twice is asked once.
        let mut distinct: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        for (index, identity) in identities.iter().enumerate() {
            distinct.entry((&identity.role, identity.claims.json())).or_default().push(index);
        }
        let mut questions = Vec::new();
        for ((schema, name), places) in &tables {
            let Some(relation) = catalog.relation(schema, name) else { continue };
            let mut by_role: HashMap<&str, Terms> = HashMap::new();
            for ((role, _), same) in &distinct {
                match by_role.entry(role).or_insert_with(|| terms(&catalog, relation, role)) {
                    Terms::None => {}
                    Terms::All => {
                        places.iter().for_each(|place| same.iter().for_each(|one| verdicts[*place].allow(*one)))
                    }
                    Terms::Asks(condition) => {
                        questions.push((statement(relation, condition), relation, places, same));
                    }
                }
            }
        }
        let asked = questions.into_iter().map(|(sql, relation, places, same)| async move {
            let rows: Vec<(usize, &str)> =
                places.iter().filter_map(|place| Some((*place, changes[*place].judged()?.get()))).collect();
            let seen = self.ask(&sql, &relation.name, &rows, &identities[same[0]], &[]).await?;
            Ok::<_, Error>((seen, same))
        });
        let mut answers = stream::iter(asked.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        let mut all = Vec::new();
        while let Some(answer) = answers.next().await {
            all.push(answer?);
        }
        drop(answers);
        for (seen, same) in all {
            for place in seen {
                same.iter().for_each(|one| verdicts[place].allow(*one));
            }
        }
        Ok(verdicts)
    }

    /// Which of these rows (JSON) a table that held them would show to an identity, in the session with these settings.
    ///
    /// Errors: where the database can't be asked (classes 08, 53, 57, 58).
    pub async fn would_read(
        &self,
        table: &Name,
        rows: &[&str],
        identity: &Identity,
        settings: &[(String, String)],
    ) -> Result<Vec<usize>> {
        let catalog = self.database.catalog();
        let Some(relation) = catalog.relations.get(table) else { return Ok(Vec::new()) };
        match terms(&catalog, relation, &identity.role) {
            Terms::All => Ok((0..rows.len()).collect()),
            Terms::None => Ok(Vec::new()),
            Terms::Asks(condition) => {
                let rows: Vec<(usize, &str)> = rows.iter().copied().enumerate().collect();
                self.ask(&statement(relation, &condition), table, &rows, identity, settings).await
            }
        }
    }

    /// Which of the rows pass. When one of them makes the policies fail, each is asked for by itself.
    pub(super) async fn ask(
        &self,
        sql: &str,
        table: &Name,
        rows: &[(usize, &str)],
        identity: &Identity,
        settings: &[(String, String)],
    ) -> Result<Vec<usize>> {
        match self.ask_at_once(sql, table, rows, identity, settings).await {
            Err(error) if is_of_the_database(&error) => Err(error),
            Err(error) if rows.len() <= 1 => {
                // A row that a policy can't be computed over is its writer's matter; a policy that can't run at all is the operator's.
                match error.code().starts_with("22") {
                    true => tracing::debug!(%error, %table, "a policy failed over a changed row"),
                    false => {
                        tracing::warn!(%error, %table, "the policies of a table can't be asked: its changes are hidden")
                    }
                }
                Ok(Vec::new())
            }
            Err(_) => {
                let mut seen = Vec::new();
                for row in rows {
                    match self.ask_at_once(sql, table, std::slice::from_ref(row), identity, settings).await {
                        Err(error) if is_of_the_database(&error) => return Err(error),
                        answer => seen.extend(answer.unwrap_or_default()),
                    }
                }
                Ok(seen)
            }
            seen => seen,
        }
    }

    async fn ask_at_once(
        &self,
        sql: &str,
        table: &Name,
        rows: &[(usize, &str)],
        identity: &Identity,
        settings: &[(String, String)],
    ) -> Result<Vec<usize>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.database.hub().asked.fetch_add(1, Ordering::Relaxed);
        let texts: Vec<&str> = rows.iter().map(|(_, row)| *row).collect();
        let request = Request {
            search_path: definition_path(&table.schema).into(),
            settings: settings.to_vec(),
            read_only: true,
            format: Format::Scalars,
            ..Request::new(identity.clone(), sql, vec![Some(format!("[{}]", texts.join(",")))])
        };
        let body = self.database.run(request).await?.body;
        let numbers: Vec<usize> = serde_json::from_slice(&body)
            .map_err(|error| Error::internal(format!("a verdict can't be read: {error}")))?;
        Ok(numbers.into_iter().filter_map(|number| Some(rows.get(number.checked_sub(1)?)?.0)).collect())
    }
}

/// Whether the database could not be asked at all.
fn is_of_the_database(error: &Error) -> bool {
    let code = error.code();
    ["08", "53", "57", "58", "PGRST", "XX"].iter().any(|class| code.starts_with(class))
}

fn terms(catalog: &Catalog, relation: &Relation, role: &str) -> Terms {
    let reads = |column| catalog.allows_column(role, relation, column, Privilege::Select);
    if !may_use(catalog, &relation.name.schema, role) || !relation.columns.iter().any(reads) {
        return Terms::None;
    }
    if !catalog.policies_apply(role, relation) {
        return Terms::All;
    }
    let inherited = catalog.inherited(role);
    let binding = relation.policies.iter().filter(|policy| {
        let command = matches!(policy.command, PolicyCommand::All | PolicyCommand::Select);
        let mut roles = policy.roles.iter();
        command && (policy.roles.is_empty() || roles.any(|role| role == PUBLIC || inherited.contains(role.as_str())))
    });
    let (permissive, restrictive): (Vec<_>, Vec<_>) = binding.partition(|policy| policy.permissive);
    let any: Vec<String> = permissive.iter().filter_map(|policy| policy.using.clone()).collect();
    let mut all: Vec<String> = restrictive.iter().filter_map(|policy| policy.using.clone()).collect();
    if any.is_empty() {
        return Terms::None;
    }
    if !any.iter().any(|condition| is_true(condition)) {
        all.push(any.join(") or ("));
    }
    all.retain(|condition| !is_true(condition));
    if all.is_empty() {
        return Terms::All;
    }
    Terms::Asks(over_rows(&format!("(({}))", all.join(")) and ((")), &relation.name))
}

fn is_true(condition: &str) -> bool {
    condition.trim().trim_start_matches('(').trim_end_matches(')').trim().eq_ignore_ascii_case("true")
}

/// The numbers of the rows (a JSON array of them) that satisfy a condition over the table's columns.
pub(super) fn statement(relation: &Relation, condition: &str) -> String {
    let columns: Vec<String> = relation.columns.iter().map(|column| quote::ident(&column.name)).collect();
    format!(
        "select \"$n\" as value from json_populate_recordset(null::{}, $1::json) with ordinality as {}({}, \"$n\") where {condition}",
        relation.name.quoted(),
        quote::ident(&relation.name.name),
        columns.join(", "),
    )
}
