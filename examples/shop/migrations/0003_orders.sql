-- Carts, coupons, orders, and the movements of stock that they cause.

create table coupons (
  code text primary key check (code = upper(code)),
  description text not null,
  percent_off integer not null check (percent_off between 1 and 90),
  valid_from date not null,
  valid_until date,
  constraint coupons_dates_in_order check (valid_until >= valid_from)
);

alter table coupons enable row level security;

comment on table coupons is 'Discount codes. Customers never read them: apply_coupon() checks one code';

create table carts (
  customer_id uuid primary key default auth.uid() references customers (id) on delete cascade,
  coupon_code text references coupons (code) on update cascade on delete set null,
  updated_at timestamptz not null default now()
);

create index carts_coupon_code_idx on carts (coupon_code);
alter table carts enable row level security;

comment on table carts is 'One cart for each customer';

create table cart_items (
  customer_id uuid not null default auth.uid() references carts (customer_id) on delete cascade,
  product_id bigint not null references products (id) on delete cascade,
  quantity integer not null default 1,
  added_at timestamptz not null default now(),
  primary key (customer_id, product_id),
  constraint cart_items_quantity check (quantity between 1 and 99)
);

create index cart_items_product_id_idx on cart_items (product_id);
alter table cart_items enable row level security;

comment on table cart_items is 'What lies in the carts. Prices are the current ones until the order is placed';

create type order_status as enum ('draft', 'pending', 'paid', 'packed', 'shipped', 'delivered', 'cancelled');

create table orders (
  id bigint generated always as identity primary key,
  customer_id uuid not null references customers (id) on delete restrict,
  status order_status not null default 'draft',
  shipping_address_id bigint not null references addresses (id) on delete restrict,
  billing_address_id bigint references addresses (id) on delete restrict,
  coupon_code text references coupons (code) on update cascade on delete restrict,
  discount_percent integer not null default 0 check (discount_percent between 0 and 90),
  item_count integer not null default 0,
  subtotal numeric(12, 2) not null default 0 check (subtotal >= 0),
  shipping_cost numeric(10, 2) not null default 0 check (shipping_cost >= 0),
  total numeric(12, 2) generated always as (round(subtotal * (100 - discount_percent) / 100, 2) + shipping_cost) stored,
  currency text not null default 'EUR' check (currency in ('EUR', 'GBP', 'USD')),
  note text,
  placed_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint orders_not_empty check (status = 'draft' or item_count > 0)
);

-- A draft lives only within place_order(). That there is one at most makes two clicks at once wait for each other.
create unique index orders_one_draft_key on orders (customer_id) where status = 'draft';
create index orders_customer_id_idx on orders (customer_id, placed_at desc);
create index orders_shipping_address_id_idx on orders (shipping_address_id);
create index orders_billing_address_id_idx on orders (billing_address_id);
create index orders_coupon_code_idx on orders (coupon_code);
create index orders_open_idx on orders (placed_at) where status in ('pending', 'paid', 'packed');
alter table orders enable row level security;

comment on table orders is 'Orders placed
Customers read their own. place_order() and cancel_order() write them.';
comment on column orders.status is 'From draft through delivered; compares in that order';
comment on column orders.billing_address_id is 'Null when the invoice goes with the parcel';
comment on column orders.item_count is 'Pieces in the order';
comment on column orders.total is 'Subtotal less discount, plus shipping';

create table order_items (
  order_id bigint not null references orders (id) on delete cascade,
  product_id bigint not null references products (id) on delete restrict,
  product_name text not null,
  quantity integer not null check (quantity > 0),
  unit_price numeric(10, 2) not null check (unit_price > 0),
  line_total numeric(12, 2) generated always as (unit_price * quantity) stored,
  primary key (order_id, product_id)
);

create index order_items_product_id_idx on order_items (product_id);
alter table order_items enable row level security;

comment on table order_items is 'What was ordered, with name and price as they were on that day';

create type movement_reason as enum ('delivery', 'sale', 'return', 'correction');

create table stock_movements (
  id bigint generated always as identity primary key,
  product_id bigint not null references stock (product_id) on delete cascade,
  order_id bigint references orders (id) on delete set null,
  change integer not null check (change <> 0),
  reason movement_reason not null,
  note text,
  created_at timestamptz not null default now(),
  constraint stock_movements_once unique (order_id, product_id, reason)
);

create index stock_movements_product_id_idx on stock_movements (product_id, created_at);
alter table stock_movements enable row level security;

comment on table stock_movements is 'Why stock changed: its sum by product is the quantity in stock';

create function order_number(orders) returns text
language sql stable
as $$
  select 'SH-' || lpad($1.id::text, 6, '0');
$$;

comment on function order_number is 'Computed field: the number on the invoice, such as SH-000042';
