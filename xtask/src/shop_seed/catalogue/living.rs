//! Home & Living.

use super::{Category, Department};

pub const LIVING: Department = Department {
    name: "Home & Living",
    description: "Furniture, light and textiles for every room",
    brands: &[("Ostkreuz", "DE"), ("Lumiere Basse", "FR"), ("Fjordlys", "NO"), ("Casa Lenta", "PT"), ("Wolden", "NL")],
    closings: &[
        "Assembly takes ten minutes, tools are included.",
        "Spare parts are available for at least ten years.",
        "All wood comes from certified forests.",
        "Delivered in a box without plastic.",
    ],
    tags: &["home", "interior", "sustainable", "living-room", "bedroom"],
    praise: &[
        "It made the whole room look finished.",
        "Assembly was quick and everything fitted.",
        "The colour is exactly as shown.",
        "Visitors ask about it all the time.",
        "Well packed, and delivered a day early.",
        "Much better made than the one it replaced.",
    ],
    complaints: &[
        "One screw was missing and support took a week to send it.",
        "It wobbles a little on our old floor.",
        "The fabric collects every hair of our cat.",
        "The colour is duller than in the pictures.",
    ],
    categories: &[
        Category {
            name: "Lighting",
            description: "Lamps for work, dinner and reading in bed",
            nouns: &["floor lamp", "table lamp", "pendant light", "wall light", "reading lamp", "string light"],
            price: (24, 289),
            grams: (400, 6500),
            attributes: &[
                ("socket", &["E27", "E14", "GU10", "integrated LED"]),
                ("dimmable", &["true", "false"]),
                ("material", &["brass", "paper", "powder-coated steel", "opal glass"]),
            ],
            sentences: &[
                "A {} that gives warm, even light without glare.",
                "The {} can be turned and tilted, and stays where you put it.",
                "Switched off it is a quiet object, switched on the {} makes the corner a place to be.",
                "This {} has a textile cable of two metres and a switch that is easy to find in the dark.",
            ],
        },
        Category {
            name: "Furniture",
            description: "Chairs, tables and shelves",
            nouns: &["side table", "bookshelf", "dining chair", "bench", "coat stand", "writing desk"],
            price: (59, 690),
            grams: (3500, 38000),
            attributes: &[
                ("wood", &["oak", "ash", "walnut", "beech"]),
                ("finish", &["oiled", "lacquered", "soaped", "black stain"]),
                ("width_cm", &["40", "60", "80", "120"]),
            ],
            sentences: &[
                "A {} of solid wood with rounded edges and visible joints.",
                "The {} is light enough to be moved by one person and strong enough for decades.",
                "Slim proportions let this {} fit where others do not.",
                "The {} ages well: scratches can be sanded and oiled away.",
            ],
        },
        Category {
            name: "Bedding",
            description: "Linen, duvets and pillows",
            nouns: &["duvet cover", "pillowcase pair", "linen sheet", "down duvet", "wool blanket", "mattress topper"],
            price: (25, 279),
            grams: (300, 4800),
            attributes: &[
                ("material", &["linen", "organic cotton", "wool", "down"]),
                ("size", &["135 x 200", "155 x 220", "200 x 200", "240 x 220"]),
                ("colour", &["white", "sand", "rust", "night blue", "olive"]),
            ],
            sentences: &[
                "A {} that is washed before sewing, so that it is soft from the first night.",
                "The {} breathes in summer and warms in winter.",
                "Woven in Portugal and dyed without heavy metals, this {} is certified to OEKO-TEX 100.",
                "The {} closes with buttons made of corozo nut.",
            ],
        },
        Category {
            name: "Rugs & Curtains",
            description: "Textiles for floors and windows",
            nouns: &["wool rug", "jute runner", "linen curtain", "blackout curtain", "door mat", "sheepskin"],
            price: (19, 420),
            grams: (700, 12000),
            attributes: &[
                ("material", &["wool", "jute", "linen", "recycled polyester"]),
                ("size", &["60 x 90", "70 x 200", "140 x 250", "160 x 230"]),
                ("colour", &["natural", "terracotta", "grey", "moss"]),
            ],
            sentences: &[
                "A {} woven by hand, with a pattern that shows only at the second glance.",
                "The {} makes rooms quieter and feet warmer.",
                "Dense and heavy, this {} lies flat and stays in place.",
                "The {} is easy to clean and kind to bare feet.",
            ],
        },
        Category {
            name: "Decoration",
            description: "Vases, candles and things to look at",
            nouns: &["vase", "candle holder", "picture frame", "wall mirror", "plant pot", "scented candle"],
            price: (9, 189),
            grams: (150, 7500),
            attributes: &[
                ("material", &["ceramic", "glass", "brass", "oak", "concrete"]),
                ("height_cm", &["8", "15", "22", "35"]),
                ("handmade", &["true", "false"]),
            ],
            sentences: &[
                "A {} that needs nothing beside it.",
                "Each {} is finished by hand, which you can see and feel.",
                "The {} goes with old furniture as well as with new.",
                "A welcome present: the {} comes in a box that needs no wrapping.",
            ],
        },
        Category {
            name: "Storage & Order",
            description: "Baskets, hooks and boxes",
            nouns: &[
                "laundry basket",
                "shoe rack",
                "wall hook rail",
                "storage box set",
                "magazine rack",
                "wardrobe organiser",
            ],
            price: (12, 129),
            grams: (400, 6800),
            attributes: &[
                ("material", &["seagrass", "felt", "bamboo", "steel"]),
                ("foldable", &["true", "false"]),
                ("colour", &["natural", "anthracite", "white"]),
            ],
            sentences: &[
                "A {} that makes tidying up take half as long.",
                "The {} disappears under the bed or looks good in the hall.",
                "Strong handles and a washable lining: the {} is made to be used.",
                "Measured for common shelves, the {} uses the space to the last centimetre.",
            ],
        },
    ],
};
