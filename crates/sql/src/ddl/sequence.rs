//! Sequences (PostgreSQL manual, `create sequence`).

use std::ops::RangeInclusive;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};

use super::cursor::RawName;
use super::drop::Object;
use super::{Action, Change, naming};
use crate::catalog::{Column, DefaultObject, Identity, Name, Sequence};

/// Options as written; what is not written keeps its value, or gets its default.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// The name of an identity column's sequence.
    pub(super) name: Option<RawName>,
    ty: Option<Type>,
    start: Option<i64>,
    increment: Option<i64>,
    /// `Some(None)` for `no minvalue`.
    min: Option<Option<i64>>,
    max: Option<Option<i64>>,
    cache: Option<i64>,
    cycle: Option<bool>,
    /// `Some(None)` for `restart` without a value.
    restart: Option<Option<i64>>,
    /// `Some(None)` for `owned by none`.
    owned_by: Option<Option<Vec<String>>>,
}

impl Options {
    /// Those of a serial or identity column.
    pub(super) fn of_type(mut self, ty: &Type) -> Self {
        self.ty.get_or_insert_with(|| ty.clone());
        self
    }

    /// The sequence that they describe, from scratch or changing an older one.
    ///
    /// Errors: 22023.
    fn build(&self, old: Option<Sequence>) -> Result<Sequence> {
        let invalid = |message: String| Error::new("22023", message);
        let ty = self.ty.clone().or(old.as_ref().map(|o| o.ty.clone())).unwrap_or(Type::INT8);
        let range =
            range_of(&ty).ok_or_else(|| invalid("sequence type must be smallint, integer, or bigint".into()))?;
        let increment = self.increment.or(old.as_ref().map(|o| o.increment)).unwrap_or(1);
        if increment == 0 {
            return Err(invalid("INCREMENT must not be zero".into()));
        }
        // With another type, a bound that was the older one's becomes the new one's.
        let older = old.as_ref().filter(|_| self.ty.is_some()).and_then(|o| range_of(&o.ty));
        let bound = |given: Option<Option<i64>>, kept: Option<i64>, older: Option<i64>, end: i64, default: i64| {
            let is_older = older.is_some() && older == kept;
            match (given, kept) {
                (Some(Some(value)), _) => value,
                (None, Some(kept)) if !is_older => kept,
                _ if is_older => end,
                _ => default,
            }
        };
        let (min, max) = if increment > 0 { (1, *range.end()) } else { (*range.start(), -1) };
        let max = bound(self.max, old.as_ref().map(|o| o.max), older.as_ref().map(|r| *r.end()), *range.end(), max);
        let min = bound(self.min, old.as_ref().map(|o| o.min), older.as_ref().map(|r| *r.start()), *range.start(), min);
        for (word, value) in [("MAXVALUE", max), ("MINVALUE", min)] {
            if !range.contains(&value) {
                let ty = ty.sql_name();
                return Err(invalid(format!("{word} ({value}) is out of range for sequence data type {ty}")));
            }
        }
        if min >= max {
            return Err(invalid(format!("MINVALUE ({min}) must be less than MAXVALUE ({max})")));
        }
        let first = if increment > 0 { min } else { max };
        let start = self.start.or(old.as_ref().map(|o| o.start)).unwrap_or(first);
        let cycle = self.cycle.or(old.as_ref().map(|o| o.cycle)).unwrap_or(false);
        let (owned_by, grants) = old.map(|o| (o.owned_by, o.grants)).unwrap_or_default();
        let sequence = Sequence { ty, start, increment, min, max, cycle, owned_by, grants };
        sequence.check("START", start)?;
        if let Some(cache) = self.cache.filter(|cache| *cache < 1) {
            return Err(invalid(format!("CACHE ({cache}) must be greater than zero")));
        }
        Ok(sequence)
    }
}

/// The values of a type that a sequence may have.
fn range_of(ty: &Type) -> Option<RangeInclusive<i64>> {
    match ty.base()? {
        Base::Int2 => Some(i16::MIN.into()..=i16::MAX.into()),
        Base::Int4 => Some(i32::MIN.into()..=i32::MAX.into()),
        Base::Int8 => Some(i64::MIN..=i64::MAX),
        _ => None,
    }
}

impl Change<'_> {
    pub(super) fn create_sequence(&mut self) -> Result<()> {
        let if_not_exists = self.cursor.accept("if not exists");
        let raw = self.cursor.name()?;
        let name = self.new_name(&raw)?;
        let options = self.sequence_options()?;
        if naming::relation_name_taken(&self.catalog, &name.schema, &name.name) {
            return if if_not_exists { Ok(()) } else { Err(already_exists(&raw)) };
        }
        self.add_sequence(&name, &options, None)?;
        self.own_sequence(&name, &options)
    }

    pub(super) fn alter_sequence(&mut self) -> Result<()> {
        let if_exists = self.cursor.accept("if exists");
        let raw = self.cursor.name()?;
        let found = self.lookup(&raw, |name| self.catalog.sequences.contains_key(name));
        let Some(name) = found else {
            self.cursor.skip_all();
            return if if_exists { Ok(()) } else { Err(self.missing_relation(&raw)) };
        };
        if self.alter_any_sequence(&name).map_err(|e| e.at(raw.at))? {
            return Ok(());
        }
        let at = self.cursor.offset();
        let options = self.sequence_options()?;
        self.change_sequence(&name, &options).map_err(|e| e.at(at))?;
        self.own_sequence(&name, &options)
    }

    fn change_sequence(&mut self, name: &Name, options: &Options) -> Result<()> {
        let old = self.catalog.sequences.get(name).cloned();
        let sequence = options.build(old)?;
        if let Some(restart) = options.restart {
            self.actions.push(Action::RestartSequence(name.to_string(), restart.unwrap_or(sequence.start)));
        }
        self.actions.push(Action::CheckSequence(name.to_string()));
        self.catalog.sequences.insert(name.clone(), sequence);
        Ok(())
    }

    /// What `alter sequence` and `alter table` both do to a sequence: owner, name, schema; tells whether it was one of them.
    pub(super) fn alter_any_sequence(&mut self, name: &Name) -> Result<bool> {
        if self.owner_to()?.is_some() || self.cursor.accept_any(&["set logged", "set unlogged"]).is_some() {
            return Ok(true);
        }
        let to = match self.rename_to()? {
            Some(to) => Name::new(&name.schema, to),
            None => match (self.set_schema()?, self.owner_of_sequence(name)) {
                (Some(_), Some((table, _))) => {
                    return Err(linked("cannot move an owned sequence into another schema", name, table));
                }
                (Some(schema), None) if schema == name.schema => return Ok(true),
                (Some(schema), None) => Name::new(schema, &name.name),
                (None, _) => return Ok(false),
            },
        };
        self.rename_sequence(name, &to).map(|()| true)
    }

    /// Reads the options of a sequence.
    pub(super) fn sequence_options(&mut self) -> Result<Options> {
        let mut options = Options::default();
        while self.sequence_option(&mut options)? {}
        Ok(options)
    }

    /// Reads one of them; tells whether there was one.
    fn sequence_option(&mut self, options: &mut Options) -> Result<bool> {
        let words = [
            "as",
            "increment by",
            "increment",
            "no minvalue",
            "minvalue",
            "no maxvalue",
            "maxvalue",
            "start with",
            "start",
            "restart with",
            "restart",
            "cache",
            "no cycle",
            "cycle",
            "owned by",
            "sequence name",
        ];
        let at = self.cursor.offset();
        let Some(option) = self.cursor.accept_any(&words) else { return Ok(false) };
        let is_first = match option {
            "as" => options.ty.replace(self.data_type()?.ty).is_none(),
            "increment by" | "increment" => options.increment.replace(self.cursor.integer()?).is_none(),
            "no minvalue" => options.min.replace(None).is_none(),
            "minvalue" => options.min.replace(Some(self.cursor.integer()?)).is_none(),
            "no maxvalue" => options.max.replace(None).is_none(),
            "maxvalue" => options.max.replace(Some(self.cursor.integer()?)).is_none(),
            "start with" | "start" => options.start.replace(self.cursor.integer()?).is_none(),
            "restart with" => options.restart.replace(Some(self.cursor.integer()?)).is_none(),
            "restart" => options.restart.replace(self.cursor.integer().ok()).is_none(),
            // How many values a session takes in advance changes only the gaps.
            "cache" => options.cache.replace(self.cursor.integer()?).is_none(),
            "no cycle" => options.cycle.replace(false).is_none(),
            "cycle" => options.cycle.replace(true).is_none(),
            "owned by" if self.cursor.accept("none") => options.owned_by.replace(None).is_none(),
            "owned by" => options.owned_by.replace(Some(self.cursor.dotted()?)).is_none(),
            _ => options.name.replace(self.cursor.name()?).is_none(),
        };
        if !is_first {
            return Err(redundant().at(at));
        }
        Ok(true)
    }

    /// `alter column`'s `set generated ..`, `set` with an option of the identity's sequence, and `restart`, one after the other.
    pub(super) fn alter_identity(&mut self, table: &Name, column: &mut Column) -> Result<()> {
        let at = self.cursor.offset();
        let (mut identity, mut options) = (None, Options::default());
        loop {
            let at = self.cursor.offset();
            if self.cursor.accept("set generated") {
                let always = self.cursor.accept("always");
                if !always {
                    self.cursor.expect("by default")?;
                }
                if identity.replace(if always { Identity::Always } else { Identity::ByDefault }).is_some() {
                    return Err(redundant().at(at));
                }
            } else if self.cursor.accept("set") {
                let elsewhere = [("as", "as"), ("restart", "restart"), ("owned by", "owned_by")];
                if let Some((_, option)) = elsewhere.iter().find(|(words, _)| self.cursor.peek(words)) {
                    let message = format!("sequence option \"{option}\" not supported here");
                    return Err(Error::new("42601", message).at(self.cursor.offset()));
                }
                if !self.sequence_option(&mut options)? {
                    return Err(self.cursor.unexpected());
                }
            } else if self.cursor.peek("restart") {
                self.sequence_option(&mut options)?;
            } else {
                break;
            }
        }
        let sequence = column.sequence.clone().filter(|_| column.identity.is_some());
        let sequence = sequence.ok_or_else(|| no_identity(&column.name, table).at(at))?;
        column.identity = identity.or(column.identity);
        self.change_sequence(&sequence, &options).map_err(|e| e.at(at))
    }

    /// Makes a sequence under a name that is free.
    pub(super) fn add_sequence(&mut self, name: &Name, options: &Options, owner: Option<(Name, String)>) -> Result<()> {
        let mut sequence = options.build(None)?;
        sequence.owned_by = owner;
        sequence.grants = self.default_grants(&name.schema, DefaultObject::Sequences);
        self.catalog.sequences.insert(name.clone(), sequence);
        self.actions.push(Action::CreateSequence(name.to_string()));
        Ok(())
    }

    /// The sequence of a serial or identity column that is about to be: `t_c_seq` or the name given.
    pub(super) fn column_sequence(&mut self, table: &Name, column: &str, options: &Options) -> Result<Name> {
        let name = match &options.name {
            Some(raw) => {
                let name = self.new_name(raw)?;
                if naming::relation_name_taken(&self.catalog, &name.schema, &name.name) {
                    return Err(already_exists(raw));
                }
                name
            }
            None => {
                let taken = |name: &str| naming::relation_name_taken(&self.catalog, &table.schema, name);
                Name::new(&table.schema, naming::free_name(&table.name, Some(column), "seq", taken))
            }
        };
        self.add_sequence(&name, options, Some((table.clone(), column.to_owned())))?;
        Ok(name)
    }

    /// Gives an identity column's sequence the type that the column gets.
    pub(super) fn retype_sequence(&mut self, name: &Name, ty: &Type) -> Result<()> {
        let old = self.catalog.sequences.get(name).cloned();
        let sequence = Options::default().of_type(ty).build(old)?;
        self.catalog.sequences.insert(name.clone(), sequence);
        self.actions.push(Action::CheckSequence(name.to_string()));
        Ok(())
    }

    /// The sequences that a table, or one column of it, owns.
    pub(super) fn owned_sequences<'a>(
        &'a self,
        table: &'a Name,
        column: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Name> {
        let owns = move |(owner, of): &(Name, String)| owner == table && column.is_none_or(|column| of == column);
        self.catalog.sequences.iter().filter(move |(_, s)| s.owned_by.as_ref().is_some_and(owns)).map(|(name, _)| name)
    }

    /// Removes a sequence that nothing depends on any more.
    pub(super) fn remove_sequence(&mut self, name: &Name) {
        if self.catalog.sequences.remove(name).is_none() {
            return;
        }
        self.actions.push(Action::DropSequence(name.to_string()));
        let is_behind = |column: &Column| column.sequence.as_ref() == Some(name);
        for relation in self.catalog.relations.values_mut() {
            if relation.columns.iter().any(is_behind) {
                let columns = Arc::make_mut(relation).columns.iter_mut();
                columns.filter(|column| is_behind(column)).for_each(|column| column.sequence = None);
            }
        }
    }

    fn own_sequence(&mut self, name: &Name, options: &Options) -> Result<()> {
        let Some(owner) = &options.owned_by else { return Ok(()) };
        let owner = match owner.as_deref() {
            None => None,
            Some([path @ .., table, column]) => {
                let at = self.cursor.end_offset();
                let raw = RawName { schema: path.last().cloned(), name: table.clone(), at };
                let relation = self.find_table(&raw)?;
                if relation.name.schema != name.schema {
                    let message = "sequence must be in same schema as table it is linked to";
                    return Err(Error::new("55000", message).at(at));
                }
                if relation.column(column).is_none() {
                    let message = format!("column \"{column}\" of relation \"{table}\" does not exist");
                    return Err(Error::new("42703", message).at(at));
                }
                Some((relation.name.clone(), column.clone()))
            }
            Some(_) => {
                return Err(Error::new("42601", "invalid OWNED BY option")
                    .with_hint("Specify OWNED BY table.column or OWNED BY NONE."));
            }
        };
        if let Some((table, column)) = self.owner_of_sequence(name).cloned() {
            let columns = &mut self.relation_mut(&table)?.columns;
            if let Some(column) = columns.iter_mut().find(|c| c.name == column) {
                if column.identity.is_some() && column.sequence.as_ref() == Some(name) {
                    return Err(linked("cannot change ownership of identity sequence", name, &table));
                }
                column.sequence.take_if(|sequence| sequence == name);
            }
        }
        if let Some((table, column)) = &owner {
            let columns = &mut self.relation_mut(table)?.columns;
            if let Some(column) = columns.iter_mut().find(|c| c.name == *column && c.sequence.is_none()) {
                column.sequence = Some(name.clone());
            }
        }
        if let Some(sequence) = self.catalog.sequences.get_mut(name) {
            sequence.owned_by = owner;
        }
        Ok(())
    }

    /// The table and column that own a sequence.
    pub(super) fn owner_of_sequence(&self, name: &Name) -> Option<&(Name, String)> {
        self.catalog.sequences.get(name)?.owned_by.as_ref()
    }

    pub(super) fn rename_sequence(&mut self, from: &Name, to: &Name) -> Result<()> {
        if naming::relation_name_taken(&self.catalog, &to.schema, &to.name) {
            return Err(Error::new("42P07", format!("relation \"{}\" already exists", to.name)));
        }
        self.actions.push(Action::RenameSequence(from.to_string(), to.to_string()));
        if let Some(sequence) = self.catalog.sequences.remove(from) {
            if let Some((table, _)) = &sequence.owned_by {
                let columns = self.relation_mut(table)?.columns.iter_mut();
                columns.filter(|c| c.sequence.as_ref() == Some(from)).for_each(|c| c.sequence = Some(to.clone()));
            }
            self.catalog.sequences.insert(to.clone(), sequence);
        }
        self.rename_in_sources(&Object::Sequence(from.clone()), to)
    }
}

fn redundant() -> Error {
    Error::new("42601", "conflicting or redundant options")
}

/// 55000 for what only identity columns have.
pub(super) fn no_identity(name: &str, table: &Name) -> Error {
    Error::new("55000", format!("column \"{name}\" of relation \"{}\" is not an identity column", table.name))
}

/// 0A000 for what an owned sequence can't be made to do.
fn linked(message: &'static str, sequence: &Name, table: &Name) -> Error {
    let detail = format!("Sequence \"{}\" is linked to table \"{}\".", sequence.name, table.name);
    Error::new("0A000", message).with_detail(detail)
}

/// 42P07 for a name that a relation has.
pub(super) fn already_exists(raw: &RawName) -> Error {
    Error::new("42P07", format!("relation \"{}\" already exists", raw.name)).at(raw.at)
}
