-- Which address of a user's somebody proved: who reads its mail or messages, a provider that verified it, an administrator. An address may be usable
-- without that (`email_confirmed_at` while confirmations are off); accounts are joined, and what others left there dies, by the proven one. It is the
-- address itself that stands here: another one in its place, whoever put it there, is not proven.

alter table auth.users add column proven_email text;
alter table auth.users add column proven_phone text;

-- Whether the token is that of the very sign-up whose password, or identity, waits for it.
alter table auth.one_time_tokens add column of_sign_up boolean not null default false;

-- Users of before: proven is what was confirmed after a mail, what only mails ever signed in, and what the provider of the first sign-in verified.
update auth.users set proven_email = email where email_confirmed_at is not null and (
  email_confirmed_at >= confirmation_sent_at
  or (coalesce(encrypted_password, '') = '' and last_sign_in_at >= recovery_sent_at)
  or id in (select i.user_id from auth.identities i where i.user_id = users.id and i.email = users.email
    and i.provider <> 'email' and i.provider = users.raw_app_meta_data ->> 'provider' and i.identity_data ->> 'email_verified' = 'true'));
update auth.users set proven_phone = phone where phone_confirmed_at >= confirmation_sent_at;
