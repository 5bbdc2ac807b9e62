//! The words from which products are made: departments, their brands and categories, and what is said about them.

mod electronics;
mod garden;
mod kitchen;
mod living;
mod outdoor;
mod paper;
mod toys;
mod wellness;

/// A top-level category.
pub struct Department {
    pub name: &'static str,
    pub description: &'static str,
    /// Name and country of origin.
    pub brands: &'static [(&'static str, &'static str)],
    pub categories: &'static [Category],
    /// Last sentences of descriptions.
    pub closings: &'static [&'static str],
    pub tags: &'static [&'static str],
    /// Sentences of happy reviews.
    pub praise: &'static [&'static str],
    /// Sentences of unhappy reviews.
    pub complaints: &'static [&'static str],
}

/// A category within a department. `{}` in a sentence stands for the noun.
pub struct Category {
    pub name: &'static str,
    pub description: &'static str,
    pub nouns: &'static [&'static str],
    /// Lowest and highest price in euros.
    pub price: (u64, u64),
    /// Lightest and heaviest product in grams.
    pub grams: (u64, u64),
    /// Attribute names with their possible values.
    pub attributes: &'static [(&'static str, &'static [&'static str])],
    pub sentences: &'static [&'static str],
}

/// Names of product lines, put before the noun.
pub const SERIES: &[&str] = &[
    "Alba", "Alder", "Amber", "Anchor", "Arden", "Aspen", "Aurora", "Basil", "Birk", "Bjorn", "Bramble", "Brio",
    "Calla", "Cedar", "Cobalt", "Coast", "Dale", "Dune", "Ember", "Elm", "Esker", "Fable", "Fern", "Finch", "Fjord",
    "Flint", "Gale", "Grove", "Harbour", "Hazel", "Heath", "Heron", "Indigo", "Isla", "Ivy", "Juno", "Kite", "Koda",
    "Lark", "Linden", "Loft", "Luma", "Maple", "Marlow", "Mica", "Mistral", "Moss", "Nova", "Oriel", "Otter", "Pebble",
    "Pine", "Plover", "Quill", "Raven", "Reed", "Ridge", "Rowan", "Sable", "Saga", "Sorrel", "Tarn", "Thistle",
    "Umber", "Vale", "Wren",
];

/// Everything the shop sells.
pub const DEPARTMENTS: &[Department] = &[
    kitchen::KITCHEN,
    living::LIVING,
    garden::GARDEN,
    outdoor::OUTDOOR,
    electronics::ELECTRONICS,
    paper::PAPER,
    toys::TOYS,
    wellness::WELLNESS,
];
