// Sign-in by identity providers through supabase-js: what an application sees from leaving to coming back.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { APP, browse, client, fragment, fresh, leave, query, serve, signIn, world } from './harness.mjs'
import { idToken } from './tokens.mjs'

serve()

let ids = 1000
const githubUser = (email, more = {}) => ({
  id: ++ids,
  login: 'octocat',
  name: 'The Octocat',
  emails: [
    { email: `old-${email}`, primary: false, verified: true },
    { email, primary: true, verified: true },
  ],
  ...more,
})
const acmeUser = (email, more = {}) => {
  const sub = `acme-${++ids}`
  world.openid.accounts.set(sub, { name: 'Ada Lovelace', email, email_verified: true, ...more })
  return { sub, options: { queryParams: { login_hint: sub } } }
}

describe('an OpenID provider', () => {
  test('PKCE: a code comes back and becomes a session', async () => {
    const app = client()
    const email = fresh()
    const { sub, options } = acmeUser(email.toUpperCase(), { picture: 'https://img.example/a.png' })
    const redirectTo = `${APP}/welcome?next=%2Fcart`
    const { home, trail } = await browse(await leave(app, 'acme', { ...options, redirectTo, scopes: 'offline_access' }))
    assert.equal(home.origin + home.pathname, `${APP}/welcome`)
    assert.deepEqual(Object.keys(query(home)), ['next', 'code'])
    assert.equal(home.hash, '')
    const asked = new URL(trail[1]).searchParams
    assert.equal(asked.get('scope'), 'openid email profile offline_access')
    assert.equal(asked.get('redirect_uri'), world.callback)
    assert.equal(asked.get('code_challenge_method'), 'S256')
    assert.match(asked.get('state'), /^[0-9a-f-]{36}$/)

    const { data, error } = await app.auth.exchangeCodeForSession(query(home).code)
    assert.equal(error, null)
    const { user, session } = data
    assert.ok(session.provider_token)
    assert.equal(user.email, email)
    assert.ok(user.email_confirmed_at)
    assert.deepEqual(user.app_metadata, { provider: 'acme', providers: ['acme'] })
    const known = {
      iss: world.openid.url, sub, name: 'Ada Lovelace', full_name: 'Ada Lovelace', picture: 'https://img.example/a.png',
      avatar_url: 'https://img.example/a.png', email, email_verified: true, phone_verified: false, provider_id: sub,
    }
    assert.deepEqual({ ...user.user_metadata }, known)
    assert.equal(user.identities.length, 1)
    const [identity] = user.identities
    assert.deepEqual({ ...identity.identity_data }, known)
    assert.equal(identity.provider, 'acme')
    assert.equal(identity.id, sub)
    assert.equal(identity.email, email)
    const claims = JSON.parse(Buffer.from(session.access_token.split('.')[1], 'base64url'))
    assert.equal(claims.amr[0].method, 'oauth')
    assert.equal(claims.app_metadata.provider, 'acme')
    const { data: me } = await app.auth.getUser()
    assert.equal(me.user.id, user.id)
    assert.equal((await app.auth.refreshSession()).error, null)
  })

  test('implicit: a session comes back', async () => {
    const app = client(undefined, 'implicit')
    const email = fresh()
    const { home } = await browse(await leave(app, 'acme', acmeUser(email).options))
    assert.equal(home.origin, APP)
    assert.equal(home.search, '')
    const parts = fragment(home)
    assert.deepEqual(Object.keys(parts), [
      'access_token', 'expires_at', 'expires_in', 'provider_token', 'refresh_token', 'sb', 'token_type',
    ])
    assert.equal(parts.token_type, 'bearer')
    const { data, error } = await app.auth.setSession(parts)
    assert.equal(error, null)
    assert.equal(data.user.email, email)
  })

  test('who comes again is the same user, with what the provider says now', async () => {
    const email = fresh()
    const { sub, options } = acmeUser(email)
    const first = await signIn(client(), 'acme', options)
    world.openid.accounts.set(sub, { name: 'Ada King', email: fresh(), email_verified: true })
    const second = await signIn(client(), 'acme', options)
    assert.equal(second.user.id, first.user.id)
    assert.equal(second.user.email, email)
    assert.equal(second.user.user_metadata.name, 'Ada King')
    assert.equal(second.user.identities.length, 1)
    assert.notEqual(second.session.access_token, first.session.access_token)
  })

  test('a refusal at the provider comes back as an error', async () => {
    const { home } = await browse(await leave(client(), 'acme', { queryParams: { login_hint: 'nobody' } }))
    const told = { error: 'access_denied', error_description: 'End-User aborted interaction' }
    assert.deepEqual(query(home), told)
    assert.deepEqual(fragment(home), { ...told, sb: '' })
  })

  test('an id_token from elsewhere signs in', async () => {
    const app = client()
    const email = fresh()
    const { sub } = acmeUser(email)
    const token = await idToken(sub, { nonce: 'n-1' })
    const { data, error } = await app.auth.signInWithIdToken({ provider: 'acme', token, nonce: 'n-1' })
    assert.equal(error, null)
    assert.equal(data.user.email, email)
    const again = await signIn(client(), 'acme', { queryParams: { login_hint: sub } })
    assert.equal(again.user.id, data.user.id)
  })
})

describe('GitHub', () => {
  test('the primary verified address counts, not the public one', async () => {
    const email = fresh()
    world.github.user = githubUser(email)
    const { user, session } = await signIn(client(), 'github', { scopes: 'repo gist' })
    assert.equal(user.email, email)
    assert.equal(session.provider_refresh_token, `refresh-${session.provider_token}`)
    const { scope, code_challenge_method } = world.github.asked.at(-1)
    assert.deepEqual([scope, code_challenge_method], ['user:email repo gist', 'S256'])
    const { iss, sub, user_name, preferred_username, avatar_url } = user.user_metadata
    assert.deepEqual(
      [iss, sub, user_name, preferred_username, avatar_url],
      [`${world.github.url}/api/v3`, String(world.github.user.id), 'octocat', 'octocat', 'https://avatars.example/1'],
    )
  })

  test('a denied consent comes back as an error', async () => {
    world.github.refuse = 'access_denied'
    const { home } = await browse(await leave(client(), 'github'))
    world.github.refuse = undefined
    assert.equal(query(home).error, 'access_denied')
    assert.equal(query(home).error_description, 'The user has denied your application access.')
  })
})

describe('Discord', () => {
  test('a verified address', async () => {
    const email = fresh()
    world.discord.user = { id: String(++ids), username: 'nelly', global_name: 'Nelly', email, verified: true }
    const { user } = await signIn(client(), 'discord')
    assert.equal(user.email, email)
    assert.equal(user.user_metadata.name, 'nelly#0')
    assert.deepEqual({ ...user.user_metadata.custom_claims }, { global_name: 'Nelly' })
    assert.equal(user.user_metadata.avatar_url, `https://cdn.discordapp.com/avatars/${world.discord.user.id}/a_1f.png`)
  })
})

describe('Apple', () => {
  test('posts its answer, and tells the name once', async () => {
    const email = fresh()
    world.apple.accounts.set('001.ada', { email, email_verified: true, is_private_email: true })
    const options = { queryParams: { login_hint: '001.ada' }, scopes: 'openid' }
    const name = JSON.stringify({ name: { firstName: 'Ada', lastName: 'Lovelace' }, email: 'not@hers.example' })
    const app = client()
    const { home, trail } = await browse(await leave(app, 'apple', options), { user: name })
    const asked = new URL(trail[1]).searchParams
    assert.deepEqual([asked.get('response_mode'), asked.get('scope')], ['form_post', 'name email openid'])
    const { data, error } = await app.auth.exchangeCodeForSession(query(home).code)
    assert.equal(error, null)
    assert.equal(data.user.email, email)
    assert.equal(data.user.user_metadata.full_name, 'Ada Lovelace')
    assert.deepEqual({ ...data.user.user_metadata.custom_claims }, { is_private_email: true })
    const again = client()
    const { home: later } = await browse(await leave(again, 'apple', options))
    const { data: second } = await again.auth.exchangeCodeForSession(query(later).code)
    assert.equal(second.user.id, data.user.id)
    assert.equal(second.user.user_metadata.full_name, 'Ada Lovelace')
    assert.equal(second.user.identities[0].identity_data.full_name, 'Ada Lovelace')
  })
})

describe('linking', () => {
  test('a verified address joins the accounts', async () => {
    const email = fresh()
    const { user: first } = await signIn(client(), 'acme', acmeUser(email).options)
    world.github.user = githubUser(email)
    const { user } = await signIn(client(), 'github')
    assert.equal(user.id, first.id)
    assert.deepEqual(user.identities.map(({ provider }) => provider).sort(), ['acme', 'github'])
    assert.deepEqual(user.app_metadata, { provider: 'acme', providers: ['acme', 'github'] })
  })

  test('by hand: linked, listed, unlinked', async () => {
    const app = client()
    const email = fresh()
    const { user } = await signIn(app, 'acme', acmeUser(email).options)
    world.github.user = githubUser(fresh())
    const { data, error } = await app.auth.linkIdentity({ provider: 'github', options: { skipBrowserRedirect: true } })
    assert.equal(error, null)
    const { home } = await browse(data.url)
    const { data: linked, error: failed } = await app.auth.exchangeCodeForSession(query(home).code)
    assert.equal(failed, null)
    assert.equal(linked.user.id, user.id)
    assert.equal(linked.user.email, email)

    const { data: listed } = await app.auth.getUserIdentities()
    assert.deepEqual(listed.identities.map(({ provider }) => provider), ['acme', 'github'])
    assert.equal((await signIn(client(), 'github')).user.id, user.id)

    assert.equal((await app.auth.unlinkIdentity(listed.identities[1])).error, null)
    const { data: after } = await app.auth.getUser()
    assert.deepEqual(after.user.identities.map(({ provider }) => provider), ['acme'])
    assert.deepEqual(after.user.app_metadata.providers, ['acme'])
    const last = await app.auth.unlinkIdentity(after.user.identities[0])
    assert.equal(last.error.code, 'single_identity_not_deletable')
    const unknown = await app.auth.unlinkIdentity({ identity_id: '6a1f0a52-93c1-4d1e-8f0e-0d5ed8f7a111' })
    assert.equal(unknown.error.code, 'identity_not_found')
    const bad = await app.auth.unlinkIdentity({ identity_id: 'x' })
    assert.deepEqual([bad.error.status, bad.error.code], [404, 'validation_failed'])
  })

  test('what is linked already is not linked again', async () => {
    const app = client()
    await signIn(app, 'acme', acmeUser(fresh()).options)
    world.github.user = githubUser(fresh())
    await signIn(client(), 'github')
    const { data } = await app.auth.linkIdentity({ provider: 'github', options: { skipBrowserRedirect: true } })
    const { home } = await browse(data.url)
    const { error, error_code, error_description } = query(home)
    assert.deepEqual([error, error_code], ['server_error', 'identity_already_exists'])
    assert.equal(error_description, 'Identity is already linked to another user')
  })

  test('an id_token links too', async () => {
    const app = client()
    world.github.user = githubUser(fresh())
    const { user } = await signIn(app, 'github')
    const { sub } = acmeUser(fresh())
    const { data, error } = await app.auth.linkIdentity({ provider: 'acme', token: await idToken(sub) })
    assert.equal(error, null)
    assert.equal(data.user.id, user.id)
    assert.deepEqual(data.user.identities.map(({ provider }) => provider), ['github', 'acme'])
  })

  test('an anonymous user becomes a known one', async () => {
    const app = client()
    const { data: anonymous, error } = await app.auth.signInAnonymously()
    assert.equal(error, null)
    const email = fresh()
    const { data } = await app.auth.linkIdentity({ provider: 'acme', options: { skipBrowserRedirect: true, ...acmeUser(email).options } })
    const { home } = await browse(data.url)
    const { data: known, error: failed } = await app.auth.exchangeCodeForSession(query(home).code)
    assert.equal(failed, null)
    assert.deepEqual([known.user.id, known.user.email, known.user.is_anonymous], [anonymous.user.id, email, false])
  })
})
