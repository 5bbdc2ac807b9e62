//! A mail's body as plain text, for readers that show no HTML: tags go, links stand behind their words, blocks are lines.

/// Tags that begin a new line.
const BLOCKS: [&str; 12] = ["address", "blockquote", "br", "div", "h1", "h2", "h3", "h4", "li", "p", "table", "tr"];
/// Elements whose content is not for reading.
const HIDDEN: [&str; 3] = ["style", "script", "title"];

/// The text of an HTML body.
pub(super) fn text(html: &str) -> String {
    let (mut out, mut rest) = (String::new(), html);
    let mut link = None;
    while let Some((before, after)) = rest.split_once('<') {
        push(&mut out, before);
        let (tag, after) = after.split_once('>').unwrap_or((after, ""));
        rest = after;
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        if HIDDEN.contains(&name.as_str()) && !tag.starts_with('/') {
            let end = format!("</{name}");
            rest = rest.to_ascii_lowercase().find(&end).map_or("", |at| &rest[at..]);
        } else if BLOCKS.contains(&name.as_str()) {
            line(&mut out);
        } else if name == "a" {
            match tag.starts_with('/') {
                false => link = attribute(tag, "href"),
                true => out.extend(link.take().map(|link| format!(" ( {} )", unescaped(&link)))),
            }
        }
    }
    push(&mut out, rest);
    let lines: Vec<&str> = out.lines().map(str::trim).collect();
    format!("{}\n", lines.join("\n").trim())
}

/// Appends text, whose spaces and line breaks are all alike.
fn push(out: &mut String, html: &str) {
    let text = unescaped(html);
    let begins = text.starts_with(char::is_whitespace);
    if begins && !out.is_empty() && !out.ends_with(char::is_whitespace) {
        out.push(' ');
    }
    out.push_str(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if text.ends_with(char::is_whitespace) && !out.ends_with(char::is_whitespace) {
        out.push(' ');
    }
}

fn line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

/// An attribute's value in a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!("{name}="))?.1;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    match quote {
        Some(quote) => value[1..].split(quote).next().map(str::to_owned),
        None => value.split_whitespace().next().map(str::to_owned),
    }
}

/// Text with its character references resolved (those that templates' escaping writes, and numbers).
fn unescaped(html: &str) -> String {
    let (mut out, mut rest) = (String::new(), html);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let named = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        match named {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn links_stand_behind_their_words() {
        let html = "<h2>Welcome</h2><p>Please <a class=x href=\"https://x.example&#x2f;v?a=1&amp;b=2\">confirm</a>,\n or enter <b>123456</b>.</p>";
        assert_eq!(text(html), "Welcome\nPlease confirm ( https://x.example/v?a=1&b=2 ), or enter 123456.\n");
    }

    #[test]
    fn what_is_not_for_reading_is_left_out_and_nothing_breaks() {
        assert_eq!(text("<style>p { x }</style>Tom &amp; &lt;i&gt; &unknown; <br>&#65"), "Tom & <i> &unknown;\n&#65\n");
        for odd in ["", "<", "<a", "<style>", "a < b", "&;&#;&#xfffffff;", "<a href=>x</a>"] {
            text(odd);
        }
    }
}
