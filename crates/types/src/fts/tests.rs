//! Against what PostgreSQL answered; and against texts that were made to hurt.

use std::time::{Duration, Instant};

use super::config::Config;
use super::search;
use crate::{Context, Type, codec};

#[test]
fn as_postgresql_answers() {
    crate::testing::check(include_str!("cases.txt"));
}

#[test]
fn contrived_documents_take_linear_time() {
    let config = Config::named("simple").unwrap();
    for unit in
        ["a_", "a-", "a.", "a-1-", "/.", "./", "<!--", "<a ", "<a \"", "&a", "1e1", "-1.1.", "a/", "@a", "~/.", "é-"]
    {
        let document = unit.repeat(4_000);
        let start = Instant::now();
        search::vector_of_text(config, &document);
        assert!(start.elapsed() < Duration::from_secs(8), "{unit} took {:?}", start.elapsed());
    }
}

#[test]
fn deep_queries_are_errors_and_long_ones_are_not() {
    let read = |text: &str| codec::from_text(&Type::TSQUERY, None, text, &Context::default());
    assert_eq!(read(&"!".repeat(100_000)).unwrap_err().code(), "54001");
    assert_eq!(read(&"(".repeat(100_000)).unwrap_err().code(), "54001");
    for operator in ["&", "|", "<->"] {
        let long = format!("a {operator} ").repeat(50_000) + "a";
        assert!(read(&long).is_ok(), "{operator}");
    }
    let config = Config::named("english").unwrap();
    assert!(search::web_query_of(config, &"-".repeat(100_000)).is_ok());
    assert!(search::web_query_of(config, &("-".repeat(100_000) + "cat")).is_ok());
}
