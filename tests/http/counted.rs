//! What kinds of requests were compared: each kind has its least number, so that none is forgotten.

use std::collections::BTreeSet;

/// Kinds of requests: their name, what their text has, and how many there are at least.
const KINDS: [(&str, &[&str], usize); 43] = [
    ("GET", &[" GET "], 1200),
    ("HEAD", &[" HEAD "], 20),
    ("OPTIONS", &[" OPTIONS "], 10),
    ("POST", &[" POST "], 300),
    ("PATCH", &[" PATCH "], 120),
    ("PUT", &[" PUT "], 40),
    ("DELETE", &[" DELETE "], 80),
    ("function", &["/rpc/"], 120),
    ("view", &["/v_t"], 60),
    ("embedded", &["e10:", "e20:"], 300),
    ("junction embedded", &["%21t3(", "%21t4(", "%21t5("], 20),
    ("inner", &["%21inner"], 120),
    ("spread", &["..."], 100),
    ("computed field", &["label"], 150),
    ("computed relationship", &["kin_", "first_"], 80),
    ("null filter", &["=is.null", "=not.is.null"], 40),
    ("aggregate", &["sum()", "avg()", "min()", "max()", "count()"], 120),
    ("logic", &["or=(", "and=("], 100),
    ("any or all", &["(any)", "(all)"], 30),
    ("in", &["=in.(", "=not.in.("], 40),
    ("pattern", &["like.", "match."], 60),
    ("search", &["fts"], 30),
    ("containment", &["=cs.", "=cd.", "=ov."], 40),
    ("order", &["order="], 600),
    ("limit", &["limit="], 200),
    ("range", &["Range: "], 20),
    ("count", &["count=exact"], 150),
    ("representation", &["return=representation"], 200),
    ("minimal", &["return=minimal"], 15),
    ("headers only", &["return=headers-only"], 20),
    ("merge", &["resolution=merge-duplicates"], 30),
    ("ignore", &["resolution=ignore-duplicates"], 30),
    ("on conflict", &["on_conflict="], 20),
    ("columns", &["columns="], 40),
    ("missing", &["missing=default"], 40),
    ("strict", &["handling=strict"], 40),
    ("most affected", &["max-affected="], 20),
    ("rolled back", &["tx=rollback"], 30),
    ("time zone", &["timezone="], 50),
    ("CSV body", &["Content-Type: text/csv"], 10),
    ("CSV", &["Accept: text/csv"], 60),
    ("one object", &["pgrst.object"], 60),
    ("without nulls", &["nulls=stripped"], 60),
];

/// How many requests each kind has, and the kinds that have too few.
pub fn kinds(requests: &BTreeSet<String>) -> (String, Vec<String>) {
    let (mut told, mut few) = (Vec::new(), Vec::new());
    for (kind, signs, least) in KINDS {
        let found = requests.iter().filter(|request| signs.iter().any(|sign| request.contains(sign))).count();
        told.push(format!("{kind} {found}"));
        if found < least {
            few.push(format!("{kind}: {found} of {least}"));
        }
    }
    let limited = |request: &&String| {
        let writes = request.contains(" PATCH ") || request.contains(" DELETE ");
        writes && (request.contains("?limit=") || request.contains("&limit="))
    };
    told.push(format!("limited write {}", requests.iter().filter(limited).count()));
    (told.join(", "), few)
}
