// Users without an address, and what they become.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PASSWORD, claimsOf, client, fresh, mail, ok, open, refused, serve, world } from './harness.mjs'

serve({ auth: 'enable_anonymous_sign_ins = true', email: 'enable_confirmations = true' })

describe('an anonymous user', () => {
  test('has a session and rows of their own', async () => {
    const { auth, client: app } = client()
    const { user, session } = await ok(auth.signInAnonymously({ options: { data: { theme: 'dark' } } }))
    assert.deepEqual([user.is_anonymous, user.email, user.phone, user.identities], [true, '', '', []])
    assert.deepEqual([user.app_metadata, user.user_metadata], [{}, { theme: 'dark' }])
    const { is_anonymous, amr, role } = claimsOf(session.access_token)
    assert.deepEqual([is_anonymous, amr[0].method, role], [true, 'anonymous', 'authenticated'])
    assert.equal((await ok(app.from('notes').insert({ body: 'draft' }).select())).length, 1)
    assert.ok((await ok(auth.refreshSession())).user.is_anonymous)
  })
  test('keeps their rows when they become permanent: address first, then a password', async () => {
    const { auth, client: app } = client()
    const { user } = await ok(auth.signInAnonymously())
    await ok(app.from('notes').insert({ body: 'kept' }))
    await refused(auth.updateUser({ password: PASSWORD }), 422, 'validation_failed')
    const email = fresh()
    const pending = await ok(auth.updateUser({ email }))
    assert.deepEqual([pending.user.new_email, pending.user.is_anonymous], [email, true])
    await open((await mail(email, 'email_change')).link)
    const { user: now, session } = await ok(auth.refreshSession())
    assert.deepEqual([now.id, now.email, now.is_anonymous], [user.id, email, false])
    assert.equal(claimsOf(session.access_token).is_anonymous, false)
    assert.deepEqual(now.app_metadata, { provider: 'email', providers: ['email'] })
    assert.deepEqual(now.identities.map((identity) => identity.provider), ['email'])
    await ok(auth.updateUser({ password: PASSWORD }))
    const back = client()
    await ok(back.auth.signInWithPassword({ email, password: PASSWORD }))
    assert.deepEqual(await ok(back.client.from('notes').select('body')), [{ body: 'kept' }])
  })
  test('by the code of the mail', async () => {
    const { auth } = client()
    await ok(auth.signInAnonymously())
    const email = fresh()
    await ok(auth.updateUser({ email }))
    const { user } = await ok(auth.verifyOtp({ email, token: (await mail(email, 'email_change')).token, type: 'email_change' }))
    assert.deepEqual([user.email, user.is_anonymous], [email, false])
  })
  test('may be deleted', async () => {
    const { auth } = client()
    const { user } = await ok(auth.signInAnonymously())
    await ok(world.admin.auth.admin.deleteUser(user.id))
    await refused(auth.getUser(), 403, 'user_not_found')
    await refused(auth.refreshSession(), 400, 'refresh_token_not_found')
  })
})
