//! Publications (PostgreSQL manual, `create publication`): which tables are watched.

use std::collections::BTreeSet;

use basalt_core::{Error, Operation, Result};
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use crate::catalog::{Name, Publication};

/// What a publication is told to hold, or to hold no more.
#[derive(Default)]
struct Members {
    schemas: Vec<(String, usize)>,
    tables: Vec<(Name, RawName)>,
}

impl Change<'_> {
    pub(super) fn create_publication(&mut self) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        // Every database has `supabase_realtime`, and dumps make it.
        if self.catalog.publications.get(&name).is_some_and(|there| *there != Publication::default()) {
            return Err(Error::new("42710", format!("publication \"{name}\" already exists")).at(at));
        }
        let mut publication = Publication::default();
        if self.cursor.accept("for all tables") {
            publication.all_tables = true;
        } else if self.cursor.accept("for") {
            let members = self.publication_members()?;
            add(&mut publication, &name, members)?;
        }
        if self.cursor.accept("with") {
            self.publication_parameters(&mut publication)?;
        }
        self.catalog.publications.insert(name, publication);
        Ok(())
    }

    pub(super) fn alter_publication(&mut self) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let Some(mut publication) = self.catalog.publications.get(&name).cloned() else {
            return Err(missing(&name).at(at));
        };
        if self.owner_to()?.is_some() {
            return Ok(());
        }
        if let Some(to) = self.rename_to()? {
            if self.catalog.publications.contains_key(&to) {
                return Err(Error::new("42710", format!("publication \"{to}\" already exists")).at(at));
            }
            self.catalog.publications.remove(&name);
            self.catalog.publications.insert(to, publication);
            return Ok(());
        }
        let action = self.cursor.accept_any(&["add", "set", "drop"]);
        if action == Some("set") && self.cursor.peek_token(&Token::LParen) {
            self.publication_parameters(&mut publication)?;
        } else if action.is_none() {
            return Err(self.cursor.unexpected());
        } else {
            if publication.all_tables {
                return Err(Error::new("55000", format!("publication \"{name}\" is defined as FOR ALL TABLES"))
                    .with_detail("Tables cannot be added to or dropped from FOR ALL TABLES publications.")
                    .at(at));
            }
            let members = self.publication_members()?;
            match action {
                Some("drop") => drop(&mut publication, members)?,
                action => {
                    if action == Some("set") {
                        publication.tables.clear();
                        publication.schemas.clear();
                    }
                    add(&mut publication, &name, members)?;
                }
            }
        }
        self.catalog.publications.insert(name, publication);
        Ok(())
    }

    pub(super) fn drop_publication(&mut self) -> Result<()> {
        let if_exists = self.cursor.accept("if exists");
        loop {
            let at = self.cursor.offset();
            let name = self.cursor.ident()?;
            if self.catalog.publications.remove(&name).is_none() && !if_exists {
                return Err(missing(&name).at(at));
            }
            if !self.cursor.accept_token(&Token::Comma) {
                break;
            }
        }
        self.cursor.accept_any(&["cascade", "restrict"]);
        Ok(())
    }

    /// `table a, b, tables in schema s`: each kind holds until the next one is named.
    fn publication_members(&mut self) -> Result<Members> {
        let mut members = Members::default();
        let mut in_schema = None;
        loop {
            if self.cursor.accept("tables in schema") {
                in_schema = Some(true);
            } else if self.cursor.accept("table") {
                in_schema = Some(false);
            }
            match in_schema {
                Some(true) => {
                    let at = self.cursor.offset();
                    let schema = self.cursor.ident()?;
                    self.check_schema(&schema).map_err(|e| e.at(at))?;
                    members.schemas.push((schema, at));
                }
                Some(false) => members.tables.push(self.published_table()?),
                None => return Err(self.cursor.unexpected()),
            }
            if !self.cursor.accept_token(&Token::Comma) {
                return Ok(members);
            }
        }
    }

    fn published_table(&mut self) -> Result<(Name, RawName)> {
        self.cursor.accept("only");
        let raw = self.cursor.name()?;
        self.cursor.accept_token(&Token::Mul);
        let relation = self.find_relation(&raw)?;
        if relation.view().is_some() {
            return Err(Error::new("22023", format!("cannot add relation \"{}\" to publication", raw.name))
                .with_detail("This operation is not supported for views.")
                .at(raw.at));
        }
        for (is_next, what) in [
            (self.cursor.peek_token(&Token::LParen), "a publication of some columns"),
            (self.cursor.peek("where"), "a publication of some rows"),
        ] {
            if is_next {
                return Err(
                    self.lacking(what, "Publish the table; policies and grants say who sees which rows and columns.")
                );
            }
        }
        Ok((relation.name.clone(), raw))
    }

    /// `(publish = 'insert, update', publish_via_partition_root = true)`.
    fn publication_parameters(&mut self, publication: &mut Publication) -> Result<()> {
        self.cursor.expect_token(&Token::LParen)?;
        loop {
            let at = self.cursor.offset();
            match self.cursor.label()?.as_str() {
                "publish" => {
                    self.cursor.expect_token(&Token::Eq)?;
                    let at = self.cursor.offset();
                    publication.operations = operations(&self.cursor.string()?).map_err(|e| e.at(at))?;
                }
                // There are no partitions.
                "publish_via_partition_root" => {
                    if self.cursor.accept_token(&Token::Eq) {
                        self.cursor.skip();
                    }
                }
                other => {
                    let message = format!("unrecognized publication parameter: \"{other}\"");
                    return Err(Error::new("42601", message).at(at));
                }
            }
            if !self.cursor.accept_token(&Token::Comma) {
                return self.cursor.expect_token(&Token::RParen);
            }
        }
    }
}

/// The value of `publish`.
fn operations(text: &str) -> Result<BTreeSet<Operation>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let unknown =
        |word: &str| Error::new("42601", format!("unrecognized value for publication option \"publish\": \"{word}\""));
    words.map(|word| Operation::by_name(word).ok_or_else(|| unknown(word))).collect()
}

fn add(publication: &mut Publication, name: &str, members: Members) -> Result<()> {
    for (schema, at) in members.schemas {
        if !publication.schemas.insert(schema.clone()) {
            let message = format!("schema \"{schema}\" is already member of publication \"{name}\"");
            return Err(Error::new("42710", message).at(at));
        }
    }
    for (table, raw) in members.tables {
        if !publication.tables.insert(table) {
            let message = format!("relation \"{}\" is already member of publication \"{name}\"", raw.name);
            return Err(Error::new("42710", message).at(raw.at));
        }
    }
    Ok(())
}

fn drop(publication: &mut Publication, members: Members) -> Result<()> {
    for (schema, at) in members.schemas {
        if !publication.schemas.remove(&schema) {
            let message = format!("tables from schema \"{schema}\" are not part of the publication");
            return Err(Error::new("42704", message).at(at));
        }
    }
    for (table, raw) in members.tables {
        if !publication.tables.remove(&table) {
            let message = format!("relation \"{}\" is not part of the publication", raw.name);
            return Err(Error::new("42704", message).at(raw.at));
        }
    }
    Ok(())
}

fn missing(name: &str) -> Error {
    Error::new("42704", format!("publication \"{name}\" does not exist"))
}
