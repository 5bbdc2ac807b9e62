//! A path over a document: the items that it finds.

use std::borrow::Cow;

use basalt_core::Error;

use super::item::Item;
use super::{Accessor, Arithmetic, Chain, Head, Method, Path};
use crate::json::Json;
use crate::{Base, math, numeric};

/// Steps of one evaluation at most: a second's work or so.
const MOST_STEPS: usize = 20_000_000;

/// An item takes more time and memory than a comparison.
const STEPS_AN_ITEM: usize = 4;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// What `silent`, and every predicate, passes over.
    Suppressible(Error),
    /// What ends the statement whatever is said.
    Fatal(Error),
}

/// Whether anything was found.
pub(super) type Outcome = Result<bool, Fault>;

/// Where what is found goes. Nobody wants more than one item where there is none.
pub(super) type Sink<'s, 'j> = Option<&'s mut Vec<Item<'j>>>;

fn fault(code: &'static str, message: impl Into<Cow<'static, str>>) -> Fault {
    Fault::Suppressible(Error::new(code, message))
}

/// One evaluation.
pub(super) struct Evaluation<'j> {
    pub lax: bool,
    root: Item<'j>,
    /// An object; without one each variable is null.
    variables: Option<&'j Json<'j>>,
    /// `@`
    pub current: Item<'j>,
    /// How many elements the array of the innermost subscript has.
    innermost: usize,
    /// Whether what has another structure than the path expects is passed over.
    passes_over: bool,
    /// Steps that may still be taken.
    left: usize,
    /// Objects that `.keyvalue()` has told apart.
    objects: usize,
}

impl<'j> Evaluation<'j> {
    pub(super) fn new(path: &Path, document: &'j Json<'j>, variables: Option<&'j Json<'j>>) -> Evaluation<'j> {
        let root = Item::Stored(document);
        Evaluation {
            lax: path.lax,
            current: root.clone(),
            root,
            variables,
            innermost: 0,
            passes_over: path.lax,
            left: MOST_STEPS,
            objects: 0,
        }
    }

    /// Runs a chain.
    pub(super) fn chain(&mut self, chain: &Chain, sink: Sink<'_, 'j>) -> Outcome {
        let rest = chain.accessors.as_slice();
        let item = match &chain.head {
            Head::Root => self.root.clone(),
            Head::Current => self.current.clone(),
            Head::Null => Item::made(Json::Null),
            Head::Bool(value) => Item::made(Json::Bool(*value)),
            Head::Number(number) => Item::made(Json::Number(number.clone().into())),
            Head::String(text) => Item::made(Json::String(text.clone().into())),
            Head::Last => Item::made(Json::Number((self.innermost as i64 - 1).to_string().into())),
            Head::Variable(name) => self.variable(name)?,
            Head::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right)?,
            Head::Sign { negated, operand } => return self.signed(*negated, operand, rest, sink),
            predicate => Item::made(match self.truth(predicate).map_err(Fault::Fatal)? {
                Some(truth) => Json::Bool(truth),
                None => Json::Null,
            }),
        };
        self.next(rest, item, sink)
    }

    /// Runs a chain and gives all items; in lax mode arrays among them are unwrapped if asked for.
    pub(super) fn items(&mut self, chain: &Chain, unwrap: bool) -> Result<Vec<Item<'j>>, Fault> {
        let mut found = Vec::new();
        self.chain(chain, Some(&mut found))?;
        if !(unwrap && self.lax && found.iter().any(Item::is_array)) {
            return Ok(found);
        }
        let unwrapped = found.into_iter().flat_map(|item| match item.is_array() {
            true => item.elements(),
            false => vec![item],
        });
        Ok(unwrapped.collect())
    }

    fn variable(&self, name: &str) -> Result<Item<'j>, Fault> {
        let Some(variables) = self.variables else { return Ok(Item::made(Json::Null)) };
        Item::Stored(variables)
            .member(name)
            .ok_or_else(|| Fault::Fatal(Error::new("42704", format!("could not find jsonpath variable \"{name}\""))))
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: &Chain, right: &Chain) -> Result<Item<'j>, Fault> {
        let lefts = self.items(left, true)?;
        let rights = self.items(right, true)?;
        let single = |items: &[Item<'j>], side: &str| match items {
            [item] if item.number().is_some() => Ok(item.number().unwrap_or_default().to_owned()),
            _ => Err(fault(
                "22038",
                format!("{side} operand of jsonpath operator {} is not a single numeric value", operator.symbol()),
            )),
        };
        let (left, right) = (single(&lefts, "left")?, single(&rights, "right")?);
        let compute = match operator {
            Arithmetic::Add => numeric::add,
            Arithmetic::Sub => numeric::sub,
            Arithmetic::Mul => numeric::mul,
            Arithmetic::Div => numeric::div,
            Arithmetic::Mod => numeric::rem,
        };
        let number = compute(&left, &right).map_err(Fault::Suppressible)?;
        Ok(Item::made(Json::Number(number.into())))
    }

    fn signed(&mut self, negated: bool, operand: &Chain, rest: &[Accessor], mut sink: Sink<'_, 'j>) -> Outcome {
        let mut any = false;
        for item in self.items(operand, true)? {
            let Some(number) = item.number() else {
                if sink.is_none() && rest.is_empty() {
                    continue;
                }
                let sign = if negated { '-' } else { '+' };
                let message = format!("operand of unary jsonpath operator {sign} is not a numeric value");
                return Err(fault("2203B", message));
            };
            let item = match negated {
                true => {
                    let number = numeric::neg(number).map_err(Fault::Suppressible)?;
                    Item::made(Json::Number(number.into()))
                }
                false => item,
            };
            any |= self.next(rest, item, sink.as_deref_mut())?;
            if any && sink.is_none() {
                break;
            }
        }
        Ok(any)
    }

    /// Counts steps.
    ///
    /// Errors: 54000 when there are too many: nothing else could stop a path.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Error> {
        self.left = self.left.saturating_sub(steps);
        match self.left {
            0 => Err(Error::new("54000", "jsonpath takes too many steps over this document")
                .with_hint("Say more closely where the path leads, instead of comparing everything with everything.")),
            _ => Ok(()),
        }
    }

    /// Applies the accessors that are left.
    fn next(&mut self, rest: &[Accessor], item: Item<'j>, sink: Sink<'_, 'j>) -> Outcome {
        self.spend(STEPS_AN_ITEM).map_err(Fault::Fatal)?;
        match rest.split_first() {
            Some((accessor, rest)) => self.accessor(accessor, rest, item, sink, self.lax),
            None => {
                if let Some(found) = sink {
                    found.push(item);
                }
                Ok(true)
            }
        }
    }

    /// Goes on with each of several items.
    fn each(&mut self, rest: &[Accessor], items: Vec<Item<'j>>, mut sink: Sink<'_, 'j>) -> Outcome {
        let mut any = false;
        for item in items {
            any |= self.next(rest, item, sink.as_deref_mut())?;
            if any && sink.is_none() {
                break;
            }
        }
        Ok(any)
    }

    /// Applies an accessor; in lax mode one that is not for arrays is applied to an array's elements.
    fn accessor(
        &mut self,
        accessor: &Accessor,
        rest: &[Accessor],
        item: Item<'j>,
        mut sink: Sink<'_, 'j>,
        unwrap: bool,
    ) -> Outcome {
        let is_for_arrays = matches!(
            accessor,
            Accessor::AnyElement
                | Accessor::Elements(_)
                | Accessor::Any(..)
                | Accessor::Method(Method::Type | Method::Size)
        );
        if unwrap && item.is_array() && !is_for_arrays {
            let mut any = false;
            for element in item.elements() {
                any |= self.accessor(accessor, rest, element, sink.as_deref_mut(), false)?;
                if any && sink.is_none() {
                    break;
                }
            }
            return Ok(any);
        }
        match accessor {
            Accessor::Key(key) if item.is_object() => match item.member(key) {
                Some(value) => self.next(rest, value, sink),
                None => self.structural("2203A", || format!("JSON object does not contain key \"{key}\"")),
            },
            Accessor::Key(_) => {
                self.structural("2203A", || "jsonpath member accessor can only be applied to an object".to_owned())
            }
            Accessor::AnyKey if item.is_object() => self.each(rest, item.values(), sink),
            Accessor::AnyKey => self.structural("2203C", || {
                "jsonpath wildcard member accessor can only be applied to an object".to_owned()
            }),
            Accessor::AnyElement if item.is_array() => self.each(rest, item.elements(), sink),
            Accessor::AnyElement if self.lax => self.next(rest, item, sink),
            Accessor::AnyElement => self
                .structural("22039", || "jsonpath wildcard array accessor can only be applied to an array".to_owned()),
            Accessor::Elements(subscripts) => self.elements(subscripts, rest, item, sink),
            Accessor::Any(first, last) => self.descend(*first, *last, rest, &item, sink),
            Accessor::Filter(condition) => {
                let outer = std::mem::replace(&mut self.current, item.clone());
                let holds = self.truth(&condition.head);
                self.current = outer;
                match holds.map_err(Fault::Fatal)? {
                    Some(true) => self.next(rest, item, sink),
                    _ => Ok(false),
                }
            }
            Accessor::Method(method) => self.method(*method, rest, item, sink),
        }
    }

    /// Nothing found, where structural errors are passed over.
    fn structural(&self, code: &'static str, message: impl FnOnce() -> String) -> Outcome {
        if self.passes_over { Ok(false) } else { Err(fault(code, message())) }
    }

    fn elements(
        &mut self,
        subscripts: &[(Chain, Option<Chain>)],
        rest: &[Accessor],
        item: Item<'j>,
        mut sink: Sink<'_, 'j>,
    ) -> Outcome {
        let elements = match item.is_array() {
            true => item.elements(),
            false if self.lax => vec![item],
            false => {
                let message = || "jsonpath array accessor can only be applied to an array".to_owned();
                return self.structural("22039", message);
            }
        };
        let outer = std::mem::replace(&mut self.innermost, elements.len());
        let mut any = false;
        for (from, to) in subscripts {
            let from = self.index(from)?;
            let to = to.as_ref().map_or(Ok(from), |to| self.index(to))?;
            let size = elements.len() as i64;
            if !self.passes_over && (from < 0 || from > to || to >= size) {
                return Err(fault("22033", "jsonpath array subscript is out of bounds"));
            }
            for at in from.max(0)..=to.min(size - 1) {
                any |= self.next(rest, elements[at as usize].clone(), sink.as_deref_mut())?;
                if any && sink.is_none() {
                    break;
                }
            }
            if any && sink.is_none() {
                break;
            }
        }
        self.innermost = outer;
        Ok(any)
    }

    fn index(&mut self, chain: &Chain) -> Result<i64, Fault> {
        let found = self.items(chain, false)?;
        let number = match found.as_slice() {
            [item] => item.number(),
            _ => None,
        };
        let Some(number) = number else {
            return Err(fault("22033", "jsonpath array subscript is not a single numeric value"));
        };
        let whole = numeric::trunc(number, 0).and_then(|whole| numeric::to_integer(Base::Int4, &whole));
        whole.map_err(|_| fault("22033", "jsonpath array subscript is out of integer range"))
    }

    /// `.**`: what stands between two levels below, outer before inner; the last level is that of scalars.
    fn descend(
        &mut self,
        first: Option<u32>,
        last: Option<u32>,
        rest: &[Accessor],
        item: &Item<'j>,
        mut sink: Sink<'_, 'j>,
    ) -> Outcome {
        let outer = std::mem::replace(&mut self.passes_over, true);
        let most = last.unwrap_or(u32::MAX);
        let mut open = vec![(item.clone(), 0)];
        let mut any = false;
        while let Some((item, level)) = open.pop() {
            let is_container = item.is_array() || item.is_object();
            let is_meant = match first {
                Some(first) => level >= first && level <= most,
                None => last.is_none() && level > 0 && !is_container,
            };
            if is_container && level < most {
                let below = if item.is_array() { item.elements() } else { item.values() };
                open.extend(below.into_iter().rev().map(|item| (item, level + 1)));
            }
            if is_meant {
                any |= self.next(rest, item, sink.as_deref_mut())?;
                if any && sink.is_none() {
                    break;
                }
            }
        }
        self.passes_over = outer;
        Ok(any)
    }

    fn method(&mut self, method: Method, rest: &[Accessor], item: Item<'j>, sink: Sink<'_, 'j>) -> Outcome {
        let name = method.name();
        let result = match method {
            Method::Type => Json::String(item.json().type_name().into()),
            Method::Size => match item.json() {
                Json::Array(elements) => Json::Number(elements.len().to_string().into()),
                _ if self.lax => Json::Number("1".into()),
                _ => {
                    let message = || format!("jsonpath item method .{name}() can only be applied to an array");
                    return self.structural("22039", message);
                }
            },
            Method::Abs | Method::Floor | Method::Ceiling => {
                let Some(number) = item.number() else {
                    let message = format!("jsonpath item method .{name}() can only be applied to a numeric value");
                    return Err(fault("22036", message));
                };
                let compute = match method {
                    Method::Abs => numeric::abs,
                    Method::Floor => numeric::floor,
                    _ => numeric::ceil,
                };
                Json::Number(compute(number).map_err(Fault::Suppressible)?.into())
            }
            Method::Double => double(item.json())?,
            Method::KeyValue => return self.key_values(rest, &item, sink),
        };
        self.next(rest, Item::made(result), sink)
    }

    /// `.keyvalue()`: a member each, and a number that tells the object from others.
    fn key_values(&mut self, rest: &[Accessor], item: &Item<'j>, sink: Sink<'_, 'j>) -> Outcome {
        let Json::Object(members) = item.json() else {
            return Err(fault("2203C", "jsonpath item method .keyvalue() can only be applied to an object"));
        };
        let is_root = matches!((item, &self.root), (Item::Stored(a), Item::Stored(b)) if std::ptr::eq(*a, *b));
        self.objects += usize::from(!is_root);
        let id = if is_root { 0 } else { self.objects };
        let pairs = members.iter().map(|(key, value)| {
            Item::made(Json::Object(vec![
                ("id".into(), Json::Number(id.to_string().into())),
                ("key".into(), Json::String(key.clone())),
                ("value".into(), value.clone()),
            ]))
        });
        let pairs = pairs.collect();
        self.each(rest, pairs, sink)
    }
}

/// `.double()`
fn double<'j>(json: &Json<'j>) -> Result<Json<'j>, Fault> {
    let read = |text: &str| math::parse_float(Base::Float8, text).ok().filter(|number| number.is_finite());
    let number = match json {
        Json::Number(number) => read(number).ok_or_else(|| {
            let message = "numeric argument of jsonpath item method .double() is out of range for type double precision";
            fault("22036", message)
        })?,
        Json::String(text) => read(text).ok_or_else(|| {
            let message =
                "string argument of jsonpath item method .double() is not a valid representation of a double precision number";
            fault("22036", message)
        })?,
        _ => {
            let message = "jsonpath item method .double() can only be applied to a string or numeric value";
            return Err(fault("22036", message));
        }
    };
    Ok(Json::Number(numeric::from_f64(number).into()))
}
