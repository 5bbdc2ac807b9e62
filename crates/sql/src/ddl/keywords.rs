//! Words that are no names without quotes (PostgreSQL manual, appendix C; version 15).

/// Names of nothing.
const RESERVED: &str = "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create \
    current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc distinct do else \
    end except false fetch for foreign from grant group having in initially intersect into lateral leading limit localtime \
    localtimestamp not null offset on only or order placing primary references returning select session_user some symmetric \
    table then to trailing true union unique user using variadic when where window with";

/// Names of functions and types only.
const OF_FUNCTIONS: &str = "authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join \
    left like natural notnull outer overlaps right similar tablesample verbose";

/// Names of anything but functions and types.
const OF_COLUMNS: &str = "between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout int \
    integer interval least national nchar none normalize nullif numeric out overlay position precision real row setof smallint \
    substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces \
    xmlparse xmlpi xmlroot xmlserialize xmltable";

fn has(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|known| known == word)
}

/// Whether a column, a relation, a constraint or the like may be called so without quotes.
pub(super) fn names_columns(word: &str) -> bool {
    !has(RESERVED, word) && !has(OF_FUNCTIONS, word)
}

/// Whether a function or a parameter may be called so without quotes.
pub(super) fn names_functions(word: &str) -> bool {
    !has(RESERVED, word) && !has(OF_COLUMNS, word)
}
