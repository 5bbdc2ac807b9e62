//! `information_schema`: schemas, tables, views and functions, as far as the asker has rights to them.

use basalt_core::Identity;
use basalt_types::{Type, Volatility};
use serde_json::{Value as Json, json};

use super::{Asker, CHARACTER_DATA, DATABASE, NAME, View, yes_or_no};
use crate::catalog::{ParamMode, Privilege, RelationKind, Routine};

/// Any of them has a table listed.
pub(super) const TABLE_PRIVILEGES: [Privilege; 7] = [
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Truncate,
    Privilege::References,
    Privilege::Trigger,
];

/// Any of them, on the table or on the column itself, has a column listed.
pub(super) const COLUMN_PRIVILEGES: [Privilege; 4] =
    [Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::References];

impl Asker<'_> {
    /// The view of that name.
    pub(super) fn information(&self, name: &str) -> Option<View> {
        Some(match name {
            "schemata" => self.schemata(),
            "tables" => self.tables(),
            "columns" => self.columns(),
            "views" => self.views(),
            "table_constraints" => self.table_constraints(),
            "key_column_usage" => self.key_columns(),
            "constraint_column_usage" => self.constraint_columns(),
            "referential_constraints" => self.referential_constraints(),
            "check_constraints" => self.check_constraints(),
            "routines" => self.routines(),
            "triggers" => self.triggers(),
            "table_privileges" | "role_table_grants" => self.table_privileges(),
            _ => return None,
        })
    }

    fn schemata(&self) -> View {
        let columns = vec![
            ("catalog_name", NAME),
            ("schema_name", NAME),
            ("schema_owner", NAME),
            ("default_character_set_catalog", NAME),
            ("default_character_set_schema", NAME),
            ("default_character_set_name", NAME),
            ("sql_path", CHARACTER_DATA),
        ];
        let schemas =
            self.catalog.schemas.iter().filter(|(_, schema)| {
                self.catalog.allows(self.user, Identity::OWNER, &schema.grants, Privilege::Usage)
            });
        let rows = schemas.map(|(name, _)| {
            vec![DATABASE.into(), json!(name), Identity::OWNER.into(), Json::Null, Json::Null, Json::Null, Json::Null]
        });
        View { columns, rows: rows.collect() }
    }

    fn tables(&self) -> View {
        let columns = vec![
            ("table_catalog", NAME),
            ("table_schema", NAME),
            ("table_name", NAME),
            ("table_type", CHARACTER_DATA),
            ("self_referencing_column_name", NAME),
            ("reference_generation", CHARACTER_DATA),
            ("user_defined_type_catalog", NAME),
            ("user_defined_type_schema", NAME),
            ("user_defined_type_name", NAME),
            ("is_insertable_into", CHARACTER_DATA),
            ("is_typed", CHARACTER_DATA),
            ("commit_action", CHARACTER_DATA),
        ];
        let relations = self.relations().filter(|relation| self.may_any(relation, &TABLE_PRIVILEGES));
        let rows = relations.map(|relation| {
            let kind = match &relation.kind {
                RelationKind::Table => "BASE TABLE",
                RelationKind::View(_) => "VIEW",
                RelationKind::Foreign(_) => "FOREIGN",
            };
            let mut row = vec![DATABASE.into(), json!(relation.name.schema), json!(relation.name.name), kind.into()];
            row.extend((0..5).map(|_| Json::Null));
            row.extend([yes_or_no(relation.takes().insert), yes_or_no(false), Json::Null]);
            row
        });
        View { columns, rows: rows.collect() }
    }

    fn views(&self) -> View {
        let columns = vec![
            ("table_catalog", NAME),
            ("table_schema", NAME),
            ("table_name", NAME),
            ("view_definition", CHARACTER_DATA),
            ("check_option", CHARACTER_DATA),
            ("is_updatable", CHARACTER_DATA),
            ("is_insertable_into", CHARACTER_DATA),
            ("is_trigger_updatable", CHARACTER_DATA),
            ("is_trigger_deletable", CHARACTER_DATA),
            ("is_trigger_insertable_into", CHARACTER_DATA),
        ];
        let relations = self.relations().filter(|relation| self.may_any(relation, &TABLE_PRIVILEGES));
        let rows = relations.filter_map(|relation| {
            let view = relation.view()?;
            let takes = relation.takes();
            let definition = self.owns(&relation.owner).then_some(&view.query);
            let mut row = vec![
                DATABASE.into(),
                json!(relation.name.schema),
                json!(relation.name.name),
                json!(definition),
                "NONE".into(),
                yes_or_no(takes.update && takes.delete),
                yes_or_no(takes.insert),
            ];
            row.extend((0..3).map(|_| yes_or_no(false)));
            Some(row)
        });
        View { columns, rows: rows.collect() }
    }

    /// The columns of it that say something here, in PostgreSQL's order.
    fn routines(&self) -> View {
        let columns = vec![
            ("specific_catalog", NAME),
            ("specific_schema", NAME),
            ("specific_name", NAME),
            ("routine_catalog", NAME),
            ("routine_schema", NAME),
            ("routine_name", NAME),
            ("routine_type", CHARACTER_DATA),
            ("data_type", CHARACTER_DATA),
            ("type_udt_catalog", NAME),
            ("type_udt_schema", NAME),
            ("type_udt_name", NAME),
            ("routine_body", CHARACTER_DATA),
            ("routine_definition", CHARACTER_DATA),
            ("external_language", CHARACTER_DATA),
            ("is_deterministic", CHARACTER_DATA),
            ("security_type", CHARACTER_DATA),
        ];
        let routines = self.catalog.functions.values().flatten();
        let routines = routines
            .filter(|routine| self.catalog.allows(self.user, &routine.owner, &routine.grants, Privilege::Execute));
        let rows = routines.map(|routine| {
            let result = described(routine);
            vec![
                DATABASE.into(),
                json!(routine.name.schema),
                json!(specific(routine)),
                DATABASE.into(),
                json!(routine.name.schema),
                json!(routine.name.name),
                "FUNCTION".into(),
                result.data_type,
                DATABASE.into(),
                result.udt_schema,
                result.udt_name,
                "EXTERNAL".into(),
                json!(self.owns(&routine.owner).then_some(&routine.body)),
                json!(routine.language.to_uppercase()),
                yes_or_no(matches!(routine.volatility, Volatility::Immutable)),
                if routine.security_definer { "DEFINER" } else { "INVOKER" }.into(),
            ]
        });
        View { columns, rows: rows.collect() }
    }

    fn table_privileges(&self) -> View {
        let columns = vec![
            ("grantor", NAME),
            ("grantee", NAME),
            ("table_catalog", NAME),
            ("table_schema", NAME),
            ("table_name", NAME),
            ("privilege_type", CHARACTER_DATA),
            ("is_grantable", CHARACTER_DATA),
            ("with_hierarchy", CHARACTER_DATA),
        ];
        let roles = self.catalog.inherited(self.user);
        let is_super = self.catalog.is_superuser(self.user);
        let mut rows = Vec::new();
        for relation in self.relations() {
            let shows = |role: &str| is_super || role == crate::catalog::PUBLIC || roles.contains(role);
            let owned = shows(&relation.owner);
            let mut add = |grantee: &str, privilege: Privilege, grantable: bool| {
                rows.push(vec![
                    json!(relation.owner),
                    json!(if grantee == crate::catalog::PUBLIC { "PUBLIC" } else { grantee }),
                    DATABASE.into(),
                    json!(relation.name.schema),
                    json!(relation.name.name),
                    json!(privilege.word().to_uppercase()),
                    yes_or_no(grantable),
                    yes_or_no(privilege == Privilege::Select),
                ]);
            };
            if owned {
                TABLE_PRIVILEGES.iter().for_each(|privilege| add(&relation.owner, *privilege, true));
            }
            for (grantee, privileges) in &relation.grants {
                if *grantee != relation.owner && (owned || shows(grantee)) {
                    privileges.iter().for_each(|privilege| add(grantee, *privilege, false));
                }
            }
        }
        View { columns, rows }
    }
}

/// What tells overloads apart.
fn specific(routine: &Routine) -> String {
    let args = routine.inputs().map(|param| param.ty.sql_name()).collect::<Vec<_>>();
    format!("{}({})", routine.name.name, args.join(", "))
}

/// A function's result.
fn described(routine: &Routine) -> super::columns::Described {
    let is_table = routine.params.iter().any(|param| param.mode == ParamMode::Table);
    match &routine.returns {
        Type::Record(_) if routine.returns_relation.is_none() || is_table => super::columns::Described {
            data_type: "record".into(),
            udt_schema: "pg_catalog".into(),
            udt_name: "record".into(),
        },
        ty => super::columns::describe(ty, routine.returns_relation.as_ref()),
    }
}
