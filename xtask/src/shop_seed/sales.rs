//! What happened in the shop: customers, addresses, carts, orders, stock movements and reviews.

use jiff::{Timestamp, ToSpan};

use super::catalogue::DEPARTMENTS;
use super::people::{CITIES, CUSTOMERS, ENDINGS, OPENINGS, STAFF, TITLES};
use super::products::Catalogue;
use super::random::Random;
use super::{hours_ago, insert, money, nullable, slug, text};

/// Orders and reviews, in the order of their ids.
pub struct Sales {
    orders: Vec<Order>,
    reviews: Vec<Review>,
}

struct Order {
    customer: usize,
    placed: Timestamp,
    status: &'static str,
    discount: Option<(&'static str, u64)>,
    /// Product index and quantity.
    items: Vec<(usize, u64)>,
}

struct Review {
    product: usize,
    customer: usize,
    created: Timestamp,
}

impl Sales {
    /// Chooses who reviews what, lets them buy it first, and adds orders that nobody wrote about.
    pub fn generate(random: &mut Random, catalogue: &Catalogue) -> Self {
        let mut sales = Sales { orders: Vec::new(), reviews: Vec::new() };
        for (customer, mut bought) in reviewed_products(random, catalogue).into_iter().enumerate() {
            // Oldest first, so that what is ordered together was on sale at the same time.
            bought.sort_by_key(|product| std::cmp::Reverse(catalogue.products[*product].age));
            let mut bought = bought.as_slice();
            while !bought.is_empty() {
                let (items, rest) = bought.split_at(bought.len().min(random.between(1, 5) as usize));
                sales.order_and_review(random, catalogue, customer, items);
                bought = rest;
            }
            for _ in 0..random.between(3, 6) {
                sales.order_only(random, catalogue, customer);
            }
        }
        sales.orders.sort_by_key(|order| order.placed);
        sales.reviews.sort_by_key(|review| review.created);
        sales
    }

    fn order_and_review(&mut self, random: &mut Random, catalogue: &Catalogue, customer: usize, products: &[usize]) {
        let on_sale_for = products.iter().map(|product| catalogue.products[*product].age).min().unwrap_or(0);
        let hours = random.between(20 * 24, on_sale_for - 1);
        self.push_order(random, customer, hours, "delivered", products);
        for &product in products {
            let hours = hours - random.between(4 * 24, 19 * 24);
            self.reviews.push(Review { product, customer, created: hours_ago(random, hours) });
        }
    }

    fn order_only(&mut self, random: &mut Random, catalogue: &Catalogue, customer: usize) {
        let hours = random.between(2, 60 * 24);
        let for_sale: Vec<usize> =
            catalogue.published().filter(|(_, product)| product.age > hours).map(|(product, _)| product).collect();
        let count = random.between(1, 4) as usize;
        let products = random.sample(&for_sale, count);
        let status = match hours / 24 {
            _ if random.chance(10) => "cancelled",
            0 => "pending",
            1..=2 => random.pick(&["pending", "paid", "paid"]),
            3..=4 => random.pick(&["paid", "packed"]),
            5..=9 => random.pick(&["packed", "shipped", "shipped"]),
            _ => "delivered",
        };
        self.push_order(random, customer, hours, status, &products);
    }

    fn push_order(
        &mut self,
        random: &mut Random,
        customer: usize,
        hours: u64,
        status: &'static str,
        products: &[usize],
    ) {
        let discount = random.chance(12).then_some(("WELCOME10", 10));
        let items = products.iter().map(|product| (*product, random.pick(&[1, 1, 1, 1, 2, 2, 3]))).collect();
        self.orders.push(Order { customer, placed: hours_ago(random, hours), status, discount, items });
    }
}

/// For each customer the products that they review.
fn reviewed_products(random: &mut Random, catalogue: &Catalogue) -> Vec<Vec<usize>> {
    let mut reviewed = vec![Vec::new(); CUSTOMERS.len()];
    let everyone: Vec<usize> = (0..CUSTOMERS.len()).collect();
    for (index, product) in catalogue.products.iter().enumerate() {
        if product.status != "draft" && product.department.is_some() {
            // Few products are popular, most have a handful of reviews.
            let count = random.pick(&[0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 13]);
            for customer in random.sample(&everyone, count) {
                reviewed[customer].push(index);
            }
        }
    }
    reviewed
}

/// Appends the tables of people, orders and reviews.
pub fn write(sql: &mut String, random: &mut Random, catalogue: &Catalogue, sales: &Sales) {
    write_people(sql, random);
    write_carts(sql, random, catalogue);
    write_orders(sql, random, catalogue, &sales.orders);
    sql.push_str(STOCK_MOVEMENTS);
    write_reviews(sql, random, catalogue, &sales.reviews);
}

/// Customer ids are `c0000000-0000-4000-8000-000000000001` and so on.
fn customer_id(customer: usize) -> String {
    format!("'c0000000-0000-4000-8000-{:012}'", customer + 1)
}

fn write_people(sql: &mut String, random: &mut Random) {
    let staff: Vec<String> = STAFF
        .iter()
        .enumerate()
        .map(|(index, (name, role, hired))| {
            format!("'a0000000-0000-4000-8000-{:012}', '{name}', '{role}', '{hired}'", index + 1)
        })
        .collect();
    insert(sql, "staff", "user_id, name, role, hired_on", &staff);

    let mut customers = Vec::new();
    let mut addresses = Vec::new();
    for (customer, (first, last, city)) in CUSTOMERS.iter().enumerate() {
        let id = customer_id(customer);
        let email = format!("{}.{}@example.com", slug(first), slug(last));
        let phone = random.chance(60).then(|| format!("'+00 555 {:06}'", random.between(0, 999_999)));
        let created = hours_ago(random, 720 * 24 + customer as u64);
        customers.push(format!(
            "{id}, '{email}', {}, {}, {}, {}, {}, '{created}'",
            text(first),
            text(last),
            nullable(phone),
            random.chance(40),
            random.between(0, 40) * 25,
        ));
        // The first address of each customer first: the home address of the customer with index n has id 2n + 1.
        for label in ["Home", "Work"] {
            let (town, postal_code, country, streets) = CITIES[*city];
            let line1 = format!("{} {}", random.pick(streets), random.between(1, 140));
            addresses.push(format!(
                "{id}, '{label}', {}, {}, '{postal_code}', {}, '{country}'",
                text(&format!("{first} {last}")),
                text(&line1),
                text(town),
            ));
        }
    }
    let columns = "id, email, first_name, last_name, phone, marketing_opt_in, loyalty_points, created_at";
    insert(sql, "customers", columns, &customers);
    insert(sql, "addresses", "customer_id, label, recipient, line1, postal_code, city, country", &addresses);

    let coupons = [
        "'WELCOME10', 'Ten percent off', 10, '2024-01-01', null",
        "'FRIENDS20', 'For friends of the shop', 20, '2025-01-01', null",
        "'SPRING25', 'Spring cleaning 2025', 15, '2025-03-01', '2025-05-31'",
    ];
    let coupons = coupons.map(str::to_owned);
    insert(sql, "coupons", "code, description, percent_off, valid_from, valid_until", &coupons);
}

/// Every third customer has left something in the cart.
fn write_carts(sql: &mut String, random: &mut Random, catalogue: &Catalogue) {
    let available: Vec<usize> = catalogue
        .published()
        .filter(|(_, product)| product.stock.is_some_and(|quantity| quantity >= 10))
        .map(|(product, _)| product)
        .collect();
    let mut carts = Vec::new();
    let mut items = Vec::new();
    for customer in (2..CUSTOMERS.len()).step_by(3) {
        let id = customer_id(customer);
        let updated = hours_ago(random, customer as u64 + 1);
        carts.push(format!("{id}, '{updated}'"));
        let count = random.between(1, 4) as usize;
        for product in random.sample(&available, count) {
            items.push(format!("{id}, {}, {}, '{updated}'", product + 1, random.between(1, 3)));
        }
    }
    insert(sql, "carts", "customer_id, updated_at", &carts);
    insert(sql, "cart_items", "customer_id, product_id, quantity, added_at", &items);
}

fn write_orders(sql: &mut String, random: &mut Random, catalogue: &Catalogue, orders: &[Order]) {
    let mut rows = Vec::new();
    let mut items = Vec::new();
    for (index, order) in orders.iter().enumerate() {
        let (mut pieces, mut subtotal) = (0, 0);
        for &(product, quantity) in &order.items {
            let bought = &catalogue.products[product];
            pieces += quantity;
            subtotal += quantity * bought.price;
            let (name, price) = (text(&bought.name), money(bought.price));
            items.push(format!("{}, {}, {name}, {quantity}, {price}", index + 1, product + 1));
        }
        let home = 2 * order.customer + 1;
        let billing = random.chance(25).then_some(home);
        let shipping = if billing.is_some() { home + 1 } else { home };
        let (code, percent) = order.discount.unzip();
        let updated = order.placed + (if order.status == "delivered" { 72 } else { 1 }).hours();
        rows.push(format!(
            "{}, '{}', {shipping}, {}, {}, {}, {pieces}, {}, {}, '{}', '{updated}'",
            customer_id(order.customer),
            order.status,
            nullable(billing),
            nullable(code.map(text)),
            percent.unwrap_or(0),
            money(subtotal),
            if subtotal >= 5000 { "0" } else { "4.95" },
            order.placed,
        ));
    }
    insert(
        sql,
        "orders",
        "customer_id, status, shipping_address_id, billing_address_id, coupon_code, discount_percent, item_count, \
         subtotal, shipping_cost, placed_at, updated_at",
        &rows,
    );
    insert(sql, "order_items", "order_id, product_id, product_name, quantity, unit_price", &items);
}

/// Sales and returns follow from the orders, and what was delivered is what explains the rest.
const STOCK_MOVEMENTS: &str = "
insert into stock_movements (product_id, order_id, change, reason, created_at)
select i.product_id, o.id, -i.quantity, 'sale', o.placed_at
from orders o
join order_items i on i.order_id = o.id
join stock s on s.product_id = i.product_id
order by o.id, i.product_id;

insert into stock_movements (product_id, order_id, change, reason, created_at)
select i.product_id, o.id, i.quantity, 'return', o.updated_at
from orders o
join order_items i on i.order_id = o.id
join stock s on s.product_id = i.product_id
where o.status = 'cancelled'
order by o.id, i.product_id;

insert into stock_movements (product_id, change, reason, note, created_at)
select p.id, s.quantity - coalesce(moved.change, 0), 'delivery', 'First delivery', p.created_at
from products p
join stock s on s.product_id = p.id
left join (
  select m.product_id, sum(m.change) as change from stock_movements m group by m.product_id
) as moved on moved.product_id = p.id
where s.quantity - coalesce(moved.change, 0) <> 0
order by p.id;
";

fn write_reviews(sql: &mut String, random: &mut Random, catalogue: &Catalogue, reviews: &[Review]) {
    // How good each product is: an index into the tables of stars.
    let stars: [&[usize]; 4] = [&[5, 5, 5, 5, 4, 4], &[5, 5, 5, 4, 4, 3], &[5, 5, 4, 4, 3, 2], &[5, 4, 3, 3, 2, 1]];
    let quality: Vec<usize> = catalogue.products.iter().map(|_| random.pick(&[0, 0, 1, 1, 1, 2, 2, 3])).collect();

    let mut rows = Vec::new();
    for review in reviews {
        let product = &catalogue.products[review.product];
        let department = &DEPARTMENTS[product.department.expect("gift cards are not reviewed")];
        let rating = random.pick(stars[quality[review.product]]);
        let mut sentences = vec![random.pick(OPENINGS[rating - 1]).replace("{}", product.noun)];
        if rating >= 3 {
            sentences.push(random.pick(department.praise).to_owned());
        }
        if rating <= 3 {
            sentences.push(random.pick(department.complaints).to_owned());
        }
        sentences.push(random.pick(ENDINGS[rating - 1]).to_owned());
        let body = sentences.join(" ");
        let (first, last, _) = CUSTOMERS[review.customer];
        let initial = last.chars().next().unwrap_or_default().to_uppercase();
        rows.push(format!(
            "{}, {}, '{first} {initial}.', {rating}, {}, {}, {}, '{}'",
            review.product + 1,
            customer_id(review.customer),
            text(random.pick(TITLES[rating - 1])),
            text(body.trim_end()),
            !random.chance(2),
            review.created,
        ));
    }
    insert(sql, "reviews", "product_id, customer_id, author_name, rating, title, body, published, created_at", &rows);
}
