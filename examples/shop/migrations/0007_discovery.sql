-- Finding products and reading reports: views and functions for the front page, the search box and the back office.

create view product_ratings with (security_invoker = true) as
select
  r.product_id,
  count(*) as review_count,
  round(avg(r.rating), 2) as average_rating,
  count(*) filter (where r.rating = 5) as five_stars,
  count(*) filter (where r.rating = 1) as one_star
from reviews r
where r.published
group by r.product_id;

comment on view product_ratings is 'Number and mean of the published reviews of each reviewed product';

create view order_summaries with (security_invoker = true) as
select
  o.id as order_id,
  o.customer_id,
  trim(c.first_name || ' ' || c.last_name) as customer_name,
  o.status,
  o.placed_at,
  o.item_count,
  o.total,
  o.currency,
  (select string_agg(i.product_name, ', ' order by i.product_name) from order_items i where i.order_id = o.id) as products
from orders o
join customers c on c.id = o.customer_id;

comment on view order_summaries is 'An order in one line
Runs as its caller: customers see their own orders, staff sees all.';

create view low_stock with (security_invoker = true) as
select p.id as product_id, p.sku, p.name, s.quantity, s.reorder_level
from products p
join stock s on s.product_id = p.id
where p.status = 'published' and s.quantity <= s.reorder_level;

comment on view low_stock is 'Products to order again';
revoke all on order_summaries, low_stock from anon;

create function search_products(
  query text,
  category text default null,
  max_price numeric default null,
  only_in_stock boolean default false
)
returns setof products
language sql stable
as $$
  select p.*
  from products p
  join categories c on c.id = p.category_id
  left join categories d on d.id = c.parent_id
  left join stock s on s.product_id = p.id
  where p.status = 'published'
    and to_tsvector('english', p.name || ' ' || p.description) @@ websearch_to_tsquery('english', search_products.query)
    and (search_products.category is null or search_products.category in (c.slug, d.slug))
    and (search_products.max_price is null or p.price <= search_products.max_price)
    and (not search_products.only_in_stock or coalesce(s.quantity, 1) > 0)
  order by (to_tsvector('english', p.name) @@ websearch_to_tsquery('english', search_products.query)) desc, p.id;
$$;

comment on function search_products is 'Searches names and descriptions of products, in the language of a web search box
The category is the slug of a category or a department. Products whose name matches come first.';

-- These two run as their owner, because they count in everybody's orders. They give away sums and public products only.

create function top_sellers(max_results integer default 10, since timestamptz default null)
returns table (product_id bigint, name text, price numeric, units_sold bigint, revenue numeric)
language sql stable security definer set search_path = ''
as $$
  select p.id, p.name, p.price, sum(i.quantity), sum(i.line_total)
  from public.products p
  join public.order_items i on i.product_id = p.id
  join public.orders o on o.id = i.order_id
  where p.status = 'published'
    and o.status not in ('draft', 'cancelled')
    and (top_sellers.since is null or o.placed_at >= top_sellers.since)
  group by p.id, p.name, p.price
  order by sum(i.quantity) desc, p.id
  limit top_sellers.max_results;
$$;

comment on function top_sellers is 'Published products by pieces sold, most first';

create function recommended_products(product_id bigint, max_results integer default 5) returns setof products
language sql stable security definer set search_path = ''
as $$
  select p.*
  from public.products p
  join (
    select other.product_id, count(*) as times
    from public.order_items this
    join public.order_items other on other.order_id = this.order_id and other.product_id <> this.product_id
    where this.product_id = recommended_products.product_id
    group by other.product_id
  ) as together on together.product_id = p.id
  where p.status = 'published'
  order by together.times desc, p.id
  limit recommended_products.max_results;
$$;

comment on function recommended_products is 'Published products that were bought together with this one, most often first';
