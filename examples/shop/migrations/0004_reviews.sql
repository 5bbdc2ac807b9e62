-- What customers think of the products.

create table reviews (
  id bigint generated always as identity primary key,
  product_id bigint not null references products (id) on delete cascade,
  customer_id uuid not null default auth.uid() references customers (id) on delete cascade,
  author_name text not null check (char_length(author_name) between 1 and 80),
  rating smallint not null,
  title text not null default '',
  body text not null default '' check (char_length(body) <= 5000),
  published boolean not null default true,
  created_at timestamptz not null default now(),
  constraint reviews_rating_range check (rating between 1 and 5),
  constraint reviews_one_per_customer unique (product_id, customer_id)
);

create index reviews_customer_id_idx on reviews (customer_id);
alter table reviews enable row level security;

comment on table reviews is 'Ratings from 1 to 5 stars, one for each customer and product';
comment on column reviews.author_name is 'Name shown beside the review, because customers are not public';
comment on column reviews.published is 'Staff hides a review by setting this to false';

create function average_rating(products) returns numeric
language sql stable
as $$
  select round(avg(r.rating), 2) from reviews r where r.product_id = $1.id and r.published;
$$;

comment on function average_rating is 'Computed field: mean stars of a product, null without reviews';

create function in_stock(products) returns boolean
language sql stable
as $$
  select coalesce((select s.quantity > 0 from stock s where s.product_id = $1.id), true);
$$;

comment on function in_stock is 'Computed field: whether a product can be shipped now';

create function related_products(products) returns setof products
language sql stable
as $$
  select p.*
  from products p
  where p.category_id = $1.category_id and p.id <> $1.id and p.status = 'published'
  order by abs(p.price - $1.price), p.id
  limit 4;
$$;

comment on function related_products is 'Computed relationship: products of the same category at a similar price';
