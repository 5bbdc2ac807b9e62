//! The dialect's grammar, case by case.

use basalt_query::ask::*;

use super::query_string::QueryString;
use super::{filter, order, select};

fn column(name: &str) -> Item {
    Item::Field {
        field: Field { name: name.into(), path: vec![] },
        cast: None,
        aggregate: None,
        aggregate_cast: None,
        alias: None,
    }
}

fn embed(item: &Item) -> &Embed {
    match item {
        Item::Embed(embed) => embed,
        other => panic!("not an embed: {other:?}"),
    }
}

#[test]
fn select_reads_columns_casts_paths_and_aliases() {
    let items =
        select::select("id, full:first_name ,age::text,data->a->>b,data->0,\"we ird\",total.sum()::int,*").unwrap();
    assert_eq!(items[0], column("id"));
    assert!(
        matches!(&items[1], Item::Field { alias: Some(a), field, .. } if a == "full" && field.name == "first_name")
    );
    assert!(matches!(&items[2], Item::Field { cast: Some(c), .. } if c == "text"));
    let Item::Field { field, .. } = &items[3] else { panic!() };
    assert_eq!(
        field.path,
        [
            PathStep { as_text: false, key: PathKey::Key("a".into()) },
            PathStep { as_text: true, key: PathKey::Key("b".into()) }
        ]
    );
    assert!(matches!(&items[4], Item::Field { field, .. } if field.path[0].key == PathKey::Index(0)));
    assert_eq!(items[5], column("we ird"));
    assert!(
        matches!(&items[6], Item::Field { aggregate: Some(Aggregate::Sum), aggregate_cast: Some(c), .. } if c == "int")
    );
    assert_eq!(items[7], Item::All);
}

#[test]
fn select_reads_embeds_with_hints_joins_and_spreads() {
    let items = select::select("a:orders!fk!inner(id,...customer(name)),tags(),count()").unwrap();
    // Columns come first.
    assert_eq!(items[0], Item::Count { cast: None, alias: None });
    let orders = embed(&items[1]);
    assert_eq!((orders.alias.as_deref(), orders.hint.as_deref(), orders.inner), (Some("a"), Some("fk"), true));
    assert!(embed(&orders.level.items[1]).spread);
    assert!(embed(&items[2]).level.items.is_empty());
    assert!(select::select("count(id)").is_err());
}

#[test]
fn a_hint_may_be_quoted_when_it_looks_like_a_join() {
    let items = select::select("orders!\"inner\"(id)").unwrap();
    assert_eq!(embed(&items[0]).hint.as_deref(), Some("inner"));
    assert!(!embed(&items[0]).inner);
}

#[test]
fn filters_take_the_rest_as_it_stands() {
    assert_eq!(
        filter::filter("eq.\"a\"").unwrap(),
        (false, Test::Compare { operator: Operator::Equal, quantifier: None, value: "\"a\"".into() })
    );
    assert_eq!(
        filter::filter("not.like(any).{A*,*z}").unwrap(),
        (true, Test::Compare { operator: Operator::Like, quantifier: Some(Quantifier::Any), value: "{A%,%z}".into() })
    );
    assert_eq!(
        filter::filter("in.(1, \"a,b\",\"c\"d,)").unwrap().1,
        Test::In(vec!["1".into(), " \"a".into(), "b\"".into(), "\"c\"d".into(), String::new()])
    );
    assert_eq!(filter::filter("in.(\"a,b\",c)").unwrap().1, Test::In(vec!["a,b".into(), "c".into()]));
    assert_eq!(filter::filter("in.()").unwrap().1, Test::In(vec![]));
    assert_eq!(filter::filter("is.NOT_NULL").unwrap().1, Test::Is(Is::NotNull));
    assert!(
        matches!(filter::filter("wfts(french).a b").unwrap().1, Test::Search { language: Some(l), .. } if l == "french")
    );
}

#[test]
fn a_broken_filter_says_where_and_what_was_expected() {
    let error = filter::filter("noop.0").unwrap_err();
    assert_eq!(error.column, 1);
    assert_eq!(error.details, "unexpected \"o\" expecting \"not\" or operator (eq, gt, ...)");
}

#[test]
fn logic_trees_nest_and_quote() {
    let Condition::Or { negated: false, of } =
        filter::logic("or(age.lt.18,and(name.like.A*,id.in.(1,2)),not.and(x.is.null,y.eq.\"a,b)\"),t.cs.{1,2})")
            .unwrap()
    else {
        panic!()
    };
    assert_eq!(of.len(), 4);
    let Condition::And { negated: true, of: inner } = &of[2] else { panic!() };
    assert!(
        matches!(&inner[1], Condition::Filter(Filter { test: Test::Compare { value, .. }, .. }) if value == "a,b)")
    );
    assert!(matches!(&of[3], Condition::Filter(Filter { test: Test::Compare { value, .. }, .. }) if value == "{1,2}"));
    assert!(filter::logic("or()").is_err());
}

#[test]
fn order_reads_directions_nulls_and_relations() {
    let terms = order::order("a.desc.nullslast,b.nullsfirst,c(d).asc,e->>f").unwrap();
    assert_eq!((terms[0].descending, terms[0].nulls_first), (Some(true), Some(false)));
    assert_eq!((terms[1].descending, terms[1].nulls_first), (None, Some(true)));
    assert_eq!(terms[2].embed.as_deref(), Some("c"));
    assert!(order::order("a.dsc").is_err());
}

#[test]
fn clauses_go_to_the_embed_that_their_path_names() {
    let query = QueryString::parse(
        "select=id,o:orders(id,items(x))&o.status=eq.open&o.items.limit=3&orders.order=id.desc&or=(a.eq.1,b.eq.2)&limit=5&limit=7",
        false,
    )
    .unwrap();
    let (level, renamed) = query.level(true).unwrap();
    assert_eq!(level.limit, Some(7));
    assert_eq!(level.conditions.len(), 1);
    let orders = embed(&level.items[1]);
    assert_eq!(orders.level.conditions.len(), 1);
    assert_eq!(orders.level.order.len(), 1);
    assert_eq!(embed(&orders.level.items[1]).level.limit, Some(3));
    assert_eq!(renamed, [("orders".to_owned(), "o".to_owned())]);
    assert_eq!(query.level(false).unwrap_err().body.code, "PGRST108");
}

#[test]
fn a_get_on_a_function_tells_arguments_from_filters() {
    let query = QueryString::parse("a=1&b=eq.2&c=hello world&select=id", true).unwrap();
    assert_eq!(query.arguments, [("a".to_owned(), "1".to_owned()), ("c".to_owned(), "hello world".to_owned())]);
    assert_eq!(QueryString::parse("a=in.1", true).unwrap_err().body.code, "PGRST100");
}

#[test]
fn nul_bytes_and_broken_utf8_are_refused() {
    assert_eq!(QueryString::parse("a=eq.%00", false).unwrap_err().status, 400);
    assert_eq!(QueryString::parse("a=eq.%ff", false).unwrap_err().status, 400);
}

mod properties {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,80}") {
            super::super::parse_anything(&text);
        }

        #[test]
        fn no_likely_text_makes_a_parser_panic(text in "[a-c.,:()!*\"\\\\{}>=&+ -]{0,60}(not|and|or|in|is|eq|select|order)?[a-c.,()=]{0,20}") {
            super::super::parse_anything(&text);
        }
    }
}
