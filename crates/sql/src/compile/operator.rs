//! Operators: logic, and those of the tables in `basalt_types`.

use basalt_core::{Error, Result};
use basalt_types::{Base, Kind, Type, Value, Volatility};
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::compare::comparison;
use super::compiler::Compiler;
use super::fold::{Nature, constant};
use super::overload::{self, Choice, Parameter};
use super::scope::{Clause, Scope};
use super::template::implementation;
use super::typed::{CastContext, Form, Origin, Typed};

impl Compiler<'_> {
    pub(super) fn bind_binary(
        &mut self,
        scope: &Scope<'_>,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
    ) -> Result<Typed> {
        if let BinaryOperator::And | BinaryOperator::Or = op {
            return self.bind_chain(scope, left, op, right);
        }
        if *op == BinaryOperator::Overlaps {
            return self.bind_overlaps(scope, left, right);
        }
        let name = spelling(op)?;
        let left = self.bind_expr(scope, left, None)?;
        if let (Form::Row(fields, Origin::Written), Some(op), Expr::Subquery(query)) =
            (&left.form, comparison(&name), right)
        {
            return self.compare_row_with_query(scope, op, fields.clone(), query);
        }
        let right = self.bind_expr(scope, right, None)?;
        match comparison(&name) {
            Some(sqlite) => self.compare(sqlite, left, right),
            None => self.apply(&name, Some(left), right),
        }
    }

    /// `a and b and c ...`: the chain leans left, and may be long, so it is walked and not recursed into.
    fn bind_chain(&mut self, scope: &Scope<'_>, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Typed> {
        let (word, clause) = if *op == BinaryOperator::And { (" AND ", "AND") } else { (" OR ", "OR") };
        let mut exprs = vec![right];
        let mut rest = left;
        while let Expr::BinaryOp { left, op: inner, right } = rest
            && inner == op
        {
            exprs.push(right);
            rest = left;
        }
        exprs.push(rest);
        let decisive = *op == BinaryOperator::Or;
        let mut operands = Vec::with_capacity(exprs.len());
        let mut exprs = exprs.into_iter().rev();
        for expr in exprs.by_ref() {
            let operand = self.bind_condition(scope, expr, clause)?;
            match self.known(&operand) {
                Some(Some(truth)) if truth == decisive => {
                    for shut_out in exprs {
                        self.unfolded(|c| c.bind_condition(scope, shut_out, clause))?;
                    }
                    return Ok(operand);
                }
                Some(Some(_)) => {}
                _ => operands.push(operand),
            }
        }
        Ok(match operands.len() {
            0 => Typed::constant((!decisive).into(), Type::BOOL),
            _ => in_order(chain(operands, word), scope.clause.get()),
        })
    }

    pub(super) fn bind_unary(&mut self, scope: &Scope<'_>, op: UnaryOperator, operand: &Expr) -> Result<Typed> {
        if op == UnaryOperator::Not {
            let operand = self.bind_condition(scope, operand, "NOT")?;
            return Ok(negate(&operand));
        }
        // A sign belongs to its literal, so that the least integer can be written.
        if let (UnaryOperator::Minus, Expr::Value(value)) = (op, operand)
            && let sqlparser::ast::Value::Number(digits, _) = &value.value
        {
            return self.bind_literal(scope, &sqlparser::ast::Value::Number(format!("-{digits}"), false));
        }
        // A sign binds more tightly than any binary operator, which the parser does not know of all.
        if let (UnaryOperator::Minus | UnaryOperator::Plus, Expr::BinaryOp { left, op: binary, right }) = (op, operand)
        {
            let signed = Expr::UnaryOp { op, expr: left.clone() };
            return self.bind_binary(scope, &signed, binary, right);
        }
        let operand = self.bind_expr(scope, operand, None)?;
        let name = match op {
            UnaryOperator::PGAbs => "@".to_owned(),
            op => op.to_string(),
        };
        self.apply(&name, None, operand)
    }

    /// An operator of the tables, chosen by its operands' types.
    pub(super) fn apply(&mut self, name: &str, left: Option<Typed>, right: Typed) -> Result<Typed> {
        let candidates = overload::operators(name);
        let mut operands: Vec<Typed> = left.into_iter().chain([right]).collect();
        for operand in &mut operands {
            if let Form::Row(..) = operand.form {
                *operand = self.storable(operand.clone())?;
            }
        }
        let types: Vec<Type> = operands.iter().map(|o| o.ty.clone()).collect();
        let parameters: Vec<overload::Candidate> = candidates
            .iter()
            .map(|o| match (o.left, operands.len()) {
                (Some(left), 2) => Some(vec![Parameter::Kind(left), Parameter::Kind(o.right)]),
                (None, 1) => Some(vec![Parameter::Kind(o.right)]),
                _ => None,
            })
            .collect();
        let shown = || no_operator(name, (types.len() == 2).then(|| &types[0]), &types[types.len() - 1]);
        // One undecided operand is first taken to be like the other (manual, 10.2 step 2a).
        let alike: Vec<Type> = match types.as_slice() {
            [Type::Base(Base::Unknown), known] | [known, Type::Base(Base::Unknown)] => {
                vec![known.clone(), known.clone()]
            }
            other => other.to_vec(),
        };
        let takes = |parameter: &Parameter, ty: &Type| match parameter {
            Parameter::Kind(Kind::Is(base)) => Type::Base(*base) == *ty,
            Parameter::Kind(Kind::AnyArray) => ty.element().is_some(),
            Parameter::Kind(Kind::AnyRange) => ty.base().and_then(Base::subtype).is_some(),
            _ => false,
        };
        // Two operands of one family, arrays or ranges, are of one type of it.
        let agree = |p: &[Parameter]| match p {
            [Parameter::Kind(a @ (Kind::AnyArray | Kind::AnyRange)), Parameter::Kind(b)] if a == b => {
                alike[0] == alike[1]
            }
            _ => true,
        };
        // Whatever is no array or range may be an element of a range, and of PostgreSQL's multiranges.
        let unknown = Type::Base(Base::Unknown);
        let is_element = name == "<@" && types[0] != unknown && types.get(1) == Some(&unknown);
        let exact = parameters.iter().position(|parameters| {
            let fits = |p: &Vec<Parameter>| agree(p) && p.iter().zip(&alike).all(|(p, ty)| takes(p, ty));
            parameters.as_ref().is_some_and(fits)
        });
        let fit = match exact {
            Some(index) => {
                let first = alike.first();
                let bound = || first.and_then(Type::base).and_then(Base::subtype).map(Type::Base);
                let element = first.and_then(Type::element).cloned().or_else(bound);
                overload::Fit { index, types: alike.into_iter().map(Some).collect(), element }
            }
            None => match overload::choose(&parameters, &types) {
                Choice::One(fit) if !is_element || candidates[fit.index].left != Some(Kind::AnyElement) => fit,
                Choice::None if !is_element => return Err(shown()),
                _ => {
                    let error = shown();
                    let message = error.message().replace("does not exist", "is not unique");
                    return Err(Error::new("42725", message).with_hint(
                        "Could not choose a best candidate operator. You might need to add explicit type casts.",
                    ));
                }
            },
        };
        let operator = candidates[fit.index];
        let operands = self.fitted(operands, &fit)?;
        let types: Vec<Type> = operands.iter().map(|o| o.ty.clone()).collect();
        let ty = overload::result_type(operator.returns, &fit, &types);
        let nature = Nature {
            is_strict: operator.strict,
            is_immutable: operator.volatility == Volatility::Immutable,
            implementation: operator.implementation,
        };
        if let Some(result) = self.folded(&nature, &operands, &ty)? {
            return Ok(result);
        }
        let sql = implementation(operator.implementation, &operator.sqlite_name(), &operands);
        let mut typed = Typed::over(sql, ty, &operands);
        typed.leakproof &= operator.leakproof;
        typed.stable |= operator.volatility == Volatility::Stable;
        typed.not_null = name == "||" && operands.iter().all(|o| o.not_null);
        Ok(typed)
    }

    /// Arguments converted as a chosen candidate of the tables wants them.
    pub(super) fn fitted(&mut self, args: Vec<Typed>, fit: &overload::Fit) -> Result<Vec<Typed>> {
        self.converted(args, fit)?.into_iter().map(|arg| self.storable(arg)).collect()
    }

    /// Arguments converted as a chosen candidate wants them, rows as they are.
    pub(super) fn converted(&mut self, args: Vec<Typed>, fit: &overload::Fit) -> Result<Vec<Typed>> {
        let mut fitted = Vec::with_capacity(args.len());
        for (arg, wanted) in args.into_iter().zip(&fit.types) {
            fitted.push(match wanted {
                Some(ty) => self.coerce(arg, ty, None, CastContext::Implicit)?,
                None => self.decided(arg)?,
            });
        }
        Ok(fitted)
    }

    /// Values as ones of their common type (manual, 10.5). 42804 `CASE types integer and text cannot be matched`.
    pub(super) fn unify(&mut self, values: Vec<Typed>, construct: &str) -> Result<(Vec<Typed>, Type)> {
        let mut ty = Type::UNKNOWN;
        for value in &values {
            ty = match overload::common(&ty, &value.ty) {
                Some(common) => common,
                None => {
                    return Err(Error::new(
                        "42804",
                        format!("{construct} types {} and {} cannot be matched", ty.sql_name(), value.ty.sql_name()),
                    ));
                }
            };
        }
        if ty == Type::UNKNOWN {
            ty = Type::TEXT;
        }
        if let Type::Record(_) = ty {
            return self.unify_rows(values, construct);
        }
        let mut unified = Vec::with_capacity(values.len());
        for value in values {
            unified.push(self.coerce(value, &ty, None, CastContext::Implicit)?);
        }
        Ok((unified, ty))
    }
}

/// A chain of a select list whose operands are to be computed in order: SQLite passes over the rest of a chain that is
/// decided only where it branches on it.
fn in_order(chain: Typed, clause: Clause) -> Typed {
    /// The source is written twice, in nested chains again and again.
    const LONGEST: usize = 2000;
    if clause != Clause::Output || chain.leakproof || chain.volatile || chain.sql.len() > LONGEST {
        return chain;
    }
    Typed { sql: format!("(CASE WHEN {0} THEN 1 WHEN NOT {0} THEN 0 END)", chain.sql), ..chain }
}

/// Conditions joined by AND or OR.
pub(super) fn chain(mut operands: Vec<Typed>, word: &str) -> Typed {
    if operands.len() == 1 {
        return operands.remove(0);
    }
    let sql = join_conditions(operands.iter().map(|o| o.sql.clone()).collect(), word);
    let mut typed = Typed::over(format!("({sql})"), Type::BOOL, &operands);
    typed.not_null = operands.iter().all(|o| o.not_null);
    typed
}

/// Conditions joined by AND or OR, in groups where there are many: SQLite limits the depth of an expression.
pub(super) fn join_conditions(conditions: Vec<String>, word: &str) -> String {
    const MANY: usize = 200;
    if conditions.len() <= MANY {
        return conditions.join(word);
    }
    let groups = conditions.chunks(MANY).map(|group| format!("({})", group.join(word))).collect();
    join_conditions(groups, word)
}

/// `not x`.
pub(super) fn negate(operand: &Typed) -> Typed {
    match constant(operand) {
        Some(Value::Int(truth)) => return Typed::constant((*truth == 0).into(), Type::BOOL),
        Some(_) => return operand.clone(),
        None => {}
    }
    let mut typed = Typed::over(format!("(NOT {})", operand.sql), Type::BOOL, [operand]);
    typed.not_null = operand.not_null;
    typed
}

/// PostgreSQL's spelling of an operator.
pub(super) fn spelling(op: &BinaryOperator) -> Result<String> {
    Ok(match op {
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        BinaryOperator::Custom(name) => name.clone(),
        other => other.to_string(),
    })
}

/// 42883 in PostgreSQL's words.
pub(super) fn no_operator(op: &str, left: Option<&Type>, right: &Type) -> Error {
    let hint = match left {
        Some(_) => "No operator matches the given name and argument types. You might need to add explicit type casts.",
        None => "No operator matches the given name and argument type. You might need to add an explicit type cast.",
    };
    let left = left.map(|ty| format!("{} ", ty.sql_name())).unwrap_or_default();
    Error::new("42883", format!("operator does not exist: {left}{op} {}", right.sql_name())).with_hint(hint)
}
