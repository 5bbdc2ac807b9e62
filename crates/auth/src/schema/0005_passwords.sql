-- Which kinds of hashes there are is asked at each sign-in with a password.

create index users_encrypted_password_idx on auth.users (encrypted_password collate "C");
