//! Letters without their accents, as the extension `unaccent` gives them.

use basalt_core::Result;
use unicode_normalization::char::decompose_compatible;

use crate::{Context, Value, ValueRef};

/// Letters and marks that no decomposition takes apart.
const SUBSTITUTES: &[(char, &str)] = &[
    ('Æ', "AE"),
    ('æ', "ae"),
    ('Ð', "D"),
    ('ð', "d"),
    ('Đ', "D"),
    ('đ', "d"),
    ('Ħ', "H"),
    ('ħ', "h"),
    ('ı', "i"),
    ('ĸ', "q"),
    ('Ł', "L"),
    ('ł', "l"),
    ('Ŋ', "N"),
    ('ŋ', "n"),
    ('Ø', "O"),
    ('ø', "o"),
    ('Œ', "OE"),
    ('œ', "oe"),
    ('ß', "ss"),
    ('ẞ', "SS"),
    ('Þ', "TH"),
    ('þ', "th"),
    ('Ŧ', "T"),
    ('ŧ', "t"),
    ('Ё', "Е"),
    ('ё', "е"),
    ('‘', "'"),
    ('’', "'"),
    ('‚', ","),
    ('“', "\""),
    ('”', "\""),
    ('„', ",,"),
    ('«', "<<"),
    ('»', ">>"),
    ('‐', "-"),
    ('–', "-"),
    ('—', "-"),
    ('…', "..."),
    ('×', "*"),
    ('÷', "/"),
    ('¼', "1/4"),
    ('½', "1/2"),
    ('¾', "3/4"),
];

pub(super) fn unaccent(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    if text.is_ascii() {
        return Ok(text.into());
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_plain(c, &mut out);
    }
    Ok(out.into())
}

fn push_plain(c: char, out: &mut String) {
    if c.is_ascii() {
        return out.push(c);
    }
    if let Some((_, substitute)) = SUBSTITUTES.iter().find(|(from, _)| *from == c) {
        return out.push_str(substitute);
    }
    if is_accent(c) {
        return;
    }
    let start = out.len();
    decompose_compatible(c, |part| {
        if !is_accent(part) {
            out.push(part);
        }
    });
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '\u{391}'..='\u{3a9}' | '\u{3b1}'..='\u{3c9}');
    if !out[start..].chars().all(is_plain) {
        out.truncate(start);
        out.push(c);
    }
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{362}')
}
