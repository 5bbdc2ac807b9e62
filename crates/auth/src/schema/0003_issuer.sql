-- The project as an OAuth 2.1 and OpenID provider for its own services.

create table auth.oauth_clients (
  id uuid primary key,
  client_secret_hash text,
  registration_type text not null,
  client_type text not null,
  token_endpoint_auth_method text not null,
  redirect_uris text not null,
  grant_types text not null,
  client_name text,
  client_uri text,
  logo_uri text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz
);

create table auth.oauth_authorizations (
  id uuid primary key,
  client_id uuid not null references auth.oauth_clients (id) on delete cascade,
  user_id uuid references auth.users (id) on delete cascade,
  redirect_uri text not null,
  scope text not null,
  state text,
  nonce text,
  code_challenge text not null,
  code_challenge_method text not null,
  authorization_code text unique,
  status text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index oauth_authorizations_expires_at_idx on auth.oauth_authorizations (expires_at);

create table auth.oauth_consents (
  id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  client_id uuid not null references auth.oauth_clients (id) on delete cascade,
  scopes text not null,
  granted_at timestamptz not null,
  unique (user_id, client_id)
);

alter table auth.sessions add column oauth_client_id uuid references auth.oauth_clients (id) on delete cascade;
alter table auth.sessions add column scopes text;

alter table auth.oauth_clients enable row level security;
alter table auth.oauth_authorizations enable row level security;
alter table auth.oauth_consents enable row level security;
