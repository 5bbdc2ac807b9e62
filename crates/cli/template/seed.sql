-- Rows for a new development database. `basalt db reset` starts over with them.

insert into messages (author, body, hidden) values
  ('Ada', 'Hello from the first visitor!', false),
  ('Grace', 'A row policy keeps hidden messages out of every answer.', false),
  ('Linus', 'Only the service key shows this one.', true);
