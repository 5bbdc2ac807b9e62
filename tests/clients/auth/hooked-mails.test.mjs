// Mails that the project's own hook sends: what it is told, signed, and tried again until it has it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PASSWORD, SITE, client, eventually, fragment, fresh, isSigned, mails, ok, open, serve, service, world } from './harness.mjs'

const SECRET = `v1,whsec_${Buffer.from('a secret of the mail hook, 32 byt').toString('base64')}`
let hook
let busy = 0

serve({
  email: 'enable_confirmations = true',
  async prepare() {
    hook = await service(() => (busy-- > 0 ? { status: 503 } : {}))
    return { config: `[auth.hook.send_email]\nenabled = true\nuri = "${hook.url}/mail"\nsecrets = "${SECRET}"\n` }
  },
})

// What the hook was told of a user, once it was.
const told = (email, type) =>
  eventually(() => {
    const requests = hook.requests.map((request) => ({ ...request, json: JSON.parse(request.body) }))
    return requests.findLast(({ json }) => json.user.email === email && json.email_data.email_action_type === type)
  })
// The link that the documented hook makes.
const link = ({ site_url, token_hash, email_action_type, redirect_to }) =>
  `${site_url}/verify?${new URLSearchParams({ token: token_hash, type: email_action_type, redirect_to })}`

describe('the hook', () => {
  test('is told of a sign-up, signed, and its link works', async () => {
    const { auth } = client({ flowType: 'implicit' })
    const email = fresh()
    const emailRedirectTo = `${SITE}/welcome`
    const { user } = await ok(auth.signUp({ email, password: PASSWORD, options: { emailRedirectTo } }))
    const asked = await told(email, 'signup')
    assert.ok(isSigned(asked, SECRET))
    assert.equal(asked.path, '/mail')
    const { email_data } = asked.json
    assert.deepEqual([asked.json.user.id, email_data.redirect_to, email_data.site_url], [user.id, emailRedirectTo, world.auth])
    assert.deepEqual([email_data.token_new, email_data.token_hash_new], ['', ''])
    assert.match(email_data.token, /^\d{6}$/)
    assert.equal(fragment(await open(link(email_data))).type, 'signup')
    assert.deepEqual(await mails(email), [])
  })
  test('is told once of a change of address, of both codes and both hashes', async () => {
    const { auth } = client()
    const [old, email] = [fresh(), fresh()]
    await ok(auth.signUp({ email: old, password: PASSWORD }))
    await ok(auth.verifyOtp({ email: old, token: (await told(old, 'signup')).json.email_data.token, type: 'email' }))
    await ok(auth.updateUser({ email }))
    const { email_data, user } = (await told(old, 'email_change')).json
    assert.equal(user.new_email, email)
    await ok(auth.verifyOtp({ token_hash: email_data.token_hash_new, type: 'email_change' }))
    const changed = await ok(auth.verifyOtp({ email, token: email_data.token_new, type: 'email_change' }))
    assert.equal(changed.user.email, email)
    assert.equal(hook.requests.filter(({ body }) => body.includes(email)).length, 1)

    const again = fresh()
    await ok(auth.updateUser({ email: again }))
    const second = (await told(email, 'email_change')).json.email_data
    await ok(auth.verifyOtp({ email, token: second.token, type: 'email_change' }))
    assert.equal((await ok(auth.verifyOtp({ token_hash: second.token_hash, type: 'email_change' }))).user.email, again)
  })
  test('is asked again when it is busy, with the same id', async () => {
    busy = 1
    const email = fresh()
    await ok(client().auth.signInWithOtp({ email }))
    const attempts = await eventually(() => {
      const all = hook.requests.filter(({ body }) => body.includes(email))
      return all.length === 2 && all
    })
    assert.equal(attempts[0].headers['webhook-id'], attempts[1].headers['webhook-id'])
    assert.ok(attempts.every((attempt) => isSigned(attempt, SECRET)))
  })
  test('is told of every kind of mail by its name', async () => {
    const { auth } = client()
    const email = fresh()
    await ok(world.admin.auth.admin.inviteUserByEmail(email))
    const { token } = (await told(email, 'invite')).json.email_data
    await ok(auth.verifyOtp({ email, token, type: 'invite' }))
    await ok(auth.reauthenticate())
    await told(email, 'reauthentication')
    await ok(auth.resetPasswordForEmail(email))
    await told(email, 'recovery')
    await ok(auth.signInWithOtp({ email }))
    await told(email, 'magiclink')
  })
})
