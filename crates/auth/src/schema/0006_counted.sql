-- What sessions of Supabase's auth service keep of refresh tokens that are no rows.

alter table auth.sessions add column refresh_token_hmac_key text;
alter table auth.sessions add column refresh_token_counter bigint;
