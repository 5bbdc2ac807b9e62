insert into authors (id, name, born, mood, links, tags) values
  (1, 'Ursula', '1929-10-21', 'happy', '{"site": "https://u.example", "follows": {"count": 20}}', '{sf,fantasy}'),
  (2, 'Stanislaw', '1921-09-12', 'ok', '{"site": "https://s.example"}', '{sf}'),
  (3, 'Octavia', '1947-06-22', 'sad', '{}', '{}');
insert into books (id, title, author_id, editor_id, price, pages, published_at, in_print, isbn) values
  (1, 'The Dispossessed', 1, 2, 12.50, 387, '1974-05-01T00:00:00Z', true, 'a'),
  (2, 'The Lathe of Heaven', 1, null, 9.99, 184, '1971-03-01T12:30:00.5Z', false, 'b'),
  (3, 'Solaris', 2, 1, 8.00, 204, '1961-01-01T00:00:00+02:00', true, 'c'),
  (4, 'Kindred', 3, null, null, null, null, true, 'd');
select setval('books_id_seq', 100);
insert into loans values
  (1, 1, '[2024-01-01,2024-01-15)', '[1,10]'),
  (2, 1, '[2024-01-15,2024-03-01)', null),
  (3, 2, '[2024-04-01,)', '[20,30)');
insert into genres values (1, 'utopia'), (2, 'space'), (3, 'history');
insert into book_genres values (1, 1), (1, 2), (3, 2), (4, 3);
insert into shop.stock values (1, 5), (2, 0);

-- So that planners know how many rows there are.
analyze;
