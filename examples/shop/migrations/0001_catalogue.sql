-- What the shop sells: categories, brands, products, their images, collections and stock.
-- Row security is on from the first line and no policy exists yet: everything stays closed until 0005_policies.sql.

comment on schema public is 'Shop
An e-commerce backend: browse the catalogue, fill a cart, place orders, write reviews.';

create type product_status as enum ('draft', 'published', 'archived');

create domain country_code as text check (char_length(value) = 2 and value = upper(value));

create table categories (
  id bigint generated always as identity primary key,
  parent_id bigint references categories (id) on delete restrict,
  slug text not null unique,
  name text not null,
  description text not null default '',
  position integer not null default 0,
  constraint categories_not_own_parent check (parent_id <> id)
);

create index categories_parent_id_idx on categories (parent_id);
alter table categories enable row level security;

comment on table categories is 'Departments and the categories within them
A department has no parent; a category has its department as parent.';
comment on column categories.slug is 'Name in URLs, such as coffee-and-tea';
comment on column categories.position is 'Order among the categories of one department';

create table brands (
  id bigint generated always as identity primary key,
  slug text not null unique,
  name text not null unique,
  country country_code not null,
  website text,
  story text not null default ''
);

alter table brands enable row level security;

comment on table brands is 'Makers of the products';
comment on column brands.country is 'Country of origin, ISO 3166-1 alpha-2';

create table products (
  id bigint generated always as identity primary key,
  brand_id bigint not null references brands (id) on delete restrict,
  category_id bigint not null references categories (id) on delete restrict,
  sku text not null unique,
  slug text not null unique,
  name text not null check (char_length(name) between 1 and 200),
  description text not null default '',
  price numeric(10, 2) not null check (price > 0),
  compare_at_price numeric(10, 2) check (compare_at_price > 0),
  currency text not null default 'EUR' check (currency in ('EUR', 'GBP', 'USD')),
  attributes jsonb not null default '{}',
  tags text[] not null default '{}',
  weight_grams integer not null default 0 check (weight_grams >= 0),
  status product_status not null default 'draft',
  on_sale boolean generated always as (compare_at_price is not null and compare_at_price > price) stored,
  net_price numeric(10, 2) generated always as (round(price / 1.20, 2)) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index products_brand_id_idx on products (brand_id);
create index products_category_id_idx on products (category_id);
create index products_newest_idx on products (created_at desc) where status = 'published';
create index products_price_idx on products (price) where status = 'published';
alter table products enable row level security;

comment on table products is 'Articles for sale
Visitors see the published ones. Prices include value added tax of 20 %.';
comment on column products.sku is 'Stock keeping unit, printed on the parcel label';
comment on column products.compare_at_price is 'Price before the sale, shown struck through';
comment on column products.attributes is 'Facts that differ by category, such as {"material": "oak", "seats": 4}';
comment on column products.on_sale is 'Whether the price is below compare_at_price';
comment on column products.net_price is 'Price without value added tax';

create table product_images (
  id bigint generated always as identity primary key,
  product_id bigint not null references products (id) on delete cascade,
  position integer not null default 1 check (position > 0),
  path text not null,
  alt_text text not null,
  constraint product_images_position_key unique (product_id, position)
);

alter table product_images enable row level security;

comment on table product_images is 'Photographs of products, the first one is the cover';
comment on column product_images.path is 'Object name in the storage bucket product-images';

create table collections (
  id bigint generated always as identity primary key,
  slug text not null unique,
  name text not null,
  description text not null default '',
  starts_on date,
  ends_on date,
  constraint collections_dates_in_order check (ends_on >= starts_on)
);

alter table collections enable row level security;

comment on table collections is 'Hand-picked selections across categories, such as a summer sale';

create table collection_products (
  collection_id bigint not null references collections (id) on delete cascade,
  product_id bigint not null references products (id) on delete cascade,
  position integer not null default 0,
  primary key (collection_id, product_id)
);

create index collection_products_product_id_idx on collection_products (product_id);
alter table collection_products enable row level security;

comment on table collection_products is 'Which products are in which collection';

create table stock (
  product_id bigint primary key references products (id) on delete cascade,
  quantity integer not null default 0,
  reorder_level integer not null default 5 check (reorder_level >= 0),
  updated_at timestamptz not null default now(),
  constraint stock_not_negative check (quantity >= 0)
);

alter table stock enable row level security;

comment on table stock is 'How many pieces are on the shelf, one row per product
A product without a row here is never out of stock: gift cards, downloads.';
comment on column stock.reorder_level is 'Order more when the quantity falls to this';
