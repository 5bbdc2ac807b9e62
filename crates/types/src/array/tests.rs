use crate::{Context, Type, ValueRef};

#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}

#[test]
fn parts_are_cut_by_dimension() {
    use super::{flat, slice};
    let array = "[[1,2],[3,4],[5,6]]";
    for (bounds, expected) in [
        (&[(2, 3)][..], "[[3,4],[5,6]]"),
        (&[(1, 2), (2, 2)], "[[2],[4]]"),
        (&[(0, 9), (1, 1)], "[[1],[3],[5]]"),
        (&[(4, 5)], "[]"),
        (&[(1, 2), (3, 3)], "[]"),
        (&[(1, 1), (1, 1), (1, 1)], "[]"),
    ] {
        assert_eq!(slice(array, bounds), expected, "{bounds:?}");
    }
    assert_eq!(slice("[\"a,b\",null,\"]\"]", &[(1, 2)]), "[\"a,b\",null]");
    assert_eq!((flat(array), flat("[1,null]"), flat("[]")), ("[1,2,3,4,5,6]".into(), "[1,null]".into(), "[]".into()));
}

#[test]
fn arrays_are_filled_up_to_a_size() {
    let fill = |value: &str, lengths: &str| {
        let args = [ValueRef::Text(value), ValueRef::Text(lengths)];
        super::shape::fill(&Context::default(), &[Type::TEXT, Type::INT4.array_of()], &args)
    };
    assert_eq!(fill("x", "[2,1,2]"), Ok(r#"[[["x","x"]],[["x","x"]]]"#.into()));
    let refused = |lengths: &str| fill(&"x".repeat(1 << 20), lengths).map_err(|error| error.code().to_owned());
    for lengths in ["[300]", "[2,150]"] {
        assert_eq!(refused(lengths), Err("54000".to_owned()), "{lengths}");
    }
}
