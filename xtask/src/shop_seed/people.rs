//! The people of the shop and what they write: customers, staff, addresses and the words of reviews.

/// First name, last name, and the index of the home town in [`CITIES`].
pub const CUSTOMERS: &[(&str, &str, usize)] = &[
    ("Maja", "Lindqvist", 0),
    ("Jonas", "Weber", 1),
    ("Camille", "Moreau", 2),
    ("Oliver", "Hartley", 3),
    ("Giulia", "Ferrari", 4),
    ("Pieter", "de Vries", 5),
    ("Aoife", "Byrne", 6),
    ("Tomasz", "Kowalski", 7),
    ("Ines", "Carvalho", 8),
    ("Lukas", "Gruber", 9),
    ("Freja", "Holm", 10),
    ("Mateo", "Serrano", 11),
    ("Elif", "Yildiz", 12),
    ("Henrik", "Solberg", 13),
    ("Charlotte", "Dubois", 2),
    ("Emil", "Nieminen", 14),
    ("Sophie", "Brandt", 12),
    ("George", "Whitcombe", 3),
    ("Zuzana", "Novotna", 15),
    ("Marco", "Bianchi", 4),
    ("Hanna", "Schneider", 1),
    ("Liam", "O'Connor", 6),
    ("Noor", "van Dijk", 5),
    ("Clara", "Vidal", 11),
    ("Astrid", "Nygaard", 13),
    ("Daniel", "Keller", 16),
    ("Beatriz", "Almeida", 8),
    ("Filip", "Zielinski", 7),
    ("Ronja", "Bergman", 0),
    ("Samuel", "Fischer", 9),
];

/// Name, role and day of hiring.
pub const STAFF: &[(&str, &str, &str)] = &[
    ("Ada Brenner", "manager", "2024-03-01"),
    ("Tim Aldous", "support", "2024-09-16"),
    ("Leila Haddad", "support", "2025-02-03"),
    ("Rasmus Dahl", "warehouse", "2025-05-19"),
];

/// Name, postal code, country, and streets.
pub const CITIES: &[(&str, &str, &str, &[&str])] = &[
    ("Stockholm", "118 20", "SE", &["Hornsgatan", "Folkungagatan", "Bondegatan"]),
    ("Hamburg", "22765", "DE", &["Bahrenfelder Straße", "Große Bergstraße", "Eulenstraße"]),
    ("Lyon", "69004", "FR", &["rue de Cuire", "rue du Mail", "boulevard de la Croix-Rousse"]),
    ("Bristol", "BS6 5QA", "GB", &["Picton Street", "Cotham Hill", "Chandos Road"]),
    ("Bologna", "40125", "IT", &["Via San Vitale", "Strada Maggiore", "Via Santo Stefano"]),
    ("Utrecht", "3512 JE", "NL", &["Oudegracht", "Voorstraat", "Nobelstraat"]),
    ("Galway", "H91 E2K4", "IE", &["Shop Street", "Dominick Street", "Quay Lane"]),
    ("Kraków", "31-153", "PL", &["ulica Długa", "ulica Szlak", "ulica Krowoderska"]),
    ("Porto", "4050-253", "PT", &["Rua de Cedofeita", "Rua do Almada", "Rua das Flores"]),
    ("Graz", "8010", "AT", &["Sporgasse", "Leonhardstraße", "Wickenburggasse"]),
    ("Aarhus", "8000", "DK", &["Vestergade", "Mejlgade", "Jægergårdsgade"]),
    ("Valencia", "46001", "ES", &["Carrer de Cavallers", "Carrer de Quart", "Carrer Alt"]),
    ("Berlin", "10999", "DE", &["Oranienstraße", "Reichenberger Straße", "Wrangelstraße"]),
    ("Bergen", "5005", "NO", &["Skuteviksveien", "Strandgaten", "Nygårdsgaten"]),
    ("Turku", "20100", "FI", &["Linnankatu", "Aurakatu", "Hämeenkatu"]),
    ("Brno", "602 00", "CZ", &["Veveří", "Kounicova", "Lidická"]),
    ("Basel", "4058", "CH", &["Rheingasse", "Feldbergstrasse", "Hammerstrasse"]),
];

/// Review titles for one to five stars.
pub const TITLES: [&[&str]; 5] = [
    &["Sent it back", "Disappointed", "Would not buy again", "Not what I expected", "Broken on arrival"],
    &["Could be better", "Not for me", "Below my hopes", "Good idea, poor finish", "Two stars for the looks"],
    &["It is fine", "Mixed feelings", "Good with small flaws", "Does its job", "Decent for the price"],
    &["Very good", "Nearly perfect", "Happy with it", "Good buy", "Recommended", "Better than expected"],
    &["Love it", "Perfect", "Exactly what I wanted", "A joy every day", "Worth every cent", "Wonderful", "Five stars"],
];

/// First sentences for one to five stars; `{}` stands for the product, in singular or plural.
pub const OPENINGS: [&[&str]; 5] = [
    &[
        "I had looked forward to the {}, and was let down.",
        "Not the {} that the pictures promise.",
        "After two weeks with the {} I gave up.",
        "I wanted to like the {}, I really did.",
    ],
    &[
        "I expected more from the {} at this price.",
        "Bought the {} on a friend's advice and regret it a little.",
        "Used the {} for a month now, with mixed success.",
        "Pretty to look at, but I keep reaching for my old one instead of the {}.",
    ],
    &[
        "Had the {} for some weeks now.",
        "No complaints about delivery; about the {} I am undecided.",
        "Ordered the {} on sale, and for that price all is well.",
        "There is better, there is worse than the {}.",
    ],
    &[
        "Ordered the {} after reading the other reviews.",
        "Chose the {} after a long comparison.",
        "I gave the {} to my parents and tried everything myself first.",
        "Have had the {} since spring.",
        "My second order here, this time the {}.",
    ],
    &[
        "Exactly the {} I had been looking for.",
        "Bought the {} as a present and then another for myself.",
        "I have been using the {} almost daily.",
        "What a find, the {}!",
        "I was sceptical about the {}, and I was wrong.",
        "We are so happy with the {}.",
    ],
];

/// Last sentences for one to five stars.
pub const ENDINGS: [&[&str]; 5] = [
    &["The refund came quickly, at least.", "Going back tomorrow.", "Support was friendly but could not help."],
    &[
        "I will keep it, but would choose differently.",
        "Two stars, because the idea is good.",
        "Perhaps I got a bad one.",
    ],
    &["All in all it is all right.", "Not bad, not special.", "For occasional use it will do."],
    &["One star off for the packaging.", "Would buy again.", "Delivery took four days.", "Good value.", ""],
    &[
        "Thank you!",
        "Would buy again at once.",
        "Delivered in two days.",
        "Warmly recommended.",
        "Keep up the good work.",
        "",
    ],
];
