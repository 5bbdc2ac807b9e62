//! A path over a document: the items that it finds.

use std::borrow::Cow;

use basalt_core::Error;

use super::item::Item;
use super::{Accessor, Arithmetic, Chain, Head, Method, Path};
use crate::json::Json;
use crate::{Base, numeric};

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

pub(super) fn fault(code: &'static str, message: impl Into<Cow<'static, str>>) -> Fault {
    Fault::Suppressible(Error::new(code, message))
}

/// One evaluation.
pub(super) struct Evaluation<'j> {
    pub lax: bool,
    pub root: Item<'j>,
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
    pub objects: usize,
}

impl<'j> Evaluation<'j> {
    pub(super) fn new(path: &'j Path, document: &'j Json<'j>, variables: Option<&'j Json<'j>>) -> Evaluation<'j> {
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
    pub(super) fn chain(&mut self, chain: &'j Chain, sink: Sink<'_, 'j>) -> Outcome {
        let rest = chain.accessors.as_slice();
        let item = match &chain.head {
            Head::Root => self.root.clone(),
            Head::Current => self.current.clone(),
            Head::Null => Item::made(Json::Null),
            Head::Bool(value) => Item::made(Json::Bool(*value)),
            Head::Number(number) => Item::made(Json::Number(number.into())),
            Head::String(text) => Item::made(Json::String(text.into())),
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
    pub(super) fn items(&mut self, chain: &'j Chain, unwrap: bool) -> Result<Vec<Item<'j>>, Fault> {
        let mut found = Vec::new();
        self.chain(chain, Some(&mut found))?;
        if !(unwrap && self.lax && found.iter().any(Item::is_array)) {
            return Ok(found);
        }
        let mut unwrapped = Vec::new();
        for item in found {
            if !item.is_array() {
                unwrapped.push(item);
                continue;
            }
            for element in item.parts() {
                self.spend(element.cost()).map_err(Fault::Fatal)?;
                unwrapped.push(element);
            }
        }
        Ok(unwrapped)
    }

    fn variable(&self, name: &str) -> Result<Item<'j>, Fault> {
        let Some(variables) = self.variables else { return Ok(Item::made(Json::Null)) };
        Item::Stored(variables)
            .member(name)
            .ok_or_else(|| Fault::Fatal(Error::new("42704", format!("could not find jsonpath variable \"{name}\""))))
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: &'j Chain, right: &'j Chain) -> Result<Item<'j>, Fault> {
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

    fn signed(&mut self, negated: bool, operand: &'j Chain, rest: &'j [Accessor], sink: Sink<'_, 'j>) -> Outcome {
        let operands = self.items(operand, true)?;
        self.each(operands, sink, |this, item, sink| {
            let Some(number) = item.number() else {
                if sink.is_none() && rest.is_empty() {
                    return Ok(false);
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
            this.next(rest, item, sink)
        })
    }

    /// Counts steps: whatever is looked at or made is one.
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
    pub(super) fn next(&mut self, rest: &'j [Accessor], item: Item<'j>, sink: Sink<'_, 'j>) -> Outcome {
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

    /// Goes on with each of several items, or as far as the first that something is found of, where one is enough.
    fn each(
        &mut self,
        items: impl IntoIterator<Item = Item<'j>>,
        mut sink: Sink<'_, 'j>,
        mut go_on: impl FnMut(&mut Self, Item<'j>, Sink<'_, 'j>) -> Outcome,
    ) -> Outcome {
        let mut any = false;
        for item in items {
            self.spend(item.cost()).map_err(Fault::Fatal)?;
            any |= go_on(self, item, sink.as_deref_mut())?;
            if any && sink.is_none() {
                break;
            }
        }
        Ok(any)
    }

    /// Applies the accessors that are left to each of several items.
    pub(super) fn next_of_each(
        &mut self,
        rest: &'j [Accessor],
        items: impl IntoIterator<Item = Item<'j>>,
        sink: Sink<'_, 'j>,
    ) -> Outcome {
        self.each(items, sink, |this, item, sink| this.next(rest, item, sink))
    }

    /// Applies an accessor; in lax mode one that is not for arrays is applied to an array's elements.
    fn accessor(
        &mut self,
        accessor: &'j Accessor,
        rest: &'j [Accessor],
        item: Item<'j>,
        sink: Sink<'_, 'j>,
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
            return self
                .each(item.parts(), sink, |this, element, sink| this.accessor(accessor, rest, element, sink, false));
        }
        match accessor {
            Accessor::Key(key) if item.is_object() => match item.member(key) {
                Some(value) => self.next_of_each(rest, [value], sink),
                None => self.structural("2203A", || format!("JSON object does not contain key \"{key}\"")),
            },
            Accessor::Key(_) => {
                self.structural("2203A", || "jsonpath member accessor can only be applied to an object".to_owned())
            }
            Accessor::AnyKey if item.is_object() => self.next_of_each(rest, item.parts(), sink),
            Accessor::AnyKey => self.structural("2203C", || {
                "jsonpath wildcard member accessor can only be applied to an object".to_owned()
            }),
            Accessor::AnyElement if item.is_array() => self.next_of_each(rest, item.parts(), sink),
            Accessor::AnyElement if self.lax => self.next(rest, item, sink),
            Accessor::AnyElement => self
                .structural("22039", || "jsonpath wildcard array accessor can only be applied to an array".to_owned()),
            Accessor::Elements(subscripts) => self.elements(subscripts, rest, item, sink),
            Accessor::Any(first, last) => self.descend(*first, *last, rest, item, sink),
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
    pub(super) fn structural(&self, code: &'static str, message: impl FnOnce() -> String) -> Outcome {
        if self.passes_over { Ok(false) } else { Err(fault(code, message())) }
    }

    fn elements(
        &mut self,
        subscripts: &'j [(Chain, Option<Chain>)],
        rest: &'j [Accessor],
        item: Item<'j>,
        sink: Sink<'_, 'j>,
    ) -> Outcome {
        let size = match item.is_array() {
            true => item.len(),
            false if self.lax => 1,
            false => {
                let message = || "jsonpath array accessor can only be applied to an array".to_owned();
                return self.structural("22039", message);
            }
        };
        let outer = std::mem::replace(&mut self.innermost, size);
        let found = self.subscripted(subscripts, rest, &item, sink);
        self.innermost = outer;
        found
    }

    /// The elements that are meant of the innermost array; what is none is its own only element.
    fn subscripted(
        &mut self,
        subscripts: &'j [(Chain, Option<Chain>)],
        rest: &'j [Accessor],
        item: &Item<'j>,
        mut sink: Sink<'_, 'j>,
    ) -> Outcome {
        let size = self.innermost as i64;
        let element = |at: i64| match item.is_array() {
            true => item.part(usize::try_from(at).ok()?),
            false => Some(item.clone()),
        };
        let mut any = false;
        for (from, to) in subscripts {
            let from = self.index(from)?;
            let to = to.as_ref().map_or(Ok(from), |to| self.index(to))?;
            if !self.passes_over && (from < 0 || from > to || to >= size) {
                return Err(fault("22033", "jsonpath array subscript is out of bounds"));
            }
            let meant = (from.max(0)..=to.min(size - 1)).filter_map(element);
            any |= self.next_of_each(rest, meant, sink.as_deref_mut())?;
            if any && sink.is_none() {
                break;
            }
        }
        Ok(any)
    }

    fn index(&mut self, chain: &'j Chain) -> Result<i64, Fault> {
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

    /// `.**`: what stands between two levels below, outer before inner; the last level is that of scalars. What is there has any structure.
    fn descend(
        &mut self,
        first: Option<u32>,
        last: Option<u32>,
        rest: &'j [Accessor],
        item: Item<'j>,
        sink: Sink<'_, 'j>,
    ) -> Outcome {
        let outer = std::mem::replace(&mut self.passes_over, true);
        let found = self.below(first, last, rest, item, sink);
        self.passes_over = outer;
        found
    }

    /// Goes on with the items between two levels below one, which is at level 0.
    fn below(
        &mut self,
        first: Option<u32>,
        last: Option<u32>,
        rest: &'j [Accessor],
        item: Item<'j>,
        mut sink: Sink<'_, 'j>,
    ) -> Outcome {
        let most = last.unwrap_or(u32::MAX);
        let mut open = vec![(item, 0)];
        let mut any = false;
        while let Some((item, level)) = open.pop() {
            self.spend(item.cost()).map_err(Fault::Fatal)?;
            let is_container = item.is_array() || item.is_object();
            if is_container && level < most {
                open.extend(item.parts().rev().map(|part| (part, level + 1)));
            }
            let is_meant = match first {
                Some(first) => level >= first && level <= most,
                None => last.is_none() && level > 0 && !is_container,
            };
            if is_meant {
                any |= self.next(rest, item, sink.as_deref_mut())?;
            }
            if any && sink.is_none() {
                break;
            }
        }
        Ok(any)
    }
}
