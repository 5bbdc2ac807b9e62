#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}
