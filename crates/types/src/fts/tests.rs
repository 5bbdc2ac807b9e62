//! Against what PostgreSQL answered.

#[test]
fn as_postgresql_answers() {
    crate::testing::check(include_str!("cases.txt"));
}
