//! `information_schema.triggers`.

use basalt_core::Operation;
use basalt_types::text::quoted_ident as quoted;
use serde_json::{Value as Json, json};

use super::constraints::CHANGING;
use super::{Asker, CARDINAL_NUMBER, CHARACTER_DATA, DATABASE, NAME, View};
use crate::catalog::Trigger;

impl Asker<'_> {
    pub(super) fn triggers(&self) -> View {
        let columns = vec![
            ("trigger_catalog", NAME),
            ("trigger_schema", NAME),
            ("trigger_name", NAME),
            ("event_manipulation", CHARACTER_DATA),
            ("event_object_catalog", NAME),
            ("event_object_schema", NAME),
            ("event_object_table", NAME),
            ("action_order", CARDINAL_NUMBER),
            ("action_condition", CHARACTER_DATA),
            ("action_statement", CHARACTER_DATA),
            ("action_orientation", CHARACTER_DATA),
            ("action_timing", CHARACTER_DATA),
        ];
        let mut rows = Vec::new();
        for relation in self.relations().filter(|relation| self.may_any(relation, &CHANGING)) {
            let (schema, table) = (&relation.name.schema, &relation.name.name);
            for (trigger, event, timing) in relation.triggers.iter().flat_map(fired) {
                let earlier = |(other, when, time): &(&Trigger, &str, &str)| {
                    *when == event && *time == timing && other.name <= trigger.name
                };
                let order = relation.triggers.iter().flat_map(fired).filter(earlier).count();
                let condition = trigger.run.as_ref().and_then(|run| run.when.as_ref());
                let is_own = trigger.function.schema == "public" || trigger.function.schema.is_empty();
                let schema_of_function =
                    if is_own { String::new() } else { format!("{}.", quoted(&trigger.function.schema)) };
                let args: Vec<String> = trigger.args.iter().map(|arg| crate::quote::literal(arg)).collect();
                let function = format!("{schema_of_function}{}({})", quoted(&trigger.function.name), args.join(", "));
                rows.push(vec![
                    DATABASE.into(),
                    json!(schema),
                    json!(trigger.name),
                    event.into(),
                    DATABASE.into(),
                    json!(schema),
                    json!(table),
                    json!(order),
                    json!(condition),
                    Json::from(format!("EXECUTE FUNCTION {function}")),
                    "ROW".into(),
                    timing.into(),
                ]);
            }
        }
        View { columns, rows }
    }
}

/// A trigger with each of its events, and when it fires.
fn fired(trigger: &Trigger) -> Vec<(&Trigger, &'static str, &'static str)> {
    let (operations, timing): (Vec<Operation>, _) = match &trigger.run {
        Some(run) => (run.operations.iter().copied().collect(), if run.before { "BEFORE" } else { "AFTER" }),
        None if !trigger.after.is_empty() => (trigger.after.iter().copied().collect(), "AFTER"),
        None => {
            let built_in = [(trigger.on_insert, Operation::Insert), (trigger.on_update, Operation::Update)];
            (built_in.into_iter().filter(|(fires, _)| *fires).map(|(_, operation)| operation).collect(), "BEFORE")
        }
    };
    let event = |operation| match operation {
        Operation::Insert => "INSERT",
        Operation::Update => "UPDATE",
        Operation::Delete => "DELETE",
        Operation::Truncate => "TRUNCATE",
    };
    operations.into_iter().map(|operation| (trigger, event(operation), timing)).collect()
}
