//! What statements become: the catalog that they are compiled over, and how answers are compared.

mod expressions;
mod statements;

use std::sync::Arc;

use basalt_types::{EnumType, Type, Volatility};

use super::compile;
use crate::catalog::*;
use crate::{Catalog, Name};

pub(super) fn column(name: &str, ty: Type, not_null: bool) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        typmod: None,
        domain: None,
        composite: None,
        not_null,
        not_null_by_domain: false,
        default: None,
        default_by_domain: false,
        generated: None,
        identity: None,
        sequence: None,
        grants: Grants::new(),
        comment: None,
    }
}

fn table(name: &str, columns: Vec<Column>) -> Relation {
    let key = Constraint {
        name: format!("{name}_pkey"),
        kind: ConstraintKind::PrimaryKey(vec!["id".to_owned()]),
        initially_deferred: false,
        deferrable: false,
        not_valid: false,
    };
    Relation {
        name: Name::new("public", name),
        kind: RelationKind::Table,
        owner: "postgres".to_owned(),
        columns,
        constraints: vec![key],
        indexes: vec![],
        row_security: false,
        force_row_security: false,
        replica_identity: Default::default(),
        partitioned: false,
        policies: vec![],
        triggers: vec![],
        grants: Grants::from([("anon".to_owned(), [Privilege::Select].into())]),
        comment: None,
    }
}

fn view(name: &str, query: &str, columns: Vec<Column>) -> Relation {
    let view = View {
        query: query.to_owned(),
        security_invoker: true,
        owners_by_default: false,
        key: Vec::new(),
        sources: vec![None; columns.len()],
        materialized: false,
        updatable: false,
        takes: None,
        reads: None,
        calls: Vec::new(),
    };
    Relation { kind: RelationKind::View(view), constraints: vec![], ..table(name, columns) }
}

fn function(name: &str, params: Vec<Param>, returns: Type, body: &str) -> Routine {
    Routine {
        name: Name::new("public", name),
        owner: "postgres".to_owned(),
        params,
        returns,
        returns_relation: None,
        returns_domain: None,
        returns_composite: None,
        returns_set: false,
        language: "sql".to_owned(),
        body: body.to_owned(),
        parsed: false,
        volatility: Volatility::Stable,
        strict: false,
        security_definer: false,
        rows: None,
        settings: vec![],
        grants: Grants::from([(PUBLIC.to_owned(), [Privilege::Execute].into())]),
        comment: None,
    }
}

fn param(name: &str, ty: Type) -> Param {
    Param {
        name: name.to_owned(),
        mode: ParamMode::In,
        ty,
        relation: None,
        domain: None,
        composite: None,
        default: None,
    }
}

fn catalog() -> Catalog {
    let mood = Arc::new(EnumType {
        schema: "public".to_owned(),
        name: "mood".to_owned(),
        labels: vec!["sad".to_owned(), "ok".to_owned(), "happy".to_owned()],
    });
    let mut catalog = Catalog::default();
    let everyone = Grants::from([(PUBLIC.to_owned(), [Privilege::Usage].into())]);
    catalog.schemas.insert("public".to_owned(), Schema { comment: None, grants: everyone });
    for role in ["postgres", "anon"] {
        let role_of = Role { superuser: role == "postgres", ..Role::default() };
        catalog.roles.insert(role.to_owned(), role_of);
    }
    let parent = table("parent", vec![column("id", Type::INT8, true), column("name", Type::TEXT, false)]);
    let t = table(
        "t",
        vec![
            column("id", Type::INT8, true),
            column("name", Type::TEXT, true),
            column("a", Type::INT4, false),
            column("price", Type::NUMERIC, false),
            column("tags", Type::TEXT.array_of(), false),
            column("doc", Type::JSONB, false),
            column("at", Type::TIMESTAMPTZ, false),
            column("mood", Type::Enum(mood.clone()), false),
            column("ok", Type::BOOL, false),
            column("parent_id", Type::INT8, false),
        ],
    );
    let child = table(
        "child",
        vec![column("id", Type::INT8, true), column("t_id", Type::INT8, true), column("x", Type::INT4, false)],
    );
    let mut secret = table(
        "secret",
        vec![column("id", Type::INT8, true), column("owner", Type::UUID, false), column("n", Type::TEXT, false)],
    );
    secret.row_security = true;
    secret.policies.push(Policy {
        name: "own".to_owned(),
        permissive: true,
        command: PolicyCommand::All,
        roles: vec![],
        using: Some("(select auth.uid()) = owner".to_owned()),
        check: None,
    });
    let cheap = view(
        "cheap",
        "select id, price from t where price < 10",
        vec![column("id", Type::INT8, false), column("price", Type::NUMERIC, false)],
    );
    for relation in [parent, t, child, secret, cheap] {
        catalog.relations.insert(relation.name.clone(), Arc::new(relation));
    }
    catalog.enums.insert(Name::new("public", "mood"), mood);
    let mut label = function(
        "label",
        vec![Param { relation: Some(Name::new("public", "t")), ..param("row", Type::Record(Default::default())) }],
        Type::TEXT,
        "select row.name || '!'",
    );
    label.strict = false;
    let mut children = function(
        "children",
        vec![Param { relation: Some(Name::new("public", "t")), ..param("", Type::Record(Default::default())) }],
        Type::Record(Default::default()),
        "select * from child where t_id = $1.id",
    );
    children.returns_set = true;
    children.returns_relation = Some(Name::new("public", "child"));
    let add = function(
        "add",
        vec![param("a", Type::INT4), Param { default: Some("1".to_owned()), ..param("b", Type::INT4) }],
        Type::INT4,
        "select a + b",
    );
    for routine in [label, children, add] {
        catalog.functions.entry(routine.name.clone()).or_default().push(Arc::new(routine));
    }
    catalog
}

fn lower_as(role: &str, sql: &str) -> String {
    match compile(&catalog(), role, &["public".to_owned()], sql) {
        Ok(program) => program.steps.iter().map(|s| s.sql.as_str()).collect::<Vec<_>>().join("; "),
        Err(error) => format!("{} {} @{:?}", error.code(), error.message(), error.position()),
    }
}

fn lower(sql: &str) -> String {
    lower_as("postgres", sql)
}

/// The error of a statement as `SQLSTATE message @offset`.
fn refusal(sql: &str) -> String {
    match compile(&catalog(), "postgres", &["public".to_owned()], sql) {
        Ok(_) => panic!("{sql} compiles"),
        Err(error) => {
            let place = error.position().map(|p| format!(" @{p}")).unwrap_or_default();
            format!("{} {}{place}", error.code(), error.message())
        }
    }
}

/// Asserts what each of these lowers to.
fn lowers(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(lower(sql), *expected, "{sql}");
    }
}

/// Asserts how each of these is refused.
fn refuses(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(refusal(sql), *expected, "{sql}");
    }
}
