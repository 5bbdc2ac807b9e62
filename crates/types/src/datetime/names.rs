//! The names of months and days.

/// The number of a month by its name or abbreviation, in any case.
pub(super) fn month_by_name(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_ascii_lowercase();
    let matches = |month: &&str| **month == word || month[..3] == word || (word == "sept" && month.starts_with("sept"));
    MONTHS.iter().position(matches).map(|index| index as i64 + 1)
}

/// Whether it is a day's name or abbreviation, in lower case.
pub(super) fn is_weekday(word: &str) -> bool {
    const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    let short = ["tues", "weds", "thur", "thurs"];
    DAYS.iter().any(|day| *day == word || day[..3] == *word) || short.contains(&word)
}
