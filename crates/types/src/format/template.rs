//! Templates of dates and times, taken apart into fields and text.

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A field with its modifiers.
    Field(Pattern),
    /// A space, which input may lack.
    Space(char),
    /// Punctuation, which input may lack.
    Separator(char),
    /// Any other character, or a quoted one.
    Character(char),
}

/// A field as it stands in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pattern {
    pub field: Field,
    /// As spelled, for messages.
    pub name: &'static str,
    /// Of names: upper, capitalised or lower case.
    pub case: Case,
    /// `FM`: without padding.
    pub fill: bool,
    /// `TH`, `th`: with an ordinal's ending.
    pub ordinal: Option<Case>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Capital,
    Lower,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// AM or PM; with dots or without.
    Meridiem {
        dotted: bool,
    },
    /// AD or BC; with dots or without.
    Era {
        dotted: bool,
    },
    Century,
    DayName,
    DayShort,
    DayOfYear,
    DayOfMonth,
    DayOfWeek,
    /// So many digits of a second.
    Fraction(u32),
    Fixed,
    Hour24,
    Hour12,
    IsoDayOfYear,
    IsoDayOfWeek,
    IsoWeek,
    /// The last so many digits of ISO 8601's year.
    IsoYear(usize),
    Julian,
    Minute,
    Month,
    MonthName,
    MonthShort,
    Offset,
    Quarter,
    Roman,
    SecondOfDay,
    Second,
    ZoneHour,
    ZoneMinute,
    Zone,
    Week,
    WeekOfMonth,
    YearWithComma,
    /// The last so many digits of the year.
    Year(usize),
}

impl Field {
    /// Whether it is written in digits: a number before it must have a fixed width.
    fn is_digits(self) -> bool {
        !matches!(
            self,
            Field::Meridiem { .. }
                | Field::Era { .. }
                | Field::DayName
                | Field::DayShort
                | Field::Fixed
                | Field::MonthName
                | Field::MonthShort
                | Field::Offset
                | Field::Roman
                | Field::ZoneHour
                | Field::Zone
        )
    }
}

/// Spellings in upper case; each is known in lower case too. A longer one stands before its own beginning.
const FIELDS: &[(&str, &str, Field)] = &[
    ("A.D.", "a.d.", Field::Era { dotted: true }),
    ("A.M.", "a.m.", Field::Meridiem { dotted: true }),
    ("AD", "ad", Field::Era { dotted: false }),
    ("AM", "am", Field::Meridiem { dotted: false }),
    ("B.C.", "b.c.", Field::Era { dotted: true }),
    ("BC", "bc", Field::Era { dotted: false }),
    ("CC", "cc", Field::Century),
    ("DAY", "day", Field::DayName),
    ("DDD", "ddd", Field::DayOfYear),
    ("DD", "dd", Field::DayOfMonth),
    ("DY", "dy", Field::DayShort),
    ("D", "d", Field::DayOfWeek),
    ("FF1", "ff1", Field::Fraction(1)),
    ("FF2", "ff2", Field::Fraction(2)),
    ("FF3", "ff3", Field::Fraction(3)),
    ("FF4", "ff4", Field::Fraction(4)),
    ("FF5", "ff5", Field::Fraction(5)),
    ("FF6", "ff6", Field::Fraction(6)),
    ("FX", "fx", Field::Fixed),
    ("HH24", "hh24", Field::Hour24),
    ("HH12", "hh12", Field::Hour12),
    ("HH", "hh", Field::Hour12),
    ("IDDD", "iddd", Field::IsoDayOfYear),
    ("ID", "id", Field::IsoDayOfWeek),
    ("IW", "iw", Field::IsoWeek),
    ("IYYY", "iyyy", Field::IsoYear(4)),
    ("IYY", "iyy", Field::IsoYear(3)),
    ("IY", "iy", Field::IsoYear(2)),
    ("I", "i", Field::IsoYear(1)),
    ("J", "j", Field::Julian),
    ("MI", "mi", Field::Minute),
    ("MM", "mm", Field::Month),
    ("MONTH", "month", Field::MonthName),
    ("MON", "mon", Field::MonthShort),
    ("MS", "ms", Field::Fraction(3)),
    ("OF", "of", Field::Offset),
    ("P.M.", "p.m.", Field::Meridiem { dotted: true }),
    ("PM", "pm", Field::Meridiem { dotted: false }),
    ("Q", "q", Field::Quarter),
    ("RM", "rm", Field::Roman),
    ("SSSSS", "sssss", Field::SecondOfDay),
    ("SSSS", "ssss", Field::SecondOfDay),
    ("SS", "ss", Field::Second),
    ("TZH", "tzh", Field::ZoneHour),
    ("TZM", "tzm", Field::ZoneMinute),
    ("TZ", "tz", Field::Zone),
    ("US", "us", Field::Fraction(6)),
    ("WW", "ww", Field::Week),
    ("W", "w", Field::WeekOfMonth),
    ("Y,YYY", "y,yyy", Field::YearWithComma),
    ("YYYY", "yyyy", Field::Year(4)),
    ("YYY", "yyy", Field::Year(3)),
    ("YY", "yy", Field::Year(2)),
    ("Y", "y", Field::Year(1)),
];

/// Names that may be capitalised.
const CAPITALISED: &[(&str, Field)] =
    &[("Day", Field::DayName), ("Dy", Field::DayShort), ("Month", Field::MonthName), ("Mon", Field::MonthShort)];

/// Takes a template apart.
pub(super) fn parse(template: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        if let Some((pattern, length)) = pattern(rest) {
            parts.push(Part::Field(pattern));
            rest = &rest[length..];
        } else if is_prefix(rest) {
            rest = &rest[2..];
        } else if first == '"' {
            rest = quoted(&rest[1..], &mut parts);
        } else if rest.starts_with("\\\"") {
            parts.push(Part::Character('"'));
            rest = &rest[2..];
        } else {
            parts.push(match first {
                c if c.is_ascii_whitespace() => Part::Space(c),
                c if c.is_ascii_punctuation() => Part::Separator(c),
                c => Part::Character(c),
            });
            rest = &rest[first.len_utf8()..];
        }
    }
    parts
}

/// Whether a modifier stands before a field: fill mode, or a localized name. Before anything else it is passed over.
fn is_prefix(source: &str) -> bool {
    ["FM", "fm", "TM", "tm"].iter().any(|prefix| source.starts_with(prefix))
}

/// Reads up to the closing quote, and gives what follows.
fn quoted<'a>(source: &'a str, parts: &mut Vec<Part>) -> &'a str {
    let mut characters = source.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return &source[at + 1..],
            '\\' => parts.push(Part::Character(characters.next().map_or('\\', |(_, escaped)| escaped))),
            other => parts.push(Part::Character(other)),
        }
    }
    ""
}

/// A field at the start of a text, and its length with its modifiers.
fn pattern(source: &str) -> Option<(Pattern, usize)> {
    let mut start = 0;
    let (mut fill, mut localized) = (false, false);
    while is_prefix(&source[start..]) {
        let is_fill = source[start..].starts_with(['F', 'f']);
        (fill, localized) = (fill || is_fill, localized || !is_fill);
        start += 2;
    }
    let bare = &source[start..];
    let spelled = |&(upper, lower, field): &(&'static str, &'static str, Field)| {
        let (name, case) = match bare {
            bare if bare.starts_with(upper) => (upper, Case::Upper),
            bare if bare.starts_with(lower) => (lower, Case::Lower),
            _ => return None,
        };
        Some((field, name, case))
    };
    let (field, name, case) = FIELDS.iter().find_map(spelled).or_else(|| {
        let capital = CAPITALISED.iter().find(|(name, _)| bare.starts_with(name))?;
        Some((capital.1, capital.0, Case::Capital))
    })?;
    // `Day` begins with a `D`, but is no day of the week.
    let (field, name, case) = match CAPITALISED.iter().find(|(name, _)| bare.starts_with(name)) {
        Some(&(name, field)) => (field, name, Case::Capital),
        None => (field, name, case),
    };
    let mut end = start + name.len();
    let ordinal = match source.get(end..end + 2) {
        Some("TH") => Some(Case::Upper),
        Some("th") => Some(Case::Lower),
        _ => None,
    };
    end += if ordinal.is_some() { 2 } else { 0 };
    // A localized name is not padded.
    fill |= localized && !field.is_digits();
    Some((Pattern { field, name, case, fill, ordinal }, end))
}

/// Whether what follows a field shows where its digits end.
pub(super) fn ends_digits(following: Option<&Part>) -> bool {
    match following {
        None => true,
        Some(Part::Field(pattern)) => !pattern.field.is_digits(),
        Some(Part::Space(c) | Part::Separator(c) | Part::Character(c)) => !c.is_ascii_digit(),
    }
}

/// The ending of an ordinal number.
pub(super) fn ordinal_ending(digits: &str, case: Case) -> &'static str {
    let teen = digits.len() > 1 && digits.as_bytes()[digits.len() - 2] == b'1';
    let (upper, lower) = match digits.bytes().last() {
        Some(b'1') if !teen => ("ST", "st"),
        Some(b'2') if !teen => ("ND", "nd"),
        Some(b'3') if !teen => ("RD", "rd"),
        _ => ("TH", "th"),
    };
    if case == Case::Lower { lower } else { upper }
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) const ROMAN_MONTHS: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// A name in the case that its pattern asks for.
pub(super) fn in_case(name: &str, case: Case) -> String {
    match case {
        Case::Upper => name.to_uppercase(),
        Case::Capital => name.to_owned(),
        Case::Lower => name.to_lowercase(),
    }
}
