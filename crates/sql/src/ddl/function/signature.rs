//! Parameters and results of functions.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};
use sqlparser::tokenizer::Token;

use super::super::Change;
use super::super::cursor::RawName;
use super::super::data_type::Declared;
use crate::catalog::{Input, Param, ParamMode, Routine};

impl Change<'_> {
    /// `(mode name type default, ...)`.
    pub(super) fn parameters(&mut self) -> Result<Vec<Param>> {
        self.cursor.expect_token(&Token::LParen)?;
        let mut params: Vec<Param> = Vec::new();
        while !self.cursor.accept_token(&Token::RParen) {
            if !params.is_empty() {
                self.cursor.expect_token(&Token::Comma)?;
            }
            let at = self.cursor.offset();
            let mut param = self.parameter()?;
            if self.cursor.accept("default") || self.cursor.accept_token(&Token::Eq) {
                let expr = self.cursor.default_expr()?;
                param.default = Some(self.source(None, expr));
            }
            let named = params.iter().any(|p| !p.name.is_empty() && p.name == param.name);
            if named {
                let message = format!("parameter name \"{}\" used more than once", param.name);
                return Err(Error::new("42P13", message).at(at));
            }
            params.push(param);
        }
        Ok(params)
    }

    fn parameter(&mut self) -> Result<Param> {
        let mut mode = self.parameter_mode();
        let name = if self.name_before_type() { self.cursor.parameter_name()? } else { String::new() };
        mode = mode.or_else(|| self.parameter_mode());
        let declared = self.signature_type().map_err(unquoted)?;
        Ok(Param {
            name,
            mode: mode.unwrap_or(ParamMode::In),
            ty: declared.ty,
            relation: declared.relation,
            domain: declared.domain,
            composite: declared.composite,
            default: None,
        })
    }

    /// A type; `t.column%type`, which is the one that the column has now; or a kind of object's name, which is a text here.
    fn signature_type(&mut self) -> Result<Declared> {
        let at = self.cursor.offset();
        let mut parts = 1;
        while *self.cursor.token_at(2 * parts - 1) == Token::Period && self.cursor.word_at(2 * parts).is_some() {
            parts += 1;
        }
        let is_column = parts > 1
            && *self.cursor.token_at(2 * parts - 1) == Token::Mod
            && self.cursor.word_at(2 * parts).as_deref() == Some("type");
        if !is_column {
            let is_object = self.cursor.accept_any(&["regclass", "regtype", "regnamespace", "regrole"]).is_some();
            return if is_object { Ok(Declared::base(Base::Text, None, at)) } else { self.data_type() };
        }
        let mut names = self.cursor.dotted()?;
        self.cursor.expect_token(&Token::Mod)?;
        self.cursor.expect("type")?;
        let column = names.pop().unwrap_or_default();
        let relation = RawName { name: names.pop().unwrap_or_default(), schema: names.pop(), at };
        let relation = self.find_relation(&relation)?;
        let Some(column) = relation.column(&column) else {
            let message = format!("column \"{column}\" of relation \"{}\" does not exist", relation.name.name);
            return Err(Error::new("42703", message).at(at));
        };
        Ok(Declared { domain: column.domain.clone(), ..Declared::of(column.ty.clone(), at) })
    }

    fn parameter_mode(&mut self) -> Option<ParamMode> {
        if self.cursor.accept_variadic() {
            return Some(ParamMode::Variadic);
        }
        Some(match self.cursor.accept_any(&["inout", "in out", "in", "out"])? {
            "in" => ParamMode::In,
            "out" => ParamMode::Out,
            _ => ParamMode::InOut,
        })
    }

    /// Whether the next word names a parameter: another word follows, and the two are no type together.
    fn name_before_type(&self) -> bool {
        let types = [
            "double precision",
            "character varying",
            "char varying",
            "national character",
            "national char",
            "timestamp with",
            "timestamp without",
            "time with",
            "time without",
        ];
        let (Some(_), Some(second)) = (self.cursor.word_at(0), self.cursor.word_at(1)) else { return false };
        let follows_type = ["default", "array"].contains(&second.as_str());
        !follows_type && !types.iter().any(|words| self.cursor.peek(words))
    }

    /// Reads over `record`, which may be quoted and have its schema.
    fn accept_record(&mut self) -> bool {
        let is = |ahead: usize, name: &str| self.cursor.word_at(ahead).is_some_and(|word| word == name);
        let of_schema = is(0, "pg_catalog") && *self.cursor.token_at(1) == Token::Period && is(2, "record");
        let tokens = if of_schema { 3 } else { usize::from(is(0, "record")) };
        (0..tokens).for_each(|_| drop(self.cursor.skip()));
        tokens > 0
    }

    pub(super) fn returns(&mut self, routine: &mut Routine) -> Result<()> {
        let declared = self.cursor.accept("returns");
        if declared && self.cursor.accept("table") {
            let columns = self.parameters()?;
            routine.params.extend(columns.into_iter().map(|param| Param { mode: ParamMode::Table, ..param }));
            routine.returns_set = true;
        } else if declared {
            routine.returns_set = self.cursor.accept("setof");
            // `record` is what the OUT parameters say.
            if !self.accept_record() {
                let ty = self.signature_type()?;
                (routine.returns, routine.returns_relation, routine.returns_domain) = (ty.ty, ty.relation, ty.domain);
                routine.returns_composite = ty.composite;
                return Ok(());
            }
        }
        // A single one is what the function returns.
        if let [only] = routine.outputs().collect::<Vec<_>>().as_slice() {
            (routine.returns_relation, routine.returns_composite) = (only.relation.clone(), only.composite.clone());
        }
        routine.returns = match routine.type_of_outputs() {
            Some(ty) => ty,
            // Its columns are said where it is called.
            None if declared => Type::Record(Arc::default()),
            None => {
                return Err(Error::new("42P13", "function result type must be specified").at(self.cursor.offset()));
            }
        };
        Ok(())
    }

    /// A function's name, with its inputs if they are written.
    pub(in crate::ddl) fn routine_reference(&mut self) -> Result<(RawName, Option<Vec<Input>>)> {
        let raw = self.cursor.function_name()?;
        let args = self.referred_inputs()?;
        Ok((raw, args))
    }

    /// The inputs behind a function's name, if they are written.
    pub(in crate::ddl) fn referred_inputs(&mut self) -> Result<Option<Vec<Input>>> {
        if !self.cursor.peek_token(&Token::LParen) {
            return Ok(None);
        }
        let params = self.parameters()?;
        let inputs = params.into_iter().filter(|p| !matches!(p.mode, ParamMode::Out | ParamMode::Table));
        Ok(Some(inputs.map(|param| param.input()).collect()))
    }
}

/// For functions PostgreSQL names a missing type without quotes.
fn unquoted(error: Error) -> Error {
    if error.code() != "42704" {
        return error;
    }
    let at = error.position().unwrap_or_default();
    Error::new("42704", error.message().replace('"', "")).at(at)
}
