// E-mail and password without confirmation: sessions from the sign-up to the sign-out, and whose rows one sees.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PASSWORD, claimsOf, client, fresh, mail, ok, refused, serve, signedUp, world } from './harness.mjs'

serve({ auth: 'minimum_password_length = 8' })

describe('sign-up', () => {
  test('gives a session, a user and an identity', async () => {
    const app = client()
    const email = fresh()
    const { user, session } = await ok(app.auth.signUp({ email: ` ${email.toUpperCase()} `, password: PASSWORD, options: { data: { name: 'Ada' } } }))
    assert.deepEqual([session.token_type, session.expires_in, session.user.id], ['bearer', 3600, user.id])
    assert.deepEqual([user.email, user.aud, user.role, user.phone, user.is_anonymous], [email, 'authenticated', 'authenticated', '', false])
    assert.deepEqual(user.app_metadata, { provider: 'email', providers: ['email'] })
    assert.deepEqual({ ...user.user_metadata }, { name: 'Ada', sub: user.id, email, email_verified: true, phone_verified: false })
    assert.ok(user.email_confirmed_at && user.confirmed_at && user.last_sign_in_at && user.created_at.endsWith('Z'))
    assert.equal(user.identities.length, 1)
    const [identity] = user.identities
    assert.deepEqual([identity.provider, identity.id, identity.user_id, identity.email], ['email', user.id, user.id, email])
    assert.deepEqual([identity.identity_data.name, identity.identity_data.email_verified], ['Ada', true])

    const claims = claimsOf(session.access_token)
    const { iss, sub, aud, role, aal, session_id, is_anonymous, amr, exp, iat } = claims
    assert.deepEqual([iss, sub, aud, role, aal, is_anonymous], [world.auth, user.id, 'authenticated', 'authenticated', 'aal1', false])
    assert.deepEqual([claims.email, claims.phone, claims.user_metadata.name, claims.app_metadata.provider], [email, '', 'Ada', 'email'])
    assert.match(session_id, /^[0-9a-f-]{36}$/)
    assert.deepEqual(amr.map((entry) => entry.method), ['password'])
    assert.equal(exp - iat, 3600)
    assert.equal(session.expires_at, exp)
  })
  test('is refused with codes', async () => {
    const { email } = await signedUp()
    const { auth } = client()
    await refused(auth.signUp({ email, password: PASSWORD }), 422, 'user_already_exists', /User already registered/)
    await refused(auth.signUp({ email: 'nobody', password: PASSWORD }), 400, 'validation_failed', /invalid format/)
    await refused(auth.signUp({ email: fresh(), password: '' }), 400, 'validation_failed', /valid password/)
    await refused(auth.signUp({ email: fresh(), password: 'a'.repeat(73) }), 400, 'validation_failed', /72/)
    const weak = await refused(auth.signUp({ email: fresh(), password: 'short' }), 422, 'weak_password', /at least 8 characters/)
    assert.deepEqual([weak.name, weak.reasons], ['AuthWeakPasswordError', ['length']])
    await refused(auth.signUp({ phone: '+4915112345678', password: PASSWORD }), 400, 'phone_provider_disabled')
    await refused(auth.signInAnonymously(), 422, 'anonymous_provider_disabled')
  })
})

describe('sign-in', () => {
  test('works with the right password only', async () => {
    const { email, user } = await signedUp()
    const { auth } = client()
    await refused(auth.signInWithPassword({ email, password: 'wrong password' }), 400, 'invalid_credentials', /^Invalid login credentials$/)
    await refused(auth.signInWithPassword({ email: fresh(), password: PASSWORD }), 400, 'invalid_credentials', /^Invalid login credentials$/)
    await refused(auth.signInWithPassword({ email: '', password: PASSWORD }), 400, 'validation_failed', /missing email or phone/)
    const data = await ok(auth.signInWithPassword({ email: email.toUpperCase(), password: PASSWORD }))
    assert.equal(data.user.id, user.id)
    assert.equal(data.weakPassword, undefined)
  })
  test('the client is told what happens', async () => {
    const app = await signedUp()
    await ok(app.auth.refreshSession())
    await ok(app.auth.updateUser({ data: { colour: 'blue', name: null } }))
    await app.auth.signOut()
    assert.deepEqual(app.events, ['INITIAL_SESSION', 'SIGNED_IN', 'TOKEN_REFRESHED', 'USER_UPDATED', 'SIGNED_OUT'])
    assert.equal((await app.auth.getSession()).data.session, null)
  })
  test('settings, health and unknown paths answer', async () => {
    const settings = await (await fetch(`${world.auth}/settings`)).json()
    assert.deepEqual([settings.external.email, settings.external.phone, settings.disable_signup, settings.mailer_autoconfirm], [true, false, false, true])
    assert.equal((await (await fetch(`${world.auth}/health`)).json()).name, 'GoTrue')
    assert.equal((await fetch(`${world.auth}/nowhere`)).status, 404)
  })
})

describe('a session', () => {
  test('is refreshed, and keeps its id', async () => {
    const { auth, session } = await signedUp()
    const { session: next } = await ok(auth.refreshSession())
    assert.notEqual(next.refresh_token, session.refresh_token)
    const [a, b] = [session, next].map((one) => claimsOf(one.access_token))
    assert.equal(a.session_id, b.session_id)
    assert.deepEqual(b.amr, a.amr)
    await refused(client().auth.refreshSession({ refresh_token: 'unknown' }), 400, 'refresh_token_not_found', /Refresh Token Not Found/)
  })
  test('is taken over by setSession, expired or not', async () => {
    const { session, user } = await signedUp()
    const { access_token, refresh_token } = session
    const app = client()
    const taken = await ok(app.auth.setSession({ access_token, refresh_token }))
    assert.equal(taken.user.id, user.id)
    assert.deepEqual(app.events.filter((event) => event !== 'INITIAL_SESSION'), ['SIGNED_IN'])
    const [head, , signature] = access_token.split('.')
    const old = Buffer.from(JSON.stringify({ ...claimsOf(access_token), exp: 1000 })).toString('base64url')
    const renewed = await ok(client().auth.setSession({ access_token: `${head}.${old}.${signature}`, refresh_token }))
    assert.equal(renewed.user.id, user.id)
  })
  test('proves who one is', async () => {
    const { auth, session, user } = await signedUp()
    assert.equal((await ok(auth.getUser())).user.id, user.id)
    const { claims, header } = await ok(auth.getClaims())
    assert.deepEqual([claims.sub, header.alg], [user.id, 'HS256'])
    const forged = `${session.access_token.slice(0, -4)}AAAA`
    await refused(auth.getUser(forged), 403, 'bad_jwt')
  })
  test('ends: here, elsewhere, everywhere', async () => {
    const here = await signedUp()
    const { email } = here
    const there = client()
    await ok(there.auth.signInWithPassword({ email, password: PASSWORD }))

    await ok(here.auth.signOut({ scope: 'others' }).then(({ error }) => ({ data: 1, error })))
    assert.ok((await here.auth.getUser()).data.user)
    const gone = await there.auth.getUser()
    assert.equal(gone.error.name, 'AuthSessionMissingError')
    await ok(there.auth.signInWithPassword({ email, password: PASSWORD }))

    await here.auth.signOut({ scope: 'local' })
    assert.equal((await here.auth.getSession()).data.session, null)
    assert.ok((await there.auth.getUser()).data.user)
    const { session } = await ok(here.auth.signInWithPassword({ email, password: PASSWORD }))

    const kept = (await there.auth.getSession()).data.session
    await there.auth.signOut()
    await refused(client().auth.refreshSession(session), 400, 'refresh_token_not_found')
    await refused(client().auth.refreshSession(kept), 400, 'refresh_token_not_found')
  })
})

describe('a new password', () => {
  test('works, ends other sessions, and is not the old one', async () => {
    const { auth, email } = await signedUp()
    const other = client()
    await ok(other.auth.signInWithPassword({ email, password: PASSWORD }))
    await refused(auth.updateUser({ password: PASSWORD }), 422, 'same_password', /should be different/)
    await refused(auth.updateUser({ password: 'short' }), 422, 'weak_password')
    await ok(auth.updateUser({ password: 'Another-horse-8' }))
    assert.ok((await auth.getUser()).data.user)
    assert.equal((await other.auth.getUser()).error.name, 'AuthSessionMissingError')
    await refused(client().auth.signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
    await ok(client().auth.signInWithPassword({ email, password: 'Another-horse-8' }))
  })
  test('metadata is laid over, null deletes, the application’s own stays', async () => {
    const { auth } = await signedUp()
    await ok(auth.updateUser({ data: { colour: 'blue', size: 1 } }))
    const { user } = await ok(auth.updateUser({ data: { colour: null, shape: { round: true } } }))
    const { colour, size, shape } = user.user_metadata
    assert.deepEqual([colour, size, shape], [undefined, 1, { round: true }])
    await refused(auth.updateUser({ app_metadata: { admin: true } }), 403, 'not_admin')
  })
  test('an address is recovered: the client is told, the new password holds', async () => {
    const { email } = await signedUp()
    const app = client({ flowType: 'pkce' })
    await ok(app.auth.resetPasswordForEmail(email, { redirectTo: 'http://127.0.0.1:3000/reset' }))
    const { link } = await mail(email, 'recovery')
    const home = await fetch(link, { redirect: 'manual' }).then((response) => new URL(response.headers.get('location')))
    assert.equal(home.pathname, '/reset')
    await ok(app.auth.exchangeCodeForSession(home.searchParams.get('code')))
    assert.ok(app.events.includes('PASSWORD_RECOVERY'), app.events.join())
    await ok(app.auth.updateUser({ password: 'Recovered-horse-9' }))
    await ok(client().auth.signInWithPassword({ email, password: 'Recovered-horse-9' }))
    await ok(app.auth.resetPasswordForEmail(fresh()))
  })
})

describe('rows', () => {
  test('are seen by whom policies say', async () => {
    const [ada, bob] = [await signedUp(), await signedUp()]
    const [note] = await ok(ada.client.from('notes').insert({ body: 'mine' }).select())
    assert.equal(note.owner, ada.user.id)
    assert.deepEqual(await ok(ada.client.from('notes').select('body')), [{ body: 'mine' }])
    assert.deepEqual(await ok(bob.client.from('notes').select()), [])
    assert.equal((await bob.client.from('notes').insert({ body: 'forged', owner: ada.user.id })).error.code, '42501')
    assert.deepEqual(await ok(client().client.from('notes').select()), [])
    await ada.auth.signOut()
    assert.deepEqual(await ok(ada.client.from('notes').select()), [])
    await ok(ada.auth.signInWithPassword({ email: ada.email, password: PASSWORD }))
    assert.equal((await ok(ada.client.from('notes').select())).length, 1)
  })
  test('go with their user, by a foreign key', async () => {
    const { client: app, user } = await signedUp()
    await ok(app.from('notes').insert({ body: 'to be lost' }))
    await ok(world.admin.auth.admin.deleteUser(user.id))
    assert.deepEqual(await ok(world.admin.from('notes').select().eq('owner', user.id)), [])
    const { error } = await world.admin.from('notes').insert({ owner: user.id, body: 'nobody’s' })
    assert.equal(error.code, '23503')
  })
})
