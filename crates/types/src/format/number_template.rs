//! Templates of numbers, taken apart into cells and text.

use basalt_core::{Error, Result};

use super::template::Case;

/// A part of a number's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// `9`, or `0` that shows leading and trailing zeros.
    Digit {
        zero: bool,
    },
    Point,
    Group,
    Currency,
    /// `MI`: a minus or a space.
    Minus,
    /// `PL`: a plus or a space.
    Plus,
    /// `SG`: a plus or a minus.
    Either,
    Ordinal(Case),
    Text(char),
}

/// Where the sign of a number stands that no `MI`, `PL` or `SG` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A minus or a space before the first digit.
    Plain,
    /// `S` before the digits.
    Leading,
    /// `S` behind the digits.
    Trailing,
    /// `PR`: negative numbers in angle brackets.
    Bracket,
}

pub(super) struct Template {
    pub items: Vec<Item>,
    /// Digits before the point.
    pub before: usize,
    /// Digits behind the point.
    pub after: usize,
    /// Digits behind a `V`, by which the number is multiplied.
    pub shifted: usize,
    /// The first digit before the point that is a `0`.
    pub first_zero: Option<usize>,
    /// Digits behind the point up to the last `0`.
    pub kept: usize,
    pub has_point: bool,
    pub fill: bool,
    pub sign: Sign,
    pub roman: Option<Case>,
    pub scientific: bool,
    pub has_minus: bool,
    pub has_plus: bool,
}

fn misused(message: &'static str) -> Error {
    Error::new("42601", message)
}

impl Template {
    /// 42601 where its parts do not go together.
    pub(super) fn parse(source: &str) -> Result<Template> {
        let mut template = Template {
            items: Vec::new(),
            before: 0,
            after: 0,
            shifted: 0,
            first_zero: None,
            kept: 0,
            has_point: false,
            fill: false,
            sign: Sign::Plain,
            roman: None,
            scientific: false,
            has_minus: false,
            has_plus: false,
        };
        let mut shifting = false;
        let mut sign_at = None;
        let mut rest = source;
        while let Some(first) = rest.chars().next() {
            let starts = |name: &str| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
            let length = match first {
                _ if starts("EEEE") => {
                    template.scientific = true;
                    4
                }
                _ if starts("FM") => {
                    template.fill = true;
                    2
                }
                _ if starts("MI") => {
                    template.has_minus = true;
                    template.items.push(Item::Minus);
                    2
                }
                _ if starts("PL") => {
                    template.has_plus = true;
                    template.items.push(Item::Plus);
                    2
                }
                _ if starts("SG") => {
                    (template.has_minus, template.has_plus) = (true, true);
                    template.items.push(Item::Either);
                    2
                }
                _ if starts("PR") => {
                    if template.sign != Sign::Plain || template.has_minus || template.has_plus {
                        return Err(misused("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
                    }
                    template.sign = Sign::Bracket;
                    2
                }
                _ if starts("RN") => {
                    template.roman = Some(if first == 'r' { Case::Lower } else { Case::Upper });
                    2
                }
                _ if starts("TH") => {
                    template.items.push(Item::Ordinal(if first == 't' { Case::Lower } else { Case::Upper }));
                    2
                }
                '9' | '0' if shifting => {
                    template.shifted += 1;
                    template.items.push(Item::Digit { zero: first == '0' });
                    1
                }
                '9' | '0' => {
                    if template.sign == Sign::Bracket {
                        return Err(misused("\"9\" must be ahead of \"PR\""));
                    }
                    template.digit(first == '0');
                    1
                }
                '.' | 'D' | 'd' => {
                    if template.has_point {
                        return Err(misused("multiple decimal points"));
                    }
                    if shifting {
                        return Err(misused("cannot use \"V\" and decimal point together"));
                    }
                    template.has_point = true;
                    template.items.push(Item::Point);
                    1
                }
                ',' | 'G' | 'g' => {
                    template.items.push(Item::Group);
                    1
                }
                'L' | 'l' => {
                    template.items.push(Item::Currency);
                    1
                }
                'S' | 's' => {
                    if sign_at.is_some() {
                        return Err(misused("cannot use \"S\" twice"));
                    }
                    sign_at = Some((template.before, template.has_point));
                    template.sign = if template.has_point { Sign::Trailing } else { Sign::Leading };
                    1
                }
                'V' | 'v' => {
                    if template.has_point {
                        return Err(misused("cannot use \"V\" and decimal point together"));
                    }
                    shifting = true;
                    1
                }
                'B' | 'b' | 'C' | 'c' => 1,
                '"' => {
                    let quoted = &rest[1..];
                    let end = quoted.find('"').unwrap_or(quoted.len());
                    template.items.extend(quoted[..end].chars().map(Item::Text));
                    (end + 2).min(rest.len())
                }
                other => {
                    template.items.push(Item::Text(other));
                    other.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        template.before += template.shifted;
        // An `S` behind all digits before the point shows the sign there.
        if template.sign == Sign::Leading && sign_at == Some((template.before, false)) {
            template.sign = Sign::Trailing;
        }
        Ok(template)
    }

    fn digit(&mut self, zero: bool) {
        if self.has_point {
            self.after += 1;
        } else {
            if zero && self.first_zero.is_none() {
                self.first_zero = Some(self.before);
            }
            self.before += 1;
        }
        if zero {
            self.kept = self.after;
        }
        self.items.push(Item::Digit { zero });
    }
}
