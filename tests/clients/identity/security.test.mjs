// What must not work: other people's codes, states, tokens and addresses, and redirects to anywhere else.
import assert from 'node:assert/strict'
import { createHmac, createSign, generateKeyPairSync, randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { anonKey, serviceKey } from '../server.mjs'
import { APP, browse, client, fragment, fresh, leave, query, serve, signIn, world } from './harness.mjs'
import { openid } from './providers.mjs'
import { idToken } from './tokens.mjs'

serve('[auth.email]\nenable_confirmations = true\n')

const json = { 'content-type': 'application/json', apikey: anonKey, 'x-supabase-api-version': '2024-01-01' }
let ids = 5000
const acmeUser = (email, more = {}) => {
  const sub = `acme-${++ids}`
  world.openid.accounts.set(sub, { name: 'Ada', email, email_verified: true, ...more })
  return { sub, options: { queryParams: { login_hint: sub } } }
}
const discordUser = (email, verified) => {
  world.discord.user = { id: String(++ids), username: 'eve', email, verified }
}
// Where the browser is sent by a callback that nobody followed.
const callback = async (parameters, init) => {
  const response = await fetch(`${world.callback}?${new URLSearchParams(parameters)}`, { redirect: 'manual', ...init })
  assert.equal(response.status, 302)
  return new URL(response.headers.get('location'))
}
// The callback's URL with which a provider sends the browser back, not yet opened.
const returning = async (provider, options) => {
  let url = await leave(client(), provider, options)
  for (let step = 0; step < 2; step++) {
    url = (await fetch(url, { redirect: 'manual' })).headers.get('location')
  }
  assert.ok(url.startsWith(world.callback), url)
  return url
}
const follow = async (url) => new URL((await fetch(url, { redirect: 'manual' })).headers.get('location'))

describe('redirects', () => {
  const evil = [
    'https://evil.example',
    'https://evil.example/http://127.0.0.1:3000',
    `${APP}@evil.example/`,
    `${APP}.evil.example/`,
    'http://127.0.0.1:3000\\@evil.example/',
    'http:\\\\evil.example',
    'http://127.0.0.1:3000%2F@evil.example/',
    'https://127.0.0.1:3000/',
    '//evil.example/',
    '///evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    'java\tscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'https://x.preview.example@evil.example/',
    'https://evil.example/x.preview.example/',
    'https://evil.example?x.preview.example/',
    'https://evil.example#x.preview.example/',
    'https://a.b.preview.example.evil.example/',
    'https://evilpreview.example/',
    'https://x.preview.example.:443@evil.example/',
    'https://evil.example\r\nLocation: https://evil.example',
    'http://127.0.0.1.evil.example:3000/',
    'http://127.1@evil.example:3000/',
    'myapp://callback.evil',
    'myapp://callbackevil',
    'MYAPP://evil',
    ' https://evil.example',
    'https:evil.example',
    'http://[::ffff:127.0.0.1]:3000/',
  ]
  test('lead home, whatever was asked for', async () => {
    for (const redirectTo of evil) {
      discordUser(fresh(), true)
      const { home } = await browse(await leave(client(), 'discord', { redirectTo }))
      assert.equal(home.origin, APP, redirectTo)
      assert.ok(home.searchParams.get('code'), redirectTo)
    }
  })
  test('lead where the project allows', async () => {
    for (const redirectTo of [`${APP}/a?b=c`, 'https://pr-1.preview.example/a/b', 'myapp://callback', 'http://127.0.0.1:5173/x']) {
      discordUser(fresh(), true)
      const { home } = await browse(await leave(client(), 'discord', { redirectTo }))
      assert.ok(home.href.startsWith(redirectTo.split('?')[0]), home.href)
    }
  })
  test('of failures obey the same rule', async () => {
    world.github.refuse = 'access_denied'
    const { home } = await browse(await leave(client(), 'github', { redirectTo: 'https://evil.example/' }))
    world.github.refuse = undefined
    assert.equal(home.origin, APP)
    assert.equal(query(home).error, 'access_denied')
  })
  test('ignore the headers of hosts and referrers that are not ours', async () => {
    discordUser(fresh(), true)
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', referer: 'https://evil.example/' }
    const response = await fetch(await leave(client(), 'discord'), { redirect: 'manual', headers })
    const to = new URL(response.headers.get('location'))
    assert.equal(to.searchParams.get('redirect_uri'), world.callback)
    assert.equal((await browse(to.href)).home.origin, APP)
  })
})

describe('a state', () => {
  test('is good once', async () => {
    discordUser(fresh(), true)
    const url = await returning('discord')
    assert.ok(query(await follow(url)).code)
    const again = query(await follow(url))
    assert.equal(again.error, 'invalid_request')
    assert.equal(again.error_code, 'flow_state_already_used')
  })
  test('serves one of many browsers that bring it at once', async () => {
    discordUser(fresh(), true)
    const url = await returning('discord')
    const homes = await Promise.all(Array.from({ length: 8 }, () => follow(url)))
    assert.equal(homes.filter((home) => query(home).code).length, 1)
  })
  test('is needed, known and of the right kind', async () => {
    assert.equal(query(await callback({ code: 'x' })).error_code, 'bad_oauth_callback')
    for (const state of ['x', randomUUID(), '00000000-0000-0000-0000-000000000000', "' or true --"]) {
      const home = await callback({ code: 'x', state })
      assert.deepEqual([home.origin, query(home).error_code, fragment(home).error_code], [APP, 'bad_oauth_state', 'bad_oauth_state'])
    }
  })
  test('does not carry the code of another flow', async () => {
    discordUser(fresh(), true)
    const [mine, victims] = [new URL(await returning('discord')), new URL(await returning('discord'))]
    // The attacker's code in the victim's flow: PKCE towards the provider does not fit.
    victims.searchParams.set('code', mine.searchParams.get('code'))
    const home = await follow(victims.href)
    assert.equal(query(home).code, undefined)
    assert.equal(query(home).error, 'server_error')
    assert.equal(query(home).error_description, 'Unable to exchange external code')
  })
  test('asks the provider that it was made for', async () => {
    discordUser(fresh(), true)
    const discords = new URL(await returning('discord'))
    world.github.user = { id: ++ids, login: 'eve', emails: [{ email: fresh(), primary: true, verified: true }] }
    const githubs = new URL(await returning('github'))
    githubs.searchParams.set('code', discords.searchParams.get('code'))
    githubs.searchParams.set('provider', 'discord')
    assert.equal(query(await follow(githubs.href)).error, 'server_error')
  })
})

describe('an answer', () => {
  test('of another issuer than the one that was asked is not taken', async () => {
    const url = await leave(client(), 'acme', acmeUser(fresh()).options)
    const { searchParams } = new URL((await fetch(url, { redirect: 'manual' })).headers.get('location'))
    const home = await callback({ state: searchParams.get('state'), code: 'x', iss: 'https://evil.example' })
    assert.equal(query(home).error_code, 'bad_oauth_callback')
  })
  test('may be posted, and is clipped', async () => {
    const { searchParams } = new URL((await fetch(await leave(client(), 'acme'), { redirect: 'manual' })).headers.get('location'))
    const form = new URLSearchParams({ state: searchParams.get('state'), error: 'x'.repeat(9999), error_description: 'y'.repeat(9999) })
    const home = await callback({}, { method: 'POST', body: form })
    assert.deepEqual(query(home), { error: 'x'.repeat(64), error_description: 'y'.repeat(512) })
  })
})

describe('a code', () => {
  test('needs its verifier, and is good once', async () => {
    discordUser(fresh(), true)
    const app = client()
    const { home } = await browse(await leave(app, 'discord'))
    const { code } = query(home)
    const exchange = (verifier) =>
      fetch(`${world.auth}/token?grant_type=pkce`, {
        method: 'POST', headers: json, body: JSON.stringify({ auth_code: code, code_verifier: verifier }),
      }).then((response) => response.json())
    assert.equal((await exchange('x'.repeat(56))).code, 'bad_code_verifier')
    assert.equal((await app.auth.exchangeCodeForSession(code)).error, null)
    assert.equal((await exchange('x'.repeat(56))).code, 'flow_state_not_found')
  })
  test('is no state, and a state is no code', async () => {
    discordUser(fresh(), true)
    const url = new URL(await returning('discord'))
    const app = client()
    await leave(app, 'discord')
    const { error } = await app.auth.exchangeCodeForSession(url.searchParams.get('state'))
    assert.equal(error.code, 'flow_state_not_found')
    const { code } = query(await follow(url.href))
    assert.equal(query(await callback({ state: code, code: 'x' })).error_code, 'bad_oauth_state')
  })
})

describe('an id_token', () => {
  const signIn = async (token, more = {}) => {
    const body = JSON.stringify({ provider: 'acme', id_token: token, ...more })
    const response = await fetch(`${world.auth}/token?grant_type=id_token`, { method: 'POST', headers: json, body })
    return { status: response.status, ...(await response.json()) }
  }
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = (sub) => ({
    iss: world.openid.url, aud: 'basalt', sub, email: fresh(), email_verified: true,
    iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 600,
  })

  test('of another audience or issuer, expired, or with another nonce is refused', async () => {
    const { sub } = acmeUser(fresh())
    assert.ok((await signIn(await idToken(sub))).access_token)
    const refused = async (token, description, more) => {
      const answer = await signIn(token, more)
      assert.equal(answer.status, 400)
      assert.match(answer.error_description ?? '', description)
    }
    await refused(await idToken(sub, { clientId: 'stranger' }), /^Unacceptable audience in id_token: \["stranger"\]$/)
    await refused(await idToken(sub, { nonce: 'n' }), /should either both exist or not/)
    await refused(await idToken(sub), /should either both exist or not/, { nonce: 'n' })
    await refused(await idToken(sub, { nonce: 'n' }), /^Nonces mismatch$/, { nonce: 'm' })
    // Another issuer with the very same keys, client and subject.
    const other = await openid(world.callback)
    other.accounts.set(sub, world.openid.accounts.get(sub))
    const token = await idToken(sub, { from: other })
    await other.stop()
    await refused(token, /^Bad ID token$/)
    await refused(await idToken(sub, { expiresIn: -3600 }), /^Bad ID token$/)
    await refused('', /^id_token required$/)
    await refused(await idToken(sub), /^provider or client_id and issuer required$/, { provider: '' })
  })
  test('that is signed by nobody, by a secret or by a stranger is refused', async () => {
    const { sub } = acmeUser(fresh())
    const { kid, ...jwk } = (await (await fetch(`${world.openid.url}/jwks`)).json()).keys[0]
    const body = encode(claims(sub))
    const hmac = (secret) => {
      const message = `${encode({ alg: 'HS256', typ: 'JWT', kid })}.${body}`
      return `${message}.${createHmac('sha256', secret).update(message).digest('base64url')}`
    }
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const message = `${encode({ alg: 'RS256', kid })}.${body}`
    for (const token of [
      `${encode({ alg: 'none' })}.${body}.`,
      `${encode({ alg: 'NONE', kid })}.${body}.`,
      hmac(JSON.stringify(jwk)),
      hmac(jwk.n),
      hmac('a secret of %40 & more'),
      hmac('super-secret-jwt-token-with-at-least-32-characters-long'),
      `${message}.${createSign('RSA-SHA256').update(message).sign(privateKey).toString('base64url')}`,
      anonKey,
      'x.y.z',
    ]) {
      const answer = await signIn(token)
      assert.deepEqual([answer.status, answer.error_description], [400, 'Bad ID token'], token)
    }
  })
  test('of a provider that is off, unknown or without such tokens is refused', async () => {
    const { sub } = acmeUser(fresh())
    const token = await idToken(sub)
    for (const provider of ['gitlab', 'google', 'github', 'email', '__proto__']) {
      const answer = await signIn(token, { provider })
      assert.deepEqual([answer.status, answer.code], [400, 'provider_disabled'], provider)
    }
    const named = { provider: '', client_id: 'basalt', issuer: world.openid.url }
    assert.ok((await signIn(token, named)).access_token)
    assert.equal((await signIn(token, { ...named, client_id: 'stranger' })).code, 'provider_disabled')
    assert.equal((await signIn(token, { ...named, issuer: 'https://evil.example' })).code, 'provider_disabled')
  })
  test('links for the user who is signed in only', async () => {
    const { sub } = acmeUser(fresh())
    const answer = await signIn(await idToken(sub), { link_identity: true })
    assert.equal(answer.code, 'no_authorization')
  })
})

describe('an address that nobody verified', () => {
  const confirmed = async (email, password) => {
    const { data, error } = await world.admin.auth.admin.createUser({ email, password, email_confirm: true })
    assert.equal(error, null)
    return data.user
  }

  test('takes nobody\'s account', async () => {
    const email = fresh()
    const victim = await confirmed(email, 'correct horse battery')
    discordUser(email, false)
    const { home } = await browse(await leave(client(), 'discord'))
    assert.deepEqual([query(home).error, query(home).error_code], ['access_denied', 'provider_email_needs_verification'])
    const { data } = await world.admin.auth.admin.getUserById(victim.id)
    assert.deepEqual(data.user.identities.map(({ provider }) => provider), ['email'])
  })
  test('is told alike whether or not somebody has it, the first time and again', async () => {
    const [taken, free] = [fresh(), fresh()]
    await confirmed(taken, 'correct horse battery')
    const told = []
    for (const email of [taken, free]) {
      discordUser(email, false)
      for (let time = 0; time < 2; time++) told.push(query((await browse(await leave(client(), 'discord'))).home))
    }
    assert.equal(told[0].error_code, 'provider_email_needs_verification')
    for (const other of told) assert.deepEqual(other, told[0])
  })
  test('becomes a user once a mail is answered', async () => {
    const email = fresh()
    discordUser(email, false)
    await browse(await leave(client(), 'discord'))
    const { data } = await world.admin.auth.admin.listUsers({ perPage: 200 })
    const user = data.users.find((user) => user.email === email)
    assert.equal(user.email_confirmed_at, undefined)
    await world.admin.auth.admin.updateUserById(user.id, { email_confirm: true })
    assert.equal((await signIn(client(), 'discord')).user.id, user.id)
  })
  test('of somebody who signed up before is worth nothing once the owner comes', async () => {
    const email = fresh()
    const attacker = client()
    const { data, error } = await attacker.auth.signUp({ email, password: 'the attacker knows', options: { data: { role: 'admin' } } })
    assert.equal(error, null)
    const { user } = await signIn(client(), 'acme', acmeUser(email).options)
    assert.equal(user.id, data.user.id)
    assert.equal(user.user_metadata.role, undefined)
    assert.deepEqual(user.identities.map(({ provider }) => provider), ['acme'])
    assert.deepEqual(user.app_metadata, { provider: 'acme', providers: ['acme'] })
    const tried = await attacker.auth.signInWithPassword({ email, password: 'the attacker knows' })
    assert.equal(tried.error.code, 'invalid_credentials')
  })
  test('keeps a confirmed user\'s password when the provider joins', async () => {
    const email = fresh()
    const user = await confirmed(email, 'correct horse battery')
    assert.equal((await signIn(client(), 'acme', acmeUser(email).options)).user.id, user.id)
    const { error } = await client().auth.signInWithPassword({ email, password: 'correct horse battery' })
    assert.equal(error, null)
  })
})

describe('linking by hand', () => {
  test('is done in the browser in which it ends, or not at all', async () => {
    // The attacker begins, and has the victim go through it at the provider.
    const attacker = client()
    await signIn(attacker, 'acme', acmeUser(fresh()).options)
    const { data } = await attacker.auth.linkIdentity({ provider: 'discord', options: { skipBrowserRedirect: true } })
    const email = fresh()
    discordUser(email, true)
    const { home } = await browse(data.url)
    assert.ok(query(home).code)
    const victim = await signIn(client(), 'discord')
    assert.equal(victim.user.email, email)
    // Even with the code there is nothing left to take.
    const { error } = await attacker.auth.exchangeCodeForSession(query(home).code)
    assert.equal(error.code, 'identity_already_exists')
  })
})

describe('the rest', () => {
  test('of many first sign-ins at once all are the same user', async () => {
    discordUser(fresh(), true)
    const users = await Promise.all(Array.from({ length: 8 }, () => signIn(client(), 'discord')))
    assert.equal(new Set(users.map(({ user }) => user.id)).size, 1)
    assert.equal(users.at(-1).user.identities.length, 1)
  })
  test('providers that are off or unknown are named in a 400', async () => {
    for (const provider of ['gitlab', 'nonsense', '', '../x', 'email']) {
      const response = await fetch(`${world.auth}/authorize?${new URLSearchParams({ provider })}`, { redirect: 'manual' })
      assert.equal(response.status, 400, provider)
      assert.match((await response.json()).msg, /^Unsupported provider: /)
    }
  })
  test('a nonce of the caller\'s own is the one that is checked, and has a limit', async () => {
    const { options } = acmeUser(fresh())
    options.queryParams.nonce = 'mine'
    const { home, trail } = await browse(await leave(client(), 'acme', options))
    assert.equal(new URL(trail[1]).searchParams.get('nonce'), 'mine')
    assert.ok(query(home).code)
    const long = new URLSearchParams({ provider: 'acme', nonce: 'x'.repeat(256) })
    assert.equal((await fetch(`${world.auth}/authorize?${long}`, { redirect: 'manual' })).status, 400)
  })
  test('half a PKCE pair is refused', async () => {
    const half = new URLSearchParams({ provider: 'acme', code_challenge: 'x'.repeat(43) })
    const response = await fetch(`${world.auth}/authorize?${half}`, { redirect: 'manual' })
    assert.deepEqual([response.status, (await response.json()).error_code], [400, 'validation_failed'])
  })
  test('banned users stay out', async () => {
    const { options } = acmeUser(fresh())
    const { user } = await signIn(client(), 'acme', options)
    await world.admin.auth.admin.updateUserById(user.id, { ban_duration: '1h' })
    const { home } = await browse(await leave(client(), 'acme', options))
    assert.deepEqual([query(home).error, query(home).error_code], ['access_denied', 'user_banned'])
  })
  test('linking needs the user\'s own token', async () => {
    for (const key of [anonKey, serviceKey, 'nonsense']) {
      const response = await fetch(`${world.auth}/user/identities/authorize?provider=acme&skip_http_redirect=true`, {
        headers: { ...json, authorization: `Bearer ${key}` }, redirect: 'manual',
      })
      assert.ok([401, 403].includes(response.status), key)
    }
  })
  test('another user\'s identity is not unlinked', async () => {
    const { user } = await signIn(client(), 'acme', acmeUser(fresh()).options)
    const app = client()
    await signIn(app, 'acme', acmeUser(fresh()).options)
    const { error } = await app.auth.unlinkIdentity(user.identities[0])
    assert.equal(error.code, 'identity_not_found')
  })
  test('secrets of the server are told to nobody', async () => {
    const { home, trail } = await browse(await leave(client(), 'acme', acmeUser(fresh()).options))
    for (const url of [...trail, home.href]) assert.ok(!url.includes('a%20secret') && !url.includes('a+secret') && !url.includes('verifier'), url)
    const settings = await (await fetch(`${world.auth}/settings`, { headers: json })).json()
    assert.equal(settings.external.github, true)
    assert.equal(settings.external.gitlab, false)
    assert.ok(!JSON.stringify(settings).includes('secret'))
    const { data } = await client().schema('auth').from('flow_state').select()
    assert.equal(data, null)
  })
})
