//! Functions that ask the catalog by a constant name: `has_table_privilege` and its kin, `to_regclass`, `to_regtype`, `obj_description`.

use basalt_core::{Error, Identity, Result};
use basalt_types::{Type, Value};

use super::Asker;
use super::information::{COLUMN_PRIVILEGES, TABLE_PRIVILEGES};
use crate::Name;
use crate::catalog::{Grants, Privilege, Relation, Routine};
use crate::compile::compiler::Compiler;
use crate::compile::session::name_parts;
use crate::compile::typed::{Form, Typed};
use sqlparser::ast;

/// The function's value, if it is one of these.
///
/// Errors: 0A000 for an argument that is no constant, 42P01, 42703, 42883, 42704 and 3F000 for a name that there is not, 22023 for a
/// privilege that there is not.
pub(in crate::compile) fn function(compiler: &Compiler<'_>, name: &str, args: &[Typed]) -> Result<Option<Typed>> {
    let count = match name {
        "to_regclass" | "to_regtype" => 1,
        "obj_description" => args.len().clamp(1, 2),
        "col_description" => 2,
        "has_table_privilege"
        | "has_any_column_privilege"
        | "has_schema_privilege"
        | "has_function_privilege"
        | "has_sequence_privilege" => 2,
        "has_column_privilege" => 3,
        "pg_has_role" => 2,
        _ => return Ok(None),
    };
    let is_about_rights = name.contains("has_");
    if args.len() != count && !(is_about_rights && args.len() == count + 1) {
        return Ok(None);
    }
    let ty = if is_about_rights { Type::BOOL } else { Type::TEXT };
    let Some(words) = constants(name, args)? else { return Ok(Some(Typed::constant(Value::Null, ty))) };
    let (user, words) = match (words.len() > count, words.split_first()) {
        (true, Some((user, rest))) => (user.as_str(), rest),
        _ => (compiler.user.as_str(), words.as_slice()),
    };
    let is_role = compiler.catalog.roles.contains_key(user) || user == Identity::OWNER;
    if is_about_rights && !is_role {
        return Err(no_role(user));
    }
    let asked = Asked { compiler, asker: Asker { user, ..compiler.asker() } };
    let value: Value = match (name, words) {
        ("to_regclass", [name]) => compiler.class(name).map(|name| compiler.asker().class(&name)).into(),
        ("to_regtype", [name]) => compiler.type_named(name).into(),
        ("obj_description", [table, ..]) => {
            compiler.class(table).and_then(|name| compiler.catalog.relations[&name].comment.clone()).into()
        }
        ("col_description", [table, number]) => {
            let table = compiler.class(table).map(|name| &compiler.catalog.relations[&name]);
            let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let column = table.zip(place).and_then(|(table, place)| table.columns.get(place));
            column.and_then(|column| column.comment.clone()).into()
        }
        ("has_table_privilege", [table, privileges]) => asked.table(table, privileges)?.into(),
        ("has_any_column_privilege", [table, privileges]) => asked.any_column(table, privileges)?.into(),
        ("has_column_privilege", [table, column, privileges]) => asked.column(table, column, privileges)?.into(),
        ("has_schema_privilege", [schema, privileges]) => asked.schema(schema, privileges)?.into(),
        ("has_function_privilege", [function, privileges]) => asked.function(function, privileges)?.into(),
        ("has_sequence_privilege", [sequence, privileges]) => asked.sequence(sequence, privileges)?.into(),
        ("pg_has_role", [role, privileges]) => asked.role(role, privileges)?.into(),
        _ => return Ok(None),
    };
    Ok(Some(Typed::constant(value, ty)))
}

/// The arguments' texts; `None` if one is NULL.
fn constants(name: &str, args: &[Typed]) -> Result<Option<Vec<String>>> {
    let mut words = Vec::with_capacity(args.len());
    for arg in args {
        match &arg.form {
            Form::Constant(Value::Null) => return Ok(None),
            Form::Constant(Value::Text(text)) => words.push(text.clone()),
            Form::Constant(Value::Int(number)) => words.push(number.to_string()),
            _ => {
                return Err(Error::unsupported(
                    format!("{name} of a name that is computed is not supported on the embedded engine"),
                    "Write the names as constants, or ask information_schema.table_privileges.",
                ));
            }
        }
    }
    Ok(Some(words))
}

fn no_role(role: &str) -> Error {
    Error::new("42704", format!("role \"{role}\" does not exist"))
}

/// A question about the rights of a user, who may be another one than whoever asks.
struct Asked<'c, 'a> {
    compiler: &'c Compiler<'a>,
    asker: Asker<'c>,
}

impl Asked<'_, '_> {
    fn relation(&self, name: &str) -> Result<&Relation> {
        let found = self.compiler.class(name).and_then(|name| self.asker.catalog.relations.get(&name));
        match found {
            Some(relation) => Ok(relation),
            None => Err(Error::new("42P01", format!("relation \"{name}\" does not exist"))),
        }
    }

    fn allows(&self, owner: &str, grants: &Grants, privilege: Privilege) -> bool {
        self.asker.catalog.allows(self.asker.user, owner, grants, privilege)
    }

    /// Whether one of the listed privileges is there. One `with grant option` is the owner's.
    fn any(
        &self,
        owner: &str,
        listed: &str,
        known: &[Privilege],
        mut holds: impl FnMut(Privilege) -> bool,
    ) -> Result<bool> {
        let mut any = false;
        for listed in listed.split(',') {
            let listed = listed.trim();
            let upper = listed.to_uppercase();
            let (word, grants) = match upper.strip_suffix("WITH GRANT OPTION") {
                Some(word) => (word.trim(), true),
                None => (upper.as_str(), false),
            };
            let Some(privilege) = known.iter().find(|privilege| privilege.word().eq_ignore_ascii_case(word)) else {
                return Err(unrecognized(listed));
            };
            any |= match grants {
                true => self.asker.owns(owner),
                false => holds(*privilege),
            };
        }
        Ok(any)
    }

    fn table(&self, table: &str, privileges: &str) -> Result<bool> {
        let relation = self.relation(table)?;
        self.any(&relation.owner, privileges, &TABLE_PRIVILEGES, |privilege| {
            self.allows(&relation.owner, &relation.grants, privilege)
        })
    }

    fn any_column(&self, table: &str, privileges: &str) -> Result<bool> {
        let relation = self.relation(table)?;
        self.any(&relation.owner, privileges, &COLUMN_PRIVILEGES, |privilege| {
            self.asker.catalog.allows_any(self.asker.user, relation, privilege)
        })
    }

    fn column(&self, table: &str, column: &str, privileges: &str) -> Result<bool> {
        let relation = self.relation(table)?;
        let Some(found) = relation.column(column) else {
            let message = format!("column \"{column}\" of relation \"{}\" does not exist", relation.name.name);
            return Err(Error::new("42703", message));
        };
        self.any(&relation.owner, privileges, &COLUMN_PRIVILEGES, |privilege| {
            self.asker.catalog.allows_column(self.asker.user, relation, found, privilege)
        })
    }

    fn schema(&self, schema: &str, privileges: &str) -> Result<bool> {
        let Some(found) = self.asker.catalog.schemas.get(schema) else {
            return Err(Error::new("3F000", format!("schema \"{schema}\" does not exist")));
        };
        let mut any = false;
        for privilege in privileges.split(',') {
            any |= match privilege.trim().to_uppercase().as_str() {
                "USAGE" => self.allows(Identity::OWNER, &found.grants, Privilege::Usage),
                "CREATE" | "USAGE WITH GRANT OPTION" | "CREATE WITH GRANT OPTION" => self.asker.owns(Identity::OWNER),
                _ => return Err(unrecognized(privilege.trim())),
            };
        }
        Ok(any)
    }

    fn sequence(&self, sequence: &str, privileges: &str) -> Result<bool> {
        let name = self.compiler.sequence_named(sequence);
        let Some(found) = name.and_then(|name| self.asker.catalog.sequences.get(&name)) else {
            let relation = self.relation(sequence)?;
            return Err(Error::new("42809", format!("\"{}\" is not a sequence", relation.name.name)));
        };
        let owner = found.owned_by.as_ref().and_then(|(table, _)| self.asker.catalog.relations.get(table));
        let owner = owner.map_or(Identity::OWNER, |relation| relation.owner.as_str());
        self.any(owner, privileges, &[Privilege::Usage, Privilege::Select, Privilege::Update], |privilege| {
            self.allows(owner, &found.grants, privilege)
        })
    }

    fn function(&self, signature: &str, privileges: &str) -> Result<bool> {
        let missing = || Error::new("42883", format!("function \"{signature}\" does not exist"));
        let Some((name, args)) = signature.trim().strip_suffix(')').and_then(|text| text.split_once('(')) else {
            return Err(Error::new("22P02", "expected a left parenthesis"));
        };
        let parts = name_parts(name.trim());
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name),
            [schema, name] => (Some(schema.as_str()), name),
            _ => return Err(missing()),
        };
        let args: Vec<&str> = args.split(',').map(str::trim).filter(|arg| !arg.is_empty()).collect();
        let fits = |routine: &Routine| {
            let types: Vec<&Type> = routine.inputs().map(|param| &param.ty).collect();
            types.len() == args.len()
                && types.iter().zip(&args).all(|(ty, arg)| self.compiler.type_named(arg) == Some(ty.sql_name()))
        };
        let routines = self.compiler.routine_candidates(schema, name);
        let built_in = || schema.is_none_or(|s| s == "pg_catalog") && crate::compile::overload::is_built_in(name);
        match routines.iter().find(|routine| fits(routine)) {
            Some(routine) => self.any(&routine.owner, privileges, &[Privilege::Execute], |privilege| {
                self.allows(&routine.owner, &routine.grants, privilege)
            }),
            None if built_in() => self.any(Identity::OWNER, privileges, &[Privilege::Execute], |_| true),
            None => Err(missing()),
        }
    }

    fn role(&self, role: &str, privileges: &str) -> Result<bool> {
        let catalog = self.asker.catalog;
        if !catalog.roles.contains_key(role) && role != Identity::OWNER {
            return Err(no_role(role));
        }
        let mut any = false;
        for privilege in privileges.split(',') {
            any |= catalog.is_superuser(self.asker.user)
                || match privilege.trim().to_uppercase().as_str() {
                    "MEMBER" => catalog.memberships(self.asker.user).contains(role),
                    "USAGE" => catalog.inherited(self.asker.user).contains(role),
                    _ => return Err(unrecognized(privilege.trim())),
                };
        }
        Ok(any)
    }
}

fn unrecognized(privilege: &str) -> Error {
    Error::new("22023", format!("unrecognized privilege type: \"{privilege}\""))
}

impl Compiler<'_> {
    /// The table or view that a text names as PostgreSQL source does.
    fn class(&self, text: &str) -> Option<Name> {
        let parts = name_parts(text);
        let found = match parts.as_slice() {
            [name] => self.search_path.iter().find_map(|schema| self.catalog.relation(schema, name)),
            [schema, name] => self.catalog.relation(schema, name),
            _ => None,
        };
        found.map(|relation| relation.name.clone())
    }

    fn sequence_named(&self, text: &str) -> Option<Name> {
        match name_parts(text).as_slice() {
            [name] => self.find_sequence(None, name),
            [schema, name] => self.find_sequence(Some(schema), name),
            _ => None,
        }
    }

    /// The name that messages show of a type, if there is one of this name.
    fn type_named(&self, text: &str) -> Option<String> {
        let expr = crate::compile::parse_expr(&format!("null::{text}")).ok()?;
        let ast::Expr::Cast { data_type, .. } = expr else { return None };
        let found = self.resolve_type(&data_type).ok()?;
        let own = match (found.domain.or(found.relation), &found.ty) {
            (None, Type::Enum(labels)) => Some(Name::new(labels.schema.as_str(), labels.name.as_str())),
            (own, _) => own,
        };
        Some(own.map_or_else(|| found.ty.sql_name(), |name| self.asker().own_type(&name)))
    }

    /// A relation's name as `regclass` shows it.
    pub(in crate::compile) fn class_shown(&self, name: &Name) -> String {
        self.asker().class(name)
    }

    /// What a cast to `regclass` or `regtype` makes of a constant name, if there is such an object: a name that is the same however it was written.
    pub(in crate::compile) fn object_shown(&self, to: &ast::DataType, name: &Typed) -> Option<String> {
        let Form::Constant(Value::Text(name)) = &name.form else { return None };
        match to.to_string().to_ascii_lowercase().trim_start_matches("pg_catalog.") {
            "regclass" => {
                let of_sequence = || self.sequence_named(name).map(|found| self.asker().sequence(&found));
                self.class(name).map(|found| self.asker().class(&found)).or_else(of_sequence)
            }
            "regtype" => self.type_named(name),
            _ => None,
        }
    }
}
