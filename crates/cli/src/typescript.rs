//! The catalog as TypeScript: the `Database` type that `createClient<Database>()` of `@supabase/supabase-js` takes.
//!
//! Everything is listed by name, so that a generated file changes only where the database did.

use std::collections::BTreeMap;
use std::fmt::Write;

use basalt_query::Settings;
use basalt_query::relationship::{Cardinality, Kind, Relationship, Relationships};
use basalt_sql::catalog::{Column, Identity, Param, Relation, Routine};
use basalt_sql::{Catalog, Name};
use basalt_types::{Base, EnumType, Type};

/// The helper types below the `Database`; `$default` stands for the default schema.
const HELPERS: &str = include_str!("typescript/helpers.ts");

/// The generated file for `schemas`, the first of which is the default.
pub fn generate(catalog: &Catalog, schemas: &[String]) -> String {
    let settings = Settings { schemas: schemas.to_vec(), ..Settings::default() };
    let relationships = Relationships::new(catalog, &settings);
    let writer = Writer { catalog, relationships, schemas };
    let mut text = String::from(
        "export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];\n\n",
    );
    let mut members = vec![("__InternalSupabase".to_owned(), "{ PostgrestVersion: \"14.1\" }".to_owned())];
    members.extend(schemas.iter().map(|schema| (key(schema), writer.schema(schema))));
    let _ = writeln!(text, "export type Database = {};", block(members));
    let default = schemas.first().map_or("public", String::as_str);
    text.push_str(&HELPERS.replace("$default", default));
    let constants = schemas.iter().map(|schema| (key(schema), writer.constants(schema))).collect();
    let _ = writeln!(text, "\nexport const Constants = {} as const;", literal(constants));
    text
}

struct Writer<'a> {
    catalog: &'a Catalog,
    relationships: Relationships,
    schemas: &'a [String],
}

impl Writer<'_> {
    fn schema(&self, schema: &str) -> String {
        let relations = |views: bool| {
            let mut found: Vec<_> = self.relations(schema).filter(|r| r.view().is_some() == views).collect();
            found.sort_by(|a, b| a.name.cmp(&b.name));
            block(found.into_iter().map(|r| (key(&r.name.name), self.relation(r))).collect())
        };
        let enums = self
            .enums(schema)
            .map(|e| (key(&e.name), e.labels.iter().map(|l| quote(l)).collect::<Vec<_>>().join(" | ")));
        let composites = self.catalog.composites.iter().filter(|(name, _)| name.schema == schema);
        let composites = composites.map(|(name, fields)| (key(&name.name), self.fields(fields)));
        block(vec![
            ("Tables".into(), relations(false)),
            ("Views".into(), relations(true)),
            ("Functions".into(), self.functions(schema)),
            ("Enums".into(), block(enums.collect())),
            ("CompositeTypes".into(), block(composites.collect())),
        ])
    }

    fn constants(&self, schema: &str) -> String {
        let enums = self.enums(schema).map(|e| {
            let labels: Vec<String> = e.labels.iter().map(|label| quote(label)).collect();
            (key(&e.name), format!("[{}]", labels.join(", ")))
        });
        literal(vec![("Enums".into(), literal(enums.collect()))])
    }

    fn relations(&self, schema: &str) -> impl Iterator<Item = &Relation> {
        self.catalog.relations.values().map(|r| &**r).filter(move |r| r.name.schema == schema)
    }

    fn enums(&self, schema: &str) -> impl Iterator<Item = &EnumType> {
        self.catalog.enums.iter().filter(move |(name, _)| name.schema == schema).map(|(_, e)| &**e)
    }

    fn relation(&self, relation: &Relation) -> String {
        let columns = sorted(&relation.columns);
        let mut row: Vec<_> = columns.iter().map(|c| (key(&c.name), self.column(c))).collect();
        row.extend(self.computed_fields(&relation.name));
        row.sort_by(|(a, _), (b, _)| a.trim_matches('"').cmp(b.trim_matches('"')));
        let mut members = vec![("Row".to_owned(), block(row))];
        if relation.view().is_none_or(|view| view.updatable) {
            members.push(("Insert".into(), block(columns.iter().map(|c| self.written(relation, c, true)).collect())));
            members.push(("Update".into(), block(columns.iter().map(|c| self.written(relation, c, false)).collect())));
        }
        members.push(("Relationships".into(), self.relationships_of(relation)));
        block(members)
    }

    /// A column's type as it is read.
    fn column(&self, column: &Column) -> String {
        nullable(self.ty(&column.ty), !column.not_null)
    }

    /// A column as it is written: what the database fills in may be left out, what it alone decides can't be given.
    fn written(&self, relation: &Relation, column: &Column, insert: bool) -> (String, String) {
        let decided = column.generated.is_some() || column.identity == Some(Identity::Always);
        if decided {
            return (format!("{}?", key(&column.name)), "never".into());
        }
        let filled = column.default.is_some() || column.identity.is_some() || !column.not_null;
        let optional = !insert || filled || relation.view().is_some();
        (format!("{}{}", key(&column.name), if optional { "?" } else { "" }), self.column(column))
    }

    /// Functions of the relation's row that are selected like columns.
    fn computed_fields(&self, relation: &Name) -> Vec<(String, String)> {
        let routines = self.catalog.functions.values().flatten();
        let fields =
            routines.filter(|r| self.relationships.field(relation, &r.name.name).is_some_and(|f| f.function == r.name));
        fields.map(|routine| (key(&routine.name.name), nullable(self.ty(&routine.returns), true))).collect()
    }

    fn relationships_of(&self, relation: &Relation) -> String {
        let mut items: Vec<String> = self
            .relationships
            .of(&relation.name)
            .iter()
            .filter_map(|relationship| self.relationship(relation, relationship))
            .collect();
        items.sort();
        items.dedup();
        if items.is_empty() { "[]".into() } else { format!("[\n{},\n]", indent(&items.join(",\n"))) }
    }

    /// A foreign key that the relation holds; keys that lead to it are listed where they are held.
    fn relationship(&self, relation: &Relation, relationship: &Relationship) -> Option<String> {
        let Kind::Key { cardinality, constraint, columns } = &relationship.kind else { return None };
        let own: Vec<&str> = columns.iter().map(|(own, _)| own.as_str()).collect();
        if *cardinality == Cardinality::OneToMany || !self.holds(relation, constraint, &own) {
            return None;
        }
        let list = |names: Vec<&str>| format!("[{}]", names.into_iter().map(quote).collect::<Vec<_>>().join(", "));
        Some(block(vec![
            ("foreignKeyName".into(), quote(constraint)),
            ("columns".into(), list(own)),
            ("isOneToOne".into(), (*cardinality == Cardinality::OneToOne).to_string()),
            ("referencedRelation".into(), quote(&relationship.target.name)),
            ("referencedColumns".into(), list(columns.iter().map(|(_, other)| other.as_str()).collect())),
        ]))
    }

    /// Whether the foreign key stands on these columns of the relation, or on the table's that the view shows by them.
    fn holds(&self, relation: &Relation, constraint: &str, columns: &[&str]) -> bool {
        let base: Option<Vec<(&Name, &str)>> = match relation.view() {
            None => Some(columns.iter().map(|column| (&relation.name, *column)).collect()),
            Some(view) => columns
                .iter()
                .map(|column| {
                    let at = relation.columns.iter().position(|c| c.name == *column)?;
                    view.sources.get(at)?.as_ref().map(|(table, column)| (table, column.as_str()))
                })
                .collect(),
        };
        let Some(base) = base else { return false };
        let table = base.first().and_then(|(table, _)| self.catalog.relations.get(*table));
        table.is_some_and(|table| {
            let mut keys = table.foreign_keys().filter(|(name, _)| *name == constraint);
            keys.any(|(_, key)| key.columns.iter().map(String::as_str).eq(base.iter().map(|(_, column)| *column)))
        })
    }

    fn functions(&self, schema: &str) -> String {
        let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for routine in self.catalog.functions.values().flatten().filter(|r| r.name.schema == schema) {
            if let Some(signature) = self.function(routine) {
                by_name.entry(&routine.name.name).or_default().push(signature);
            }
        }
        block(by_name.into_iter().map(|(name, overloads)| (key(name), overloads.join(" | "))).collect())
    }

    /// A function's types; `None` where no request can call it.
    fn function(&self, routine: &Routine) -> Option<String> {
        let inputs: Vec<&Param> = routine.inputs().collect();
        let of_row = match inputs.as_slice() {
            [only] => only.relation.as_ref(),
            _ => None,
        };
        if routine.is_fired() || (inputs.len() > 1 && inputs.iter().any(|p| p.name.is_empty())) {
            return None;
        }
        let args = match of_row {
            // The client takes a function for a column or a relationship of the relation by this form.
            Some(relation) => format!("{{ \"\": {} }}", self.row_type(relation)),
            None if inputs.is_empty() => "never".into(),
            None => block(inputs.iter().map(|p| self.argument(p)).collect()),
        };
        let mut members = vec![("Args".to_owned(), args), ("Returns".into(), self.returned(routine))];
        if let Some(target) = &routine.returns_relation {
            let one = !routine.returns_set || routine.rows == Some(1);
            let options = vec![
                ("from".into(), quote(of_row.map_or("*", |relation| &relation.name))),
                ("to".into(), quote(&target.name)),
                ("isOneToOne".into(), one.to_string()),
                ("isSetofReturn".into(), routine.returns_set.to_string()),
            ];
            members.push(("SetofOptions".into(), block(options)));
        }
        Some(block(members))
    }

    fn argument(&self, param: &Param) -> (String, String) {
        let optional = if param.default.is_some() { "?" } else { "" };
        let ty = param.relation.as_ref().map_or_else(|| self.ty(&param.ty), |relation| self.row_type(relation));
        (format!("{}{optional}", key(&param.name)), ty)
    }

    fn returned(&self, routine: &Routine) -> String {
        let relation = routine.returns_relation.as_ref().and_then(|name| self.catalog.relations.get(name));
        let one = match (relation, &routine.returns) {
            (Some(relation), _) => {
                block(sorted(&relation.columns).iter().map(|c| (key(&c.name), self.column(c))).collect())
            }
            (None, Type::Record(_)) if routine.outputs().nth(1).is_some() => {
                let mut columns: Vec<_> = routine.outputs().map(|p| (key(&p.name), self.ty(&p.ty))).collect();
                columns.sort();
                block(columns)
            }
            (None, ty) => self.ty(ty),
        };
        if routine.returns_set { array_of(&one) } else { one }
    }

    /// The row type of a relation, by name where its schema is generated too.
    fn row_type(&self, relation: &Name) -> String {
        let group = match self.catalog.relations.get(relation) {
            Some(found) if found.view().is_some() => "Views",
            _ => "Tables",
        };
        self.named(&relation.schema, group, &relation.name, Some("Row"))
            .unwrap_or_else(|| "Record<string, unknown>".into())
    }

    fn named(&self, schema: &str, group: &str, name: &str, member: Option<&str>) -> Option<String> {
        self.schemas.iter().any(|known| known == schema).then(|| {
            let member = member.map_or_else(String::new, |member| format!("[\"{member}\"]"));
            format!("Database[{}][\"{group}\"][{}]{member}", quote(schema), quote(name))
        })
    }

    fn fields(&self, fields: &[(String, Type)]) -> String {
        block(fields.iter().map(|(name, ty)| (key(name), nullable(self.ty(ty), true))).collect())
    }

    /// A type as JSON carries it.
    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Base(base) => match base {
                Base::Bool => "boolean",
                Base::Int2 | Base::Int4 | Base::Int8 | Base::Float4 | Base::Float8 | Base::Numeric => "number",
                Base::Json | Base::Jsonb => "Json",
                Base::Void => "undefined",
                Base::Unknown
                | Base::Trigger
                | Base::EventTrigger
                | Base::Tsvector
                | Base::Tsquery
                | Base::Jsonpath => "unknown",
                range if range.subtype().is_some() => "unknown",
                _ => "string",
            }
            .to_owned(),
            Type::Enum(e) => self
                .named(&e.schema, "Enums", &e.name, None)
                .unwrap_or_else(|| e.labels.iter().map(|label| quote(label)).collect::<Vec<_>>().join(" | ")),
            Type::Array(element) => array_of(&self.ty(element)),
            // As the types that Supabase generates have it.
            Type::Other(other) if other.name == "vector" => "string".into(),
            Type::Other(_) => "unknown".into(),
            Type::Record(fields) if fields.is_empty() => "Record<string, unknown>".into(),
            Type::Record(fields) => match self.catalog.composites.iter().find(|(_, known)| *known == &**fields) {
                Some((name, _)) => {
                    self.named(&name.schema, "CompositeTypes", &name.name, None).unwrap_or_else(|| self.fields(fields))
                }
                None => self.fields(fields),
            },
        }
    }
}

fn sorted(columns: &[Column]) -> Vec<&Column> {
    let mut sorted: Vec<&Column> = columns.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    sorted
}

fn nullable(ty: String, nullable: bool) -> String {
    if nullable && ty != "unknown" { format!("{ty} | null") } else { ty }
}

fn array_of(element: &str) -> String {
    if element.contains(" | ") && !element.starts_with('{') { format!("({element})[]") } else { format!("{element}[]") }
}

/// An object type of these members; the empty one has no keys at all.
fn block(members: Vec<(String, String)>) -> String {
    if members.is_empty() {
        return "Record<never, never>".into();
    }
    let lines: Vec<String> = members.iter().map(|(name, ty)| format!("{name}: {ty};")).collect();
    format!("{{\n{}\n}}", indent(&lines.join("\n")))
}

/// An object value of these members.
fn literal(members: Vec<(String, String)>) -> String {
    if members.is_empty() {
        return "{}".into();
    }
    let lines: Vec<String> = members.iter().map(|(name, value)| format!("{name}: {value},")).collect();
    format!("{{\n{}\n}}", indent(&lines.join("\n")))
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// A member's name: bare where TypeScript takes it so.
fn key(name: &str) -> String {
    let mut chars = name.chars();
    let bare = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    if bare { name.to_owned() } else { quote(name) }
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
