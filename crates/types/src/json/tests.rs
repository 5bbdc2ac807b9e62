use super::*;

#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[{\"a\":".repeat(depth / 2), "1") + &"}]".repeat(depth / 2);
    let deep = normalize(&nested(1000)).expect("the greatest depth");
    assert_eq!(compare(&deep, &deep.replace('1', "2")), std::cmp::Ordering::Less);
    assert_eq!(normalize(&nested(1002)).unwrap_err().code(), "54001");
}
