-- What customers do: fill a cart, order, cancel. Each function is one transaction.

create function add_to_cart(product_id bigint, quantity integer default 1) returns cart_items
language sql volatile set search_path = ''
as $$
  -- Whoever just signed up becomes a customer with the first article.
  insert into public.customers (id, email)
  values (auth.uid(), auth.jwt() ->> 'email')
  on conflict (id) do nothing;

  insert into public.carts (customer_id)
  values (auth.uid())
  on conflict (customer_id) do update set updated_at = now();

  insert into public.cart_items (customer_id, product_id, quantity)
  values (auth.uid(), add_to_cart.product_id, add_to_cart.quantity)
  on conflict (customer_id, product_id) do update set quantity = cart_items.quantity + excluded.quantity
  returning *;
$$;

comment on function add_to_cart is 'Puts pieces of a product into the caller''s cart
Adds to the quantity when the product is already there, and returns the line.';

create function remove_from_cart(product_id bigint) returns cart_items
language sql volatile set search_path = ''
as $$
  delete from public.cart_items
  where cart_items.customer_id = auth.uid() and cart_items.product_id = remove_from_cart.product_id
  returning *;
$$;

comment on function remove_from_cart is 'Takes a product out of the caller''s cart and returns the line, if there was one';

create function cart_total() returns numeric
language sql stable set search_path = ''
as $$
  select coalesce(sum(p.price * ci.quantity), 0)
  from public.cart_items ci
  join public.products p on p.id = ci.product_id
  where ci.customer_id = auth.uid() and p.status = 'published';
$$;

comment on function cart_total is 'Price of what lies in the caller''s cart, before discount and shipping';

-- Runs as its owner, because customers may not read coupons.
create function apply_coupon(code text) returns carts
language sql volatile security definer set search_path = ''
as $$
  update public.carts
  set coupon_code = (
        select c.code
        from public.coupons c
        where c.code = upper(apply_coupon.code)
          and c.valid_from <= current_date
          and (c.valid_until is null or c.valid_until >= current_date)
      ),
      updated_at = now()
  where carts.customer_id = auth.uid()
  returning *;
$$;

comment on function apply_coupon is 'Applies a discount code to the caller''s cart
Returns the cart; its coupon_code is null when the code is not valid (any more).';

-- Runs as its owner, because customers may not write orders and stock. Every statement is held to auth.uid().
--
-- The order is a draft until the last statement, so that each statement finds it. An empty cart fails there on the
-- constraint orders_not_empty, too little stock on stock_not_negative, and a stranger's address is null: nothing remains.
create function place_order(shipping_address_id bigint, billing_address_id bigint default null, note text default null)
returns orders
language sql volatile security definer set search_path = ''
as $$
  insert into public.orders (customer_id, shipping_address_id, billing_address_id, coupon_code, discount_percent, note)
  values (
    auth.uid(),
    (
      select a.id from public.addresses a
      where a.id = place_order.shipping_address_id and a.customer_id = auth.uid()
    ),
    (
      select a.id from public.addresses a
      where a.id = place_order.billing_address_id and a.customer_id = auth.uid()
    ),
    (
      select c.code from public.carts k join public.coupons c on c.code = k.coupon_code
      where k.customer_id = auth.uid() and c.valid_from <= current_date
        and (c.valid_until is null or c.valid_until >= current_date)
    ),
    coalesce((
      select c.percent_off from public.carts k join public.coupons c on c.code = k.coupon_code
      where k.customer_id = auth.uid() and c.valid_from <= current_date
        and (c.valid_until is null or c.valid_until >= current_date)
    ), 0),
    place_order.note
  );

  insert into public.order_items (order_id, product_id, product_name, quantity, unit_price)
  select o.id, p.id, p.name, ci.quantity, p.price
  from public.orders o
  join public.cart_items ci on ci.customer_id = o.customer_id
  join public.products p on p.id = ci.product_id
  where o.customer_id = auth.uid() and o.status = 'draft' and p.status = 'published';

  -- Always in the same order: of two orders over the same articles one waits for the other, and neither for both.
  select s.product_id
  from public.stock s
  where s.product_id in (
    select i.product_id from public.order_items i join public.orders o on o.id = i.order_id
    where o.customer_id = auth.uid() and o.status = 'draft'
  )
  order by s.product_id
  for update;

  update public.stock
  set quantity = stock.quantity - i.quantity, updated_at = now()
  from public.order_items i
  join public.orders o on o.id = i.order_id
  where i.product_id = stock.product_id and o.customer_id = auth.uid() and o.status = 'draft';

  insert into public.stock_movements (product_id, order_id, change, reason)
  select i.product_id, o.id, -i.quantity, 'sale'
  from public.orders o
  join public.order_items i on i.order_id = o.id
  join public.stock s on s.product_id = i.product_id
  where o.customer_id = auth.uid() and o.status = 'draft';

  delete from public.cart_items
  where cart_items.customer_id = auth.uid()
    and cart_items.product_id in (
      select i.product_id from public.order_items i join public.orders o on o.id = i.order_id
      where o.customer_id = auth.uid() and o.status = 'draft'
    );

  update public.carts set coupon_code = null, updated_at = now() where carts.customer_id = auth.uid();

  update public.orders
  set status = 'pending',
      item_count = totals.pieces,
      subtotal = totals.amount,
      shipping_cost = case when totals.amount >= 50 then 0 else 4.95 end
  from (
    select coalesce(sum(i.quantity), 0) as pieces, coalesce(sum(i.line_total), 0) as amount
    from public.order_items i
    join public.orders o on o.id = i.order_id
    where o.customer_id = auth.uid() and o.status = 'draft'
  ) as totals
  where orders.customer_id = auth.uid() and orders.status = 'draft'
  returning orders.*;
$$;

comment on function place_order is 'Turns the caller''s cart into an order, all or nothing
Fails with 23514 when the cart is empty or an article is short, with 23502 when the address is not the caller''s.';

-- Runs as its owner, like place_order(). One statement changes the order and the stock together, so that
-- whoever cancels twice gets the pieces back on the shelf once.
create function cancel_order(order_id bigint) returns orders
language sql volatile security definer set search_path = ''
as $$
  -- Locked in the order of place_order().
  select s.product_id
  from public.stock s
  where s.product_id in (select i.product_id from public.order_items i where i.order_id = cancel_order.order_id)
  order by s.product_id
  for update;

  with cancelled as (
    update public.orders
    set status = 'cancelled', updated_at = now()
    where orders.id = cancel_order.order_id
      and orders.status in ('pending', 'paid')
      and (orders.customer_id = auth.uid() or public.is_staff())
    returning id
  )
  update public.stock
  set quantity = stock.quantity + i.quantity, updated_at = now()
  from public.order_items i
  join cancelled c on c.id = i.order_id
  where i.product_id = stock.product_id;

  insert into public.stock_movements (product_id, order_id, change, reason)
  select i.product_id, o.id, i.quantity, 'return'
  from public.orders o
  join public.order_items i on i.order_id = o.id
  join public.stock s on s.product_id = i.product_id
  where o.id = cancel_order.order_id
    and o.status = 'cancelled'
    and (o.customer_id = auth.uid() or public.is_staff())
  on conflict (order_id, product_id, reason) do nothing;

  select o.*
  from public.orders o
  where o.id = cancel_order.order_id
    and o.status = 'cancelled'
    and (o.customer_id = auth.uid() or public.is_staff());
$$;

comment on function cancel_order is 'Cancels an order that is not packed yet, and puts its pieces back into stock
Returns the cancelled order, or null when it is not the caller''s or too late.';

-- Runs as its caller: the policies let staff alone write stock and its movements.
create function receive_stock(product_id bigint, quantity integer, note text default null) returns stock
language sql volatile set search_path = ''
as $$
  insert into public.stock_movements (product_id, change, reason, note)
  values (receive_stock.product_id, receive_stock.quantity, 'delivery', receive_stock.note);

  update public.stock
  set quantity = stock.quantity + receive_stock.quantity, updated_at = now()
  where stock.product_id = receive_stock.product_id
  returning *;
$$;

comment on function receive_stock is 'Staff books a delivery: adds pieces to the stock of a product';

-- Functions are everyone's by default. These need a signed-in user.
revoke execute on function add_to_cart(bigint, integer) from public, anon;
revoke execute on function remove_from_cart(bigint) from public, anon;
revoke execute on function cart_total() from public, anon;
revoke execute on function apply_coupon(text) from public, anon;
revoke execute on function place_order(bigint, bigint, text) from public, anon;
revoke execute on function cancel_order(bigint) from public, anon;
revoke execute on function receive_stock(bigint, integer, text) from public, anon;
