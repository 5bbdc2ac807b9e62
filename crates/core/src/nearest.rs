//! The closest known name to one that was not found, by n-gram similarity, for hints.

use std::collections::HashMap;

/// The candidate most similar to `given`, if any reaches `minimum` (0 to 1).
/// Of equally similar ones the first wins.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>, minimum: f64) -> Option<&'a str> {
    let mut best: Option<(&str, f64)> = None;
    for candidate in candidates {
        let score = similarity(given, candidate);
        if score >= minimum && best.is_none_or(|(_, top)| score > top) {
            best = Some((candidate, score));
        }
    }
    best.map(|(name, _)| name)
}

/// Similarity of two names from 0 to 1: the better cosine of their 3-gram and 2-gram counts, lower-cased and
/// bounded by `-`. A name is similar to itself by 1.
pub fn similarity(a: &str, b: &str) -> f64 {
    let (a, b) = (normalize(a), normalize(b));
    if a == b {
        return 1.0;
    }
    let three = cosine(&grams(&a, 3), &grams(&b, 3));
    if three > 0.0 { three } else { cosine(&grams(&a, 2), &grams(&b, 2)) }
}

fn normalize(name: &str) -> Vec<char> {
    let kept = name.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | ',' | '_'));
    std::iter::once('-').chain(kept).chain(std::iter::once('-')).collect()
}

fn grams(name: &[char], size: usize) -> HashMap<&[char], f64> {
    let mut counts = HashMap::new();
    for gram in name.windows(size) {
        *counts.entry(gram).or_insert(0.0) += 1.0;
    }
    counts
}

fn cosine(a: &HashMap<&[char], f64>, b: &HashMap<&[char], f64>) -> f64 {
    let norm = |m: &HashMap<&[char], f64>| m.values().map(|n| n * n).sum::<f64>().sqrt();
    let dot: f64 = a.iter().filter_map(|(gram, n)| b.get(gram).map(|m| n * m)).sum();
    if dot == 0.0 { 0.0 } else { dot / (norm(a) * norm(b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_found() {
        assert_eq!(nearest("produts", ["orders", "products"], 0.6), Some("products"));
        assert_eq!(nearest("zebra", ["orders", "products"], 0.33), None);
    }
}
