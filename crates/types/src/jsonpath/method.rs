//! The methods of items: `.type()`, `.size()`, `.abs()`, `.floor()`, `.ceiling()`, `.double()` and `.keyvalue()`.

use super::evaluate::{Evaluation, Fault, Outcome, Sink, fault};
use super::item::Item;
use super::{Accessor, Method};
use crate::json::Json;
use crate::{Base, math, numeric};

impl<'j> Evaluation<'j> {
    /// Applies a method.
    pub(super) fn method(
        &mut self,
        method: Method,
        rest: &'j [Accessor],
        item: Item<'j>,
        sink: Sink<'_, 'j>,
    ) -> Outcome {
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
    fn key_values(&mut self, rest: &'j [Accessor], item: &Item<'j>, sink: Sink<'_, 'j>) -> Outcome {
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
        self.next_of_each(rest, pairs, sink)
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
