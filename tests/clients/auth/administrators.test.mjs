// What the service key may do.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PASSWORD, SITE, client, fresh, freshPhone, fragment, land, mails, ok, open, refused, serve, signedUp, world } from './harness.mjs'

serve()

const admin = () => world.admin.auth.admin

describe('users', () => {
  test('are created as told, without a mail', async () => {
    const [email, phone, id] = [fresh(), freshPhone(), crypto.randomUUID()]
    const { user } = await ok(
      admin().createUser({
        id, email, phone, password: PASSWORD, email_confirm: true, user_metadata: { name: 'Ada' }, app_metadata: { plan: 'pro' },
      }),
    )
    assert.deepEqual([user.id, user.email, user.phone, user.user_metadata.name, user.app_metadata.plan], [id, email, phone, 'Ada', 'pro'])
    assert.deepEqual(user.app_metadata.providers, ['email', 'phone'])
    assert.deepEqual([!!user.email_confirmed_at, user.phone_confirmed_at], [true, undefined])
    assert.deepEqual(await mails(email), [])
    await ok(client().auth.signInWithPassword({ email, password: PASSWORD }))
    assert.equal((await ok(admin().getUserById(id))).user.email, email)

    await refused(admin().createUser({ email }), 422, 'email_exists')
    await refused(admin().createUser({ phone }), 422, 'phone_exists')
    await refused(admin().createUser({}), 400, 'validation_failed', /without either an email or phone/)
    await refused(admin().createUser({ email: fresh(), id: 'x' }), 400, 'validation_failed')
    await refused(admin().createUser({ email: fresh(), password: PASSWORD, password_hash: '$2b$10$x' }), 400, 'validation_failed')
  })
  test('an unconfirmed one can’t sign in', async () => {
    const email = fresh()
    await ok(admin().createUser({ email, password: PASSWORD }))
    await refused(client().auth.signInWithPassword({ email, password: PASSWORD }), 400, 'email_not_confirmed')
  })
  test('come with their hashes from elsewhere', async () => {
    const email = fresh()
    // bcrypt of "correct horse", cost 4
    const password_hash = '$2b$04$C6eDsTceEIIZVEr53ASzqerZj5ryiiB2wDb31t5aAM3KwWoDCd1yy'
    await ok(admin().createUser({ email, password_hash, email_confirm: true }))
    await refused(client().auth.signInWithPassword({ email, password: 'correct mule' }), 400, 'invalid_credentials')
    // The first sign-in replaces the hash, the second reads its successor.
    await ok(client().auth.signInWithPassword({ email, password: 'correct horse' }))
    await ok(client().auth.signInWithPassword({ email, password: 'correct horse' }))
    await refused(admin().createUser({ email: fresh(), password_hash: 'md5:abc' }), 400, 'validation_failed')
  })
  test('are listed by pages, newest first', async () => {
    const made = []
    for (let n = 0; n < 5; n++) made.push((await ok(admin().createUser({ email: fresh() }))).user.id)
    const first = await ok(admin().listUsers({ page: 1, perPage: 2 }))
    assert.deepEqual(first.users.map((user) => user.id), made.slice(3).reverse())
    assert.ok(first.total >= 5)
    assert.deepEqual([first.nextPage, first.lastPage, first.aud], [2, Math.ceil(first.total / 2), 'authenticated'])
    const second = await ok(admin().listUsers({ page: 2, perPage: 2 }))
    assert.deepEqual(second.users.map((user) => user.id), made.slice(1, 3).reverse())
    const last = await ok(admin().listUsers({ page: first.lastPage, perPage: 2 }))
    assert.equal(last.nextPage, null)
    const all = await ok(admin().listUsers())
    assert.equal(all.users.length, Math.min(50, all.total))
  })
  test('are changed', async () => {
    const { user, email } = await signedUp()
    const other = fresh()
    const { user: now } = await ok(
      admin().updateUserById(user.id, {
        email: other, password: 'Another-horse-8', email_confirm: true, user_metadata: { a: 1 }, app_metadata: { role: 'editor' }, role: 'authenticated',
      }),
    )
    assert.deepEqual([now.email, now.user_metadata.a, now.app_metadata.role, now.new_email], [other, 1, 'editor', undefined])
    await ok(client().auth.signInWithPassword({ email: other, password: 'Another-horse-8' }))
    await refused(client().auth.signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
    await refused(admin().updateUserById(user.id, { password: 'x' }), 422, 'weak_password')
    await refused(admin().updateUserById(crypto.randomUUID(), { email: fresh() }), 404, 'user_not_found')
  })
  test('are banned for a time, and let in again', async () => {
    const app = await signedUp()
    const { user } = await ok(admin().updateUserById(app.user.id, { ban_duration: '24h' }))
    assert.ok(Date.parse(user.banned_until) > Date.now())
    await refused(client().auth.signInWithPassword({ email: app.email, password: PASSWORD }), 400, 'user_banned', /banned/)
    await refused(app.auth.getUser(), 403, 'user_banned')
    await refused(client().auth.refreshSession(app.session), 400, 'user_banned')
    await refused(admin().updateUserById(app.user.id, { ban_duration: 'long' }), 400, 'validation_failed')
    assert.equal((await ok(admin().updateUserById(app.user.id, { ban_duration: 'none' }))).user.banned_until, undefined)
    await ok(client().auth.signInWithPassword({ email: app.email, password: PASSWORD }))
  })
  test('are deleted, softly or not at all softly', async () => {
    const [hard, soft] = [await signedUp(), await signedUp()]
    await ok(soft.client.from('notes').insert({ body: 'stays' }))
    await ok(admin().deleteUser(hard.user.id))
    await ok(admin().deleteUser(soft.user.id, true))
    await refused(admin().getUserById(hard.user.id), 404, 'user_not_found')
    const left = (await ok(admin().getUserById(soft.user.id))).user
    assert.ok(left.deleted_at && !JSON.stringify(left).includes(soft.email))
    for (const { email } of [hard, soft]) {
      await refused(client().auth.signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
    }
    await refused(soft.auth.refreshSession(), 400, 'refresh_token_not_found')
    assert.equal((await ok(world.admin.from('notes').select().eq('owner', soft.user.id))).length, 1)
    await ok(client().auth.signUp({ email: hard.email, password: PASSWORD }))
    await refused(admin().deleteUser(hard.user.id), 404, 'user_not_found')
    await world.admin.from('notes').delete().eq('owner', soft.user.id)
    await ok(admin().deleteUser(soft.user.id))
    await refused(admin().getUserById(soft.user.id), 404, 'user_not_found')
  })
  test('are signed out by their token', async () => {
    const { auth, session } = await signedUp()
    assert.equal((await admin().signOut(session.access_token)).error, null)
    assert.equal((await auth.getUser()).error.name, 'AuthSessionMissingError')
  })
  test('nobody else may do any of it', async () => {
    const { client: app, user } = await signedUp()
    for (const auth of [client().auth, app.auth]) {
      await refused(auth.admin.listUsers(), 403, 'not_admin', /User not allowed/)
      await refused(auth.admin.getUserById(user.id), 403, 'not_admin')
      await refused(auth.admin.createUser({ email: fresh() }), 403, 'not_admin')
      await refused(auth.admin.deleteUser(user.id), 403, 'not_admin')
      await refused(auth.admin.generateLink({ type: 'magiclink', email: user.email }), 403, 'not_admin')
    }
  })
})

describe('links', () => {
  const redirectTo = `${SITE}/linked`
  const link = (type, email, more = {}) => ok(admin().generateLink({ type, email, options: { redirectTo }, ...more }))

  test('of a sign-up, an invitation, a magic link and a recovery sign in', async () => {
    for (const [type, more] of [['signup', { password: PASSWORD }], ['invite'], ['magiclink'], ['recovery']]) {
      const email = fresh()
      if (type === 'magiclink' || type === 'recovery') await ok(admin().createUser({ email, email_confirm: true }))
      const { properties, user } = await link(type, email, more)
      assert.deepEqual([user.email, properties.verification_type, properties.redirect_to], [email, type, redirectTo])
      assert.match(properties.email_otp, /^\d{6}$/)
      assert.equal(new URL(properties.action_link).searchParams.get('token'), properties.hashed_token)
      assert.deepEqual(await mails(email), [])
      const session = await land(client({ flowType: 'implicit' }), properties.action_link)
      assert.deepEqual([session.user.id, session.type], [user.id, type])
    }
  })
  test('by the code and the hash too', async () => {
    const { email, user } = await signedUp()
    const byHash = (await link('magiclink', email)).properties
    assert.equal((await ok(client().auth.verifyOtp({ token_hash: byHash.hashed_token, type: 'email' }))).user.id, user.id)
    const byCode = (await link('recovery', email)).properties
    assert.equal((await ok(client().auth.verifyOtp({ email, token: byCode.email_otp, type: 'recovery' }))).user.id, user.id)
  })
  test('of a change of address, both halves', async () => {
    const { email } = await signedUp()
    const newEmail = fresh()
    const current = (await link('email_change_current', email, { newEmail })).properties
    const next = (await link('email_change_new', email, { newEmail })).properties
    assert.deepEqual([current.verification_type, next.verification_type], ['email_change_current', 'email_change_new'])
    assert.match(fragment(await open(current.action_link)).message, /other email/)
    const session = await land(client({ flowType: 'implicit' }), next.action_link)
    assert.equal(session.user.email, newEmail)
  })
  test('are refused for whom they make no sense', async () => {
    const { email } = await signedUp()
    await refused(admin().generateLink({ type: 'signup', email, password: PASSWORD }), 422, 'email_exists')
    await refused(admin().generateLink({ type: 'invite', email }), 422, 'email_exists')
    await refused(admin().generateLink({ type: 'recovery', email: fresh() }), 404, 'user_not_found')
    const asSignup = await link('magiclink', fresh())
    assert.equal(asSignup.properties.verification_type, 'signup')
    await refused(admin().generateLink({ type: 'other', email }), 400, 'validation_failed')
  })
})
