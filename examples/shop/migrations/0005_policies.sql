-- Who may do what, in one place.
--
-- Tables of the schema public are granted to anon and authenticated by default, and row security is on: a request
-- sees and changes only the rows that a policy gives it. Grants are narrowed where a role has no business at all.
-- Policies write (select auth.uid()) so that it is computed once for a statement, not once for a row.

revoke all on customers, addresses, carts, cart_items, orders, order_items, coupons, staff, stock_movements from anon;
revoke insert, update, delete on categories, brands, products, product_images, collections, collection_products, stock,
  reviews from anon;

-- The catalogue is public as far as it is published.

create policy "Anyone browses categories" on categories for select to anon, authenticated using (true);
create policy "Anyone browses brands" on brands for select to anon, authenticated using (true);
create policy "Anyone browses collections" on collections for select to anon, authenticated using (true);
create policy "Anyone browses collected products" on collection_products
  for select to anon, authenticated using (true);

create policy "Anyone browses published products" on products
  for select to anon, authenticated using (status = 'published');

create policy "Anyone sees images of published products" on product_images
  for select to anon, authenticated
  using (exists (select 1 from products p where p.id = product_images.product_id and p.status = 'published'));

create policy "Anyone sees stock of published products" on stock
  for select to anon, authenticated
  using (exists (select 1 from products p where p.id = stock.product_id and p.status = 'published'));

-- Customers see and change what is theirs.

create policy "Customers see themselves" on customers
  for select to authenticated using (id = (select auth.uid()));
create policy "Customers sign up" on customers
  for insert to authenticated with check (id = (select auth.uid()));
create policy "Customers change themselves" on customers
  for update to authenticated using (id = (select auth.uid())) with check (id = (select auth.uid()));

-- Column privileges: loyalty points are the shop's to give, and coupon codes are not to be tried out by hand.
revoke insert, update on customers from authenticated;
grant insert (id, email, first_name, last_name, phone, marketing_opt_in) on customers to authenticated;
grant update (email, first_name, last_name, phone, marketing_opt_in) on customers to authenticated;
revoke insert, update on carts from authenticated;
grant insert (customer_id), update (updated_at) on carts to authenticated;

create policy "Customers manage their addresses" on addresses
  for all to authenticated using (customer_id = (select auth.uid())) with check (customer_id = (select auth.uid()));

create policy "Customers manage their cart" on carts
  for all to authenticated using (customer_id = (select auth.uid())) with check (customer_id = (select auth.uid()));

create policy "Customers manage their cart items" on cart_items
  for all to authenticated
  using (customer_id = (select auth.uid()))
  with check (
    customer_id = (select auth.uid())
    and exists (select 1 from products p where p.id = cart_items.product_id and p.status = 'published')
  );

create policy "Customers see their orders" on orders
  for select to authenticated using (customer_id = (select auth.uid()));

create policy "Customers see their order items" on order_items
  for select to authenticated
  using (exists (
    select 1 from orders o where o.id = order_items.order_id and o.customer_id = (select auth.uid())
  ));

-- Reviews: public once published, written by buyers only, hidden by staff only.

create policy "Anyone reads published reviews" on reviews for select to anon, authenticated using (published);
create policy "Customers read their reviews" on reviews
  for select to authenticated using (customer_id = (select auth.uid()));
create policy "Customers write reviews" on reviews
  for insert to authenticated with check (customer_id = (select auth.uid()) and published);
create policy "Customers change their published reviews" on reviews
  for update to authenticated
  using (customer_id = (select auth.uid()) and published)
  with check (customer_id = (select auth.uid()) and published);
create policy "Customers delete their reviews" on reviews
  for delete to authenticated using (customer_id = (select auth.uid()));

-- Restrictive: holds in addition to the policies above.
create policy "Only buyers review" on reviews
  as restrictive for insert to authenticated
  with check (
    (select is_staff())
    or exists (
      select 1
      from order_items i
      join orders o on o.id = i.order_id
      where i.product_id = reviews.product_id
        and o.customer_id = (select auth.uid())
        and o.status <> 'cancelled'
    )
  );

-- A review stays with the product, the name and the day that it was written for and on.
revoke insert, update on reviews from authenticated;
grant insert (product_id, author_name, rating, title, body) on reviews to authenticated;
grant update (rating, title, body, published) on reviews to authenticated;

-- Staff sees and manages everything.

create policy "Staff sees itself" on staff for select to authenticated using (user_id = (select auth.uid()));
create policy "Staff sees colleagues" on staff for select to authenticated using ((select is_staff()));

create policy "Staff manages categories" on categories
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages brands" on brands
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages products" on products
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages images" on product_images
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages collections" on collections
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages collected products" on collection_products
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages stock" on stock
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages stock movements" on stock_movements
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages coupons" on coupons
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages customers" on customers
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages addresses" on addresses
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages carts" on carts
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages cart items" on cart_items
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages orders" on orders
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages order items" on order_items
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
create policy "Staff manages reviews" on reviews
  for all to authenticated using ((select is_staff())) with check ((select is_staff()));
