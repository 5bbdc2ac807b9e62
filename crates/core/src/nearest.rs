//! The closest known name to one that was not found, for hints: as PostgREST finds it.

use std::cmp::Ordering;
use std::collections::HashMap;

/// The candidate most similar to `given`, if any reaches `minimum` (0 to 1). What shares no three letters with it is looked at only
/// if none of the others will do, and what shares no two letters not at all. Of equally similar ones the first wins.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>, minimum: f64) -> Option<&'a str> {
    let candidates: Vec<(&str, String)> = candidates.into_iter().map(|name| (name, name.to_lowercase())).collect();
    let given = given.to_lowercase();
    [3, 2].into_iter().find_map(|size| {
        let wanted = grams(&given, size);
        let similar = candidates.iter().filter_map(|(name, lower)| {
            let shared = cosine(&wanted, &grams(lower, size));
            let score = strsim::normalized_levenshtein(&given, lower);
            (shared > 0.0 && score >= minimum).then_some((*name, score, shared))
        });
        // The first of the best, where `max_by` would take the last.
        similar.reduce(|best, other| if rank(&other, &best).is_gt() { other } else { best }).map(|(name, ..)| name)
    })
}

fn rank(a: &(&str, f64, f64), b: &(&str, f64, f64)) -> Ordering {
    a.1.total_cmp(&b.1).then(a.2.total_cmp(&b.2))
}

/// How often each run of `size` letters and digits is in a name, its ends marked.
fn grams(name: &str, size: usize) -> HashMap<Vec<char>, f64> {
    let kept = name.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace() || *c == ',');
    let bounded: Vec<char> = std::iter::once('-').chain(kept).chain(std::iter::once('-')).collect();
    let mut counts = HashMap::new();
    for gram in bounded.windows(size) {
        *counts.entry(gram.to_vec()).or_insert(0.0) += 1.0;
    }
    counts
}

fn cosine(a: &HashMap<Vec<char>, f64>, b: &HashMap<Vec<char>, f64>) -> f64 {
    let norm = |counts: &HashMap<Vec<char>, f64>| counts.values().map(|n| n * n).sum::<f64>().sqrt();
    let dot: f64 = a.iter().filter_map(|(gram, n)| b.get(gram).map(|m| n * m)).sum();
    if dot == 0.0 { 0.0 } else { dot / (norm(a) * norm(b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_found() {
        assert_eq!(nearest("produts", ["orders", "products"], 0.75), Some("products"));
        assert_eq!(nearest("zebra", ["orders", "products"], 0.33), None);
        assert_eq!(nearest("Actoxs", ["films", "actors"], 0.75), Some("actors"));
        assert_eq!(nearest("call_me_x", ["call_me", "call_us"], 0.75), Some("call_me"));
        // Two letters of one that shares no three of them.
        assert_eq!(nearest("ab", ["xb", "zz"], 0.33), Some("xb"));
        assert_eq!(nearest("film", ["firm", "films"], 0.75), Some("films"));
        assert_eq!(nearest("film", ["filmz", "films"], 0.75), Some("filmz"));
    }
}
