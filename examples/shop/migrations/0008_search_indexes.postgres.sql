-- Inverted indexes, which PostgreSQL alone has. The .postgres in the file's name keeps it from the embedded engine.

create index products_search_idx on products using gin (to_tsvector('english', name || ' ' || description));
create index products_tags_idx on products using gin (tags);
create index products_attributes_idx on products using gin (attributes jsonb_path_ops);
