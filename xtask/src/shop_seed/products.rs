//! The goods: categories, brands, products with images and stock, collections.

use jiff::Timestamp;

use super::catalogue::{Category, DEPARTMENTS, Department, SERIES};
use super::random::Random;
use super::{hours_ago, insert, money, nullable, slug, text};

const PRODUCTS_PER_CATEGORY: usize = 12;

/// Gift cards, in euros. They are never out of stock.
pub const GIFT_CARD_VALUES: &[u64] = &[10, 25, 50, 100];

/// One product. Ids are 1 + its index in [`Catalogue::products`].
pub struct Product {
    pub name: String,
    /// The noun within a sentence: `chef's knife`.
    pub noun: &'static str,
    /// Price in cents.
    pub price: u64,
    pub status: &'static str,
    /// Pieces on the shelf; none is counted for gift cards.
    pub stock: Option<u64>,
    /// Index into [`DEPARTMENTS`]; gift cards have none.
    pub department: Option<usize>,
    /// Hours before the last day of the data.
    pub age: u64,
    created: Timestamp,
    row: Row,
}

/// Columns that matter to nobody but the product's own row.
struct Row {
    brand_id: usize,
    category_id: usize,
    description: String,
    compare_at_price: Option<u64>,
    attributes: String,
    tags: String,
    grams: u64,
}

/// All products, in the order of their ids.
pub struct Catalogue {
    pub products: Vec<Product>,
}

impl Catalogue {
    /// Makes all products: twelve in each category, and the gift cards.
    pub fn generate(random: &mut Random) -> Self {
        let mut products: Vec<Product> = Vec::new();
        let mut category_id = 0;
        for (department_index, department) in DEPARTMENTS.iter().enumerate() {
            category_id += 1;
            for category in department.categories {
                category_id += 1;
                let series = random.sample(SERIES, PRODUCTS_PER_CATEGORY);
                for (index, series) in series.iter().enumerate() {
                    let noun = category.nouns[index % category.nouns.len()];
                    let id = products.len() + 1;
                    let mut product = product(random, id, department, category, series, noun);
                    product.department = Some(department_index);
                    product.row.brand_id += 5 * department_index;
                    product.row.category_id = category_id;
                    products.push(product);
                }
            }
        }
        let brand_id = 5 * DEPARTMENTS.len() + 1;
        products.extend(GIFT_CARD_VALUES.iter().map(|value| gift_card(*value, brand_id, category_id + 1, random)));
        Catalogue { products }
    }

    /// The products that can be bought: index and product.
    pub fn published(&self) -> impl Iterator<Item = (usize, &Product)> {
        self.products.iter().enumerate().filter(|(_, product)| product.status == "published")
    }
}

fn product(
    random: &mut Random,
    id: usize,
    department: &Department,
    category: &Category,
    series: &str,
    noun: &'static str,
) -> Product {
    let (low, high) = category.price;
    // The smaller of two draws: most products of a category are at its cheaper end.
    let euros = random.between(low, high).min(random.between(low, high));
    let price = euros * 100 + random.pick(&[0, 50, 90, 95]);
    let on_sale = random.chance(18);
    let compare_at_price = on_sale.then(|| price * random.between(115, 150) / 100 / 100 * 100 + 95);
    let sentences = random.sample(category.sentences, 2);
    let second = fill(sentences[1], noun);
    // The noun once is enough: the second sentence says `It` where it can.
    let second = second.strip_prefix(&format!("The {noun} ")).map_or(second.clone(), |rest| format!("It {rest}"));
    let description = format!("{} {second}", fill(sentences[0], noun));
    let attributes: Vec<String> =
        category.attributes.iter().map(|(name, values)| format!("\"{name}\": {}", json(random.pick(values)))).collect();
    let tag_count = random.between(1, 3) as usize;
    let mut tags = random.sample(department.tags, tag_count);
    if on_sale {
        tags.push("sale");
    }
    let age = random.between(30 * 24, 700 * 24);
    Product {
        name: format!("{series} {}", title_case(noun)),
        noun,
        price,
        status: match id {
            _ if id.is_multiple_of(29) => "draft",
            _ if id.is_multiple_of(41) => "archived",
            _ => "published",
        },
        stock: Some(match id {
            _ if id.is_multiple_of(23) => 0,
            _ if id.is_multiple_of(11) => random.between(1, 4),
            _ => random.between(12, 140),
        }),
        department: None,
        age,
        created: hours_ago(random, age),
        row: Row {
            brand_id: random.between(1, department.brands.len() as u64) as usize,
            category_id: 0,
            description: format!("{description} {}", random.pick(department.closings)),
            compare_at_price,
            attributes: format!("{{{}}}", attributes.join(", ")),
            tags: format!("{{{}}}", tags.join(",")),
            grams: random.between(category.grams.0, category.grams.1) / 10 * 10,
        },
    }
}

fn gift_card(euros: u64, brand_id: usize, category_id: usize, random: &mut Random) -> Product {
    let age = 700 * 24;
    Product {
        name: format!("Gift Card {euros} Euro"),
        noun: "gift card",
        price: euros * 100,
        status: "published",
        stock: None,
        department: None,
        age,
        created: hours_ago(random, age),
        row: Row {
            brand_id,
            category_id,
            description: "Sent by mail within minutes, with a card to print. Valid for three years.".to_owned(),
            compare_at_price: None,
            attributes: format!("{{\"value\": {euros}, \"digital\": true}}"),
            tags: "{gift,digital}".to_owned(),
            grams: 0,
        },
    }
}

/// Appends the catalogue's tables.
pub fn write(sql: &mut String, random: &mut Random, catalogue: &Catalogue) {
    write_categories(sql);
    write_brands(sql);
    let products = &catalogue.products;

    let rows: Vec<String> =
        products.iter().enumerate().map(|(index, product)| product_row(index + 1, product)).collect();
    insert(
        sql,
        "products",
        "brand_id, category_id, sku, slug, name, description, price, compare_at_price, attributes, tags, weight_grams, \
         status, created_at, updated_at",
        &rows,
    );

    let views = ["front view", "in use", "detail"];
    let mut images = Vec::new();
    for (index, product) in products.iter().enumerate() {
        for (position, view) in views.iter().enumerate().take(random.between(1, 3) as usize) {
            let path = format!("{}/{}.jpg", slug(&product.name), position + 1);
            let alt = format!("{}, {view}", product.name);
            images.push(format!("{}, {}, {}, {}", index + 1, position + 1, text(&path), text(&alt)));
        }
    }
    insert(sql, "product_images", "product_id, position, path, alt_text", &images);

    let stock: Vec<String> = products
        .iter()
        .enumerate()
        .filter_map(|(index, product)| {
            let quantity = product.stock?;
            Some(format!("{}, {quantity}, {}, '2026-06-30T18:00:00Z'", index + 1, random.pick(&[3, 5, 5, 10])))
        })
        .collect();
    insert(sql, "stock", "product_id, quantity, reorder_level, updated_at", &stock);
    write_collections(sql, random, catalogue);
}

fn product_row(id: usize, product: &Product) -> String {
    let row = &product.row;
    format!(
        "{}, {}, 'SKU-{id:05}', {}, {}, {}, {}, {}, {}, {}, {}, '{}', '{}', '{}'",
        row.brand_id,
        row.category_id,
        text(&slug(&product.name)),
        text(&product.name),
        text(&row.description),
        money(product.price),
        nullable(row.compare_at_price.map(money)),
        text(&row.attributes),
        text(&row.tags),
        row.grams,
        product.status,
        product.created,
        product.created,
    )
}

fn write_categories(sql: &mut String) {
    let mut rows: Vec<String> = Vec::new();
    let mut push = |parent: Option<usize>, name: &str, description: &str, position: usize| {
        let (slug, name, description) = (text(&slug(name)), text(name), text(description));
        rows.push(format!("{}, {slug}, {name}, {description}, {position}", nullable(parent)));
        rows.len()
    };
    for (index, department) in DEPARTMENTS.iter().enumerate() {
        let parent = push(None, department.name, department.description, index + 1);
        for (index, category) in department.categories.iter().enumerate() {
            push(Some(parent), category.name, category.description, index + 1);
        }
    }
    push(None, "Gift Cards", "When only they know what they want", DEPARTMENTS.len() + 1);
    insert(sql, "categories", "parent_id, slug, name, description, position", &rows);
}

fn write_brands(sql: &mut String) {
    let mut rows = Vec::new();
    for department in DEPARTMENTS {
        for (name, country) in department.brands {
            let slug = slug(name);
            let story = format!("{name} makes things for {}.", department.name.to_lowercase().replace('&', "and"));
            let website = format!("https://{slug}.example");
            rows.push(format!("'{slug}', {}, '{country}', '{website}', {}", text(name), text(&story)));
        }
    }
    rows.push("'the-shop', 'The Shop', 'DE', null, 'Our own.'".to_owned());
    insert(sql, "brands", "slug, name, country, website, story", &rows);
}

fn write_collections(sql: &mut String, random: &mut Random, catalogue: &Catalogue) {
    type Belongs = fn(&Product) -> bool;
    let collections: [(&str, &str, &str, Belongs); 6] = [
        ("Summer Outside", "For gardens, balconies and lakes", "'2026-05-15', '2026-08-31'", |product| {
            matches!(product.department, Some(2 | 3))
        }),
        ("New Arrivals", "Fresh on the shelves", "null, null", |product| product.age < 90 * 24),
        ("Gifts under 30", "Small things that please", "null, null", |product| product.price < 3000),
        ("Sale", "While stocks last", "'2026-06-15', '2026-07-15'", |product| product.row.compare_at_price.is_some()),
        ("Back to the Desk", "A good start after the holidays", "'2026-08-15', '2026-09-30'", |product| {
            matches!(product.department, Some(4 | 5))
        }),
        ("Staff Picks", "What we took home ourselves", "null, null", |_| true),
    ];
    let mut rows = Vec::new();
    let mut members = Vec::new();
    for (index, (name, description, dates, belongs)) in collections.into_iter().enumerate() {
        rows.push(format!("'{}', '{name}', '{description}', {dates}", slug(name)));
        let candidates: Vec<usize> =
            catalogue.published().filter(|(_, product)| belongs(product)).map(|(product, _)| product).collect();
        for (position, product) in random.sample(&candidates, 24).into_iter().enumerate() {
            members.push(format!("{}, {}, {}", index + 1, product + 1, position + 1));
        }
    }
    insert(sql, "collections", "slug, name, description, starts_on, ends_on", &rows);
    insert(sql, "collection_products", "collection_id, product_id, position", &members);
}

/// Puts the noun into a sentence, with `An` before a vowel and a capital at the start.
fn fill(sentence: &str, noun: &str) -> String {
    let mut sentence = sentence.replace("{}", noun);
    if noun.starts_with(['a', 'e', 'i', 'o']) {
        sentence = sentence.replace(&format!("A {noun}"), &format!("An {noun}"));
        sentence = sentence.replace(&format!(" a {noun}"), &format!(" an {noun}"));
    }
    capitalize(&sentence)
}

/// Capitals as in the names of goods: `Field Guide to Birds`.
fn title_case(noun: &str) -> String {
    let word = |word: &str| if ["of", "to", "and"].contains(&word) { word.to_owned() } else { capitalize(word) };
    noun.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A JSON number or boolean where the text is one, else a JSON string.
fn json(value: &str) -> String {
    let bare = value == "true" || value == "false" || value.parse::<f64>().is_ok();
    if bare { value.to_owned() } else { format!("\"{value}\"") }
}
