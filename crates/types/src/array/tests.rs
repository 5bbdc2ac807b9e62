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
