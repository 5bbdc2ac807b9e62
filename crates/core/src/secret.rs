//! Secrets are compared here alone.

/// Whether two secrets are equal, in a time that tells nothing of where they differ.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::constant_time_eq;

    #[test]
    fn equal_is_what_has_the_same_bytes() {
        assert!(constant_time_eq(b"", b"") && constant_time_eq(b"secret", b"secret"));
        assert!(!constant_time_eq(b"secret", b"secreT") && !constant_time_eq(b"Secret", b"secret"));
        assert!(!constant_time_eq(b"secret", b"secrets") && !constant_time_eq(b"", b"s"));
    }
}
