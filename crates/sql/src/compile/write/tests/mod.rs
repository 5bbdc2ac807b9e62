//! What writes become: the catalog that they are compiled over, and how programs are looked at.

mod insert;
mod update;
mod upsert;

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::Error;
use basalt_types::{Type, Typmod};

use crate::catalog::*;
use crate::program::{Bind, Output, Session};
use crate::{Catalog, Name, Program};

/// A catalog: `notes` with policies of their owners, `people` and `tags` without, and domain `positive`.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let usage: Grants = [(PUBLIC.to_owned(), BTreeSet::from([Privilege::Usage]))].into();
    for schema in ["public", "auth"] {
        catalog.schemas.insert(schema.to_owned(), Schema { comment: None, grants: usage.clone() });
    }
    let role = |superuser, bypass| Role { superuser, bypass_row_security: bypass, ..Role::default() };
    catalog.roles.insert("postgres".to_owned(), role(true, true));
    catalog.roles.insert("authenticated".to_owned(), role(false, false));
    catalog.roles.insert("anon".to_owned(), role(false, false));
    let positive = Domain {
        ty: Type::INT4,
        typmod: None,
        over: None,
        not_null: false,
        default: None,
        checks: vec![("positive_check".to_owned(), "value > 0".to_owned())],
    };
    catalog.domains.insert(Name::new("public", "positive"), positive);
    let sequence = Sequence {
        ty: Type::INT8,
        start: 1,
        increment: 1,
        min: 1,
        max: i64::MAX,
        cycle: false,
        owned_by: None,
        grants: Grants::default(),
    };
    catalog.sequences.insert(Name::new("public", "notes_id_seq"), sequence);

    let mut id = column("id", Type::INT8);
    (id.not_null, id.identity) = (true, Some(Identity::Always));
    id.sequence = Some(Name::new("public", "notes_id_seq"));
    let mut owner = column("owner", Type::UUID);
    (owner.not_null, owner.default) = (true, Some("auth.uid()".to_owned()));
    let mut title = column("title", Type::VARCHAR);
    (title.not_null, title.typmod) = (true, Some(Typmod::Length(20)));
    let mut rank = column("rank", Type::INT4);
    (rank.domain, rank.default) = (Some(Name::new("public", "positive")), Some("1".to_owned()));
    let mut next = column("next_rank", Type::INT4);
    next.generated = Some("rank + 1".to_owned());
    let mut notes = table("notes", vec![id, owner, title, rank, next]);
    notes.constraints = vec![key("notes_pkey", &["id"]), unique("notes_title_key", &["owner", "title"])];
    catalog.relations.insert(notes.name.clone(), Arc::new(notes));

    let mut id = column("id", Type::INT4);
    id.not_null = true;
    let mut people = table("people", vec![id, column("name", Type::TEXT), column("updated_at", Type::TIMESTAMPTZ)]);
    people.constraints = vec![key("people_pkey", &["id"])];
    people.triggers = vec![Trigger {
        name: "touch".to_owned(),
        on_insert: false,
        on_update: true,
        function: Name::new("extensions", "moddatetime"),
        args: vec!["updated_at".to_owned()],
        after: BTreeSet::new(),
        run: None,
        disabled: false,
    }];
    catalog.relations.insert(people.name.clone(), Arc::new(people));
    catalog
}

fn column(name: &str, ty: Type) -> Column {
    crate::compile::tests::column(name, ty, false)
}

fn table(name: &str, columns: Vec<Column>) -> Relation {
    use Privilege::*;
    Relation {
        name: Name::new("public", name),
        kind: RelationKind::Table,
        owner: "postgres".to_owned(),
        columns,
        constraints: Vec::new(),
        indexes: Vec::new(),
        row_security: false,
        force_row_security: false,
        replica_identity: Default::default(),
        partitioned: false,
        policies: Vec::new(),
        triggers: Vec::new(),
        grants: [("authenticated".to_owned(), BTreeSet::from([Select, Insert, Update, Delete]))].into(),
        comment: None,
    }
}

fn key(name: &str, columns: &[&str]) -> Constraint {
    constraint(name, ConstraintKind::PrimaryKey(columns.iter().map(|c| c.to_string()).collect()))
}

fn unique(name: &str, columns: &[&str]) -> Constraint {
    constraint(name, ConstraintKind::Unique(columns.iter().map(|c| c.to_string()).collect()))
}

fn constraint(name: &str, kind: ConstraintKind) -> Constraint {
    Constraint { name: name.to_owned(), kind, initially_deferred: false, deferrable: false, not_valid: false }
}

/// The catalog with row security on `notes` and these policies.
fn guarded(policies: &[Policy]) -> Catalog {
    let mut catalog = catalog();
    change(&mut catalog, "notes", |notes| {
        notes.row_security = true;
        notes.policies = policies.to_vec();
    });
    catalog
}

fn change(catalog: &mut Catalog, table: &str, f: impl FnOnce(&mut Relation)) {
    let relation = catalog.relations.get_mut(&Name::new("public", table)).expect("a known table");
    f(Arc::make_mut(relation));
}

fn policy(name: &str, command: PolicyCommand, using: Option<&str>, check: Option<&str>) -> Policy {
    Policy {
        name: name.to_owned(),
        permissive: true,
        command,
        roles: Vec::new(),
        using: using.map(str::to_owned),
        check: check.map(str::to_owned),
    }
}

const OWN: &str = "owner = auth.uid()";

fn owned() -> Catalog {
    guarded(&[policy("own", PolicyCommand::All, Some(OWN), None)])
}

fn compile_as(catalog: &Catalog, role: &str, sql: &str) -> Result<Program, Error> {
    crate::compile::compile(catalog, role, &["public".to_owned()], sql)
}

fn program(catalog: &Catalog, sql: &str) -> Program {
    compile_as(catalog, "authenticated", sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The SQLite statement of a program of one step.
#[track_caller]
fn statement(catalog: &Catalog, sql: &str) -> String {
    let program = program(catalog, sql);
    assert_eq!(program.steps.len(), 1, "{:#?}", program.steps);
    assert!(program.writes);
    program.steps[0].sql.clone()
}

#[track_caller]
fn refused(catalog: &Catalog, sql: &str) -> (String, String) {
    let error = compile_as(catalog, "authenticated", sql).expect_err(sql);
    (error.code().to_owned(), error.message().to_owned())
}

#[track_caller]
fn holds(sql: &str, part: &str) {
    assert!(sql.contains(part), "{part}\nis not in\n{sql}");
}

#[track_caller]
fn lacks(sql: &str, part: &str) {
    assert!(!sql.contains(part), "{part}\nis in\n{sql}");
}
