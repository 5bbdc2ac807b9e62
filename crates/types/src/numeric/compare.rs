//! The order of numerics, by their canonical texts.

use std::cmp::Ordering;

/// Compares two canonical texts as PostgreSQL does: by value, `NaN` last. Allocates nothing.
pub fn compare(a: &str, b: &str) -> Ordering {
    fn rank(text: &str) -> i8 {
        match text.as_bytes().first() {
            Some(b'N') => 3,
            Some(b'I') => 2,
            Some(b'-') if text.as_bytes().get(1) == Some(&b'I') => -2,
            Some(b'-') => -1,
            _ => 1,
        }
    }
    let (rank_a, rank_b) = (rank(a), rank(b));
    match rank_a.cmp(&rank_b) {
        Ordering::Equal if rank_a == 1 => compare_magnitude(a, b),
        Ordering::Equal if rank_a == -1 => compare_magnitude(&b[1..], &a[1..]),
        other => other,
    }
}

fn compare_magnitude(a: &str, b: &str) -> Ordering {
    let (integer_a, fraction_a) = a.split_once('.').unwrap_or((a, ""));
    let (integer_b, fraction_b) = b.split_once('.').unwrap_or((b, ""));
    integer_a
        .len()
        .cmp(&integer_b.len())
        .then_with(|| integer_a.cmp(integer_b))
        .then_with(|| fraction_a.trim_end_matches('0').cmp(fraction_b.trim_end_matches('0')))
}
