//! A request in the dialect's own terms, and its translation into what [`basalt_query`] plans.

pub(crate) mod body;
mod cursor;
mod field;
mod filter;
pub(crate) mod media;
mod order;
pub(crate) mod prefer;
pub(crate) mod query_string;
pub(crate) mod range;
mod select;
#[cfg(test)]
mod tests;

pub use cursor::SyntaxError;

/// Runs every parser of the query-string dialect over a text and forgets the result: for fuzzing.
/// Whatever the text, none may panic.
pub fn parse_anything(text: &str) {
    if let Ok(query) = query_string::QueryString::parse(text, false) {
        let _ = query.level(true);
    }
    let _ = query_string::QueryString::parse(text, true);
    let _ = select::select(text);
    let _ = filter::logic(text);
    let _ = order::order(text);
}
