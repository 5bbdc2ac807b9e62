//! Where the role stands in a token's claims: a JSON path (RFC 9535), or PostgREST's older syntax for one.

/// The path as RFC 9535 writes it. `.a."b c"[0]` of the older syntax becomes `$.a["b c"][0]`, and its comparisons that RFC 9535
/// does not know (`^==`, `==^`, `*==`: begins with, ends with, contains) become regular expressions.
pub(super) fn modern(path: &str) -> String {
    if !path.starts_with(['.', '[']) {
        return path.to_owned();
    }
    let mut modern = String::from("$");
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        if let Some((text, after)) = rest.strip_prefix('.').and_then(quoted) {
            modern.push_str(&format!("[{text}]"));
            rest = after;
        } else if let Some((filter, after)) = rest.strip_prefix("[?(").and_then(|rest| rest.split_once(")]")) {
            modern.push_str(&format!("[?{}]", comparison(filter)));
            rest = after;
        } else {
            modern.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    modern
}

/// A text in double quotes at the beginning, quotes included, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    Some(text.split_at(inside.find('"')? + 2))
}

/// `@ ^== "x"` as `search(@, "^x")`.
fn comparison(filter: &str) -> String {
    let anchored = [("^==", "^", ""), ("==^", "", "$"), ("*==", "", "")];
    for (operator, before, after) in anchored {
        let Some((left, right)) = filter.split_once(operator) else { continue };
        let text = right.trim().trim_matches('"');
        let escape = |c: char| match c {
            // The path's own strings have backslashes, too.
            '^' => r"\\^".to_owned(),
            '\\' => r"\\\\".to_owned(),
            c if c.is_alphanumeric() => c.to_string(),
            c => format!("[{c}]"),
        };
        let escaped: String = text.chars().map(escape).collect();
        return format!("search({}, \"{before}{escaped}{after}\")", left.trim());
    }
    filter.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::modern;

    #[test]
    fn the_older_syntax_is_read() {
        assert_eq!(modern("$.role"), "$.role");
        assert_eq!(modern(".role"), "$.role");
        assert_eq!(modern(r#"."https://x.example/role".b[0]"#), r#"$["https://x.example/role"].b[0]"#);
        assert_eq!(modern(r#".roles[?(@ == "a b")]"#), r#"$.roles[?@ == "a b"]"#);
        assert_eq!(modern(r#".roles[?(@ ^== "pg-")]"#), r#"$.roles[?search(@, "^pg[-]")]"#);
        assert_eq!(modern(r#".roles[?(@ *== "a^b.c")]"#), r#"$.roles[?search(@, "a\\^b[.]c")]"#);
        assert_eq!(modern(r#".roles[?(@ ==^ "x")]"#), r#"$.roles[?search(@, "x$")]"#);
    }
}
