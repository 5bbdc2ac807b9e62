-- Passkeys of a table of GoTrue's that was set aside, in the JSON that its factors have: `webauthn/gotrue.rs` reads both.
insert into auth.webauthn_credentials (id, user_id, credential_id, credential, friendly_name, created_at, updated_at, last_used_at)
select b.id, b.user_id, rtrim(translate(encode(b.credential_id, 'base64'), '+/' || chr(10), '-_'), '='),
    jsonb_build_object(
      'id', translate(encode(b.credential_id, 'base64'), chr(10), ''),
      'publicKey', translate(encode(b.public_key, 'base64'), chr(10), ''),
      'userId', b.user_id,
      'flags', jsonb_build_object(
        'backupEligible', coalesce((to_jsonb(b) ->> 'backup_eligible')::boolean, false),
        'backupState', coalesce((to_jsonb(b) ->> 'backed_up')::boolean, false)),
      'authenticator', jsonb_build_object('signCount', coalesce((to_jsonb(b) ->> 'sign_count')::bigint, 0))),
    nullif(b.friendly_name, ''), b.created_at, b.updated_at, b.last_used_at
  from auth_before.webauthn_credentials b
