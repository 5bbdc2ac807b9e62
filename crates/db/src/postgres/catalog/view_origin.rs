//! Where a view's columns come from: the top target list of its query tree, in the text form that `pg_rewrite.ev_action` has.
//!
//! A tree is `({QUERY :commandType 1 ... :targetList ({TARGETENTRY :expr {...} :resno 1 :resname id ... :resorigtbl 16385
//! :resorigcol 1 :resjunk false} ...) ...})`; characters with a meaning are escaped by a backslash.

use std::collections::HashMap;

/// A column of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The relation's OID.
    pub relation: u32,
    /// The attribute number.
    pub column: i16,
}

/// The origin of each column, by its number, that is a plain column of a relation.
pub fn origins(action: &str) -> HashMap<i16, Origin> {
    let mut found = HashMap::new();
    let Some(list) = target_list(action) else { return found };
    for entry in list.split("{TARGETENTRY ").skip(1) {
        // The members that follow the expression stand last in the entry.
        let member = |name: &str| {
            let (_, after) = entry.rsplit_once(name)?;
            after.split([' ', '}', ')']).next()?.parse::<i64>().ok()
        };
        let (number, relation, column) = (member(":resno "), member(":resorigtbl "), member(":resorigcol "));
        if let (Some(number), Some(relation), Some(column)) = (number, relation, column)
            && relation != 0
            && column > 0
            && let (Ok(number), Ok(relation), Ok(column)) = (number.try_into(), relation.try_into(), column.try_into())
        {
            found.insert(number, Origin { relation, column });
        }
    }
    found
}

/// The text of the outermost query's target list, without what is nested in its entries' expressions.
fn target_list(action: &str) -> Option<String> {
    const NAME: &str = ":targetList ";
    let mut depth = 0_usize;
    let mut list: Option<String> = None;
    let mut chars = action.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '(' | '{' => depth += 1,
            ')' | '}' => {
                depth = depth.saturating_sub(1);
                // The query's own members are two deep: in the list of queries, in the query.
                if depth == 2 && list.is_some() {
                    return list;
                }
            }
            ':' if depth == 2 && action[at..].starts_with(NAME) => list = Some(String::new()),
            _ => {}
        }
        // Entries are four deep, what is deeper is their expressions.
        if let Some(list) = &mut list
            && depth <= 4
        {
            list.push(c);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = "({QUERY :commandType 1 :rtable ({RTE :alias <> :subquery {QUERY :targetList ({TARGETENTRY :expr {VAR} :resno 1 \
        :resname x :resorigtbl 99 :resorigcol 9 :resjunk false})}}) :jointree {FROMEXPR :quals <>} :targetList ({TARGETENTRY :expr \
        {VAR :varno 1 :location 8} :resno 1 :resname odd\\ \\{name :ressortgroupref 0 :resorigtbl 16385 :resorigcol 2 :resjunk false} \
        {TARGETENTRY :expr {SUBLINK :subselect {QUERY :targetList ({TARGETENTRY :expr {CONST} :resno 1 :resorigtbl 7 :resorigcol 7})}} \
        :resno 2 :resname b :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false}) :override 0})";

    #[test]
    fn only_plain_columns_of_the_outermost_query_have_an_origin() {
        let found = origins(ACTION);
        assert_eq!(found.len(), 1);
        assert_eq!(found[&1], Origin { relation: 16385, column: 2 });
    }

    #[test]
    fn a_text_that_is_no_tree_has_no_origins() {
        assert!(origins("").is_empty());
        assert!(origins("({QUERY :targetList (").is_empty());
    }
}
