//! Trigger functions of PostgreSQL's own that are run like the project's: with the body that they would have in PL/pgSQL.

use basalt_core::{Error, Identity, Result};
use basalt_types::{Base, Type};

use crate::catalog::{Relation, Routine, Trigger};
use crate::{Name, quote};

/// `tsvector_update_trigger(vector, config, text, ...)`: PostgreSQL manual, section 12.4.3.
pub(crate) const TSVECTOR_UPDATE: &str = "tsvector_update_trigger";

/// The function of a trigger, if it is such a one.
pub(super) fn routine(trigger: &Trigger) -> Option<Routine> {
    if trigger.function != Name::new("pg_catalog", TSVECTOR_UPDATE) {
        return None;
    }
    let [vector, config, texts @ ..] = trigger.args.as_slice() else { return None };
    let of = |row: &str, name: &String| format!("{row}.{}", quote::ident(name));
    let changes = texts.iter().map(|text| format!("{} is distinct from {}", of("new", text), of("old", text)));
    let changes = changes.collect::<Vec<_>>().join(" or ");
    let texts = texts.iter().map(|text| of("new", text)).collect::<Vec<_>>().join(", ");
    let (vector, config) = (of("new", vector), quote::literal(config));
    let body = format!(
        "begin if tg_op = 'INSERT' or {changes} then {vector} := to_tsvector({config}, concat_ws(' ', {texts})); end if; return new; end"
    );
    let block = Routine::of_block(Identity::OWNER.to_owned());
    Some(Routine { name: trigger.function.clone(), returns: Type::TRIGGER, body, ..block })
}

/// Checks the arguments of [`TSVECTOR_UPDATE`].
///
/// Errors: 42703, 42804 and 22023, which PostgreSQL has when it fires.
pub(crate) fn check_tsvector_update(relation: &Relation, args: &[String]) -> Result<()> {
    let [vector, config, texts @ ..] = args else { return Err(too_few()) };
    if texts.is_empty() {
        return Err(too_few());
    }
    let ty = |column: &String| relation.column(column).and_then(|column| column.ty.base());
    if relation.column(vector).is_none() {
        return Err(Error::new("42703", format!("tsvector column \"{vector}\" does not exist")));
    }
    if ty(vector) != Some(Base::Tsvector) {
        return Err(Error::new("42804", format!("column \"{vector}\" is not of tsvector type")));
    }
    if !config.contains('.') {
        let message = format!("text search configuration name \"{config}\" must be schema-qualified");
        return Err(Error::new("22023", message));
    }
    for text in texts {
        if relation.column(text).is_none() {
            return Err(Error::new("42703", format!("column \"{text}\" does not exist")));
        }
        if !matches!(ty(text), Some(Base::Text | Base::Varchar | Base::Bpchar)) {
            return Err(Error::new("42804", format!("column \"{text}\" is not of a character type")));
        }
    }
    Ok(())
}

fn too_few() -> Error {
    let message = "tsvector_update_trigger: arguments must be tsvector_field, ts_config, text_field1, ...)";
    Error::new("22023", message)
}
