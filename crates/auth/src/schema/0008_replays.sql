-- The session that a service's code gave: it ends if the code is brought once more.

alter table auth.oauth_authorizations add column session_id uuid;
