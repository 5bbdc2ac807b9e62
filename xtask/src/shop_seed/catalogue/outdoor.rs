//! Sports & Outdoor.

use super::{Category, Department};

pub const OUTDOOR: Department = Department {
    name: "Sports & Outdoor",
    description: "For trails, tents and training",
    brands: &[
        ("Steinbock", "AT"),
        ("Cairn Supply", "GB"),
        ("Polaris Trail", "FI"),
        ("Altura Norte", "ES"),
        ("Kaltwasser", "CH"),
    ],
    closings: &[
        "Repairs are free for five years.",
        "Free of PFC.",
        "Tested on the long trails of the Alps.",
        "Weighed and measured by us, not by the brochure.",
    ],
    tags: &["outdoor", "hiking", "lightweight", "training", "travel"],
    praise: &[
        "Carried me through nine days in the rain without complaint.",
        "Very light, and yet nothing tears.",
        "The straps do not rub, even on long days.",
        "Packs down smaller than I expected.",
        "Warm, dry and happy at minus five.",
        "Best purchase of the season.",
    ],
    complaints: &[
        "The zip jams when it is cold.",
        "Runs small, order one size up.",
        "Let water in after an hour of heavy rain.",
        "Heavier than stated by almost a tenth.",
    ],
    categories: &[
        Category {
            name: "Backpacks",
            description: "For an afternoon or a month",
            nouns: &[
                "day pack",
                "trekking backpack",
                "roll-top backpack",
                "bike pannier",
                "duffel bag",
                "running vest",
            ],
            price: (39, 259),
            grams: (250, 2300),
            attributes: &[
                ("volume_l", &["8", "18", "28", "45", "65"]),
                ("waterproof", &["true", "false"]),
                ("colour", &["petrol", "ochre", "black", "pine"]),
            ],
            sentences: &[
                "A {} that sits close to the body and lets the back breathe.",
                "The {} opens wide, so that nothing gets lost at the bottom.",
                "Recycled nylon with a ripstop weave makes this {} light and hard to tear.",
                "The {} has one pocket less than others, and the ones it has are in the right place.",
            ],
        },
        Category {
            name: "Camping",
            description: "Tents, bags and mats",
            nouns: &["two-person tent", "sleeping bag", "sleeping mat", "tarp", "camping lantern", "folding stool"],
            price: (24, 449),
            grams: (350, 3900),
            attributes: &[
                ("season", &["2", "3", "4"]),
                ("packed_cm", &["22 x 12", "35 x 16", "48 x 18"]),
                ("colour", &["sand", "moss", "orange"]),
            ],
            sentences: &[
                "A {} that one person sets up in the dark.",
                "The {} packs small and dries fast.",
                "Wind from the side does not impress this {}.",
                "The {} is the compromise we like best between weight and comfort.",
            ],
        },
        Category {
            name: "Camp Kitchen",
            description: "Stoves, pots and bottles for the road",
            nouns: &["gas stove", "titanium pot", "insulated bottle", "water filter", "cutlery set", "enamel mug"],
            price: (9, 139),
            grams: (60, 900),
            attributes: &[
                ("material", &["titanium", "stainless steel", "enamel", "aluminium"]),
                ("capacity_ml", &["350", "500", "750", "1000"]),
                ("boils_litre_in_s", &["150", "210", "260"]),
            ],
            sentences: &[
                "A {} for coffee with a view.",
                "The {} nests with others of its kind and does not rattle.",
                "Dented, scratched and still working: the {} is made for a hard life.",
                "The {} saves weight where it counts.",
            ],
        },
        Category {
            name: "Yoga & Fitness",
            description: "To move at home",
            nouns: &["yoga mat", "kettlebell", "resistance band set", "foam roller", "skipping rope", "balance board"],
            price: (9, 129),
            grams: (120, 16000),
            attributes: &[
                ("material", &["natural rubber", "cork", "cast iron", "beech"]),
                ("level", &["beginner", "all levels", "advanced"]),
                ("colour", &["plum", "slate", "natural", "ocean"]),
            ],
            sentences: &[
                "A {} that makes ten minutes a day enough.",
                "The {} grips well, also with wet hands.",
                "Free of odour and harmful plasticisers: this {} can stay in the living room.",
                "The {} comes with six exercises printed on a card.",
            ],
        },
        Category {
            name: "Cycling",
            description: "Lights, bags and tools for riders",
            nouns: &["bike light set", "saddle bag", "floor pump", "multi-tool", "cycling cap", "bell"],
            price: (12, 119),
            grams: (40, 1900),
            attributes: &[
                ("rechargeable", &["true", "false"]),
                ("material", &["aluminium", "brass", "leather", "merino"]),
                ("lumens", &["60", "200", "600"]),
            ],
            sentences: &[
                "A {} that is mounted in a minute, without tools.",
                "The {} has been through two winters of commuting.",
                "Clear, simple and built to be repaired: this {} is one to keep.",
                "The {} fits racing bikes as well as cargo bikes.",
            ],
        },
        Category {
            name: "Outdoor Clothing",
            description: "Layers for every weather",
            nouns: &["rain jacket", "merino shirt", "fleece pullover", "windbreaker", "neck warmer", "beanie"],
            price: (14, 299),
            grams: (60, 720),
            attributes: &[
                ("size", &["S", "M", "L", "XL"]),
                ("material", &["merino", "recycled polyester", "organic cotton", "hemp"]),
                ("colour", &["rust", "navy", "stone", "forest"]),
            ],
            sentences: &[
                "A {} that you forget you are wearing.",
                "The {} breathes going up and keeps warm going down.",
                "Flat seams and a cut that leaves room to move: this {} goes where you go.",
                "The {} can be worn for days before it needs a wash.",
            ],
        },
    ],
};
