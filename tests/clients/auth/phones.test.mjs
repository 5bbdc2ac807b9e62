// Codes by text message: fixed ones of the configuration, and sent ones through a hook on loopback.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PASSWORD, claimsOf, client, freshPhone, isSigned, ok, refused, serve, service } from './harness.mjs'

const SECRET = `v1,whsec_${Buffer.from('a secret of the sms hook, 32 byte').toString('base64')}`
const [FIXED, LOST] = ['4915100000001', '4915100000002']
let sender

serve({
  email: 'enable_confirmations = true',
  async prepare() {
    sender = await service(({ body }) =>
      JSON.parse(body).sms.phone === LOST ? { json: { error: { http_code: 500, message: 'no credit' } } } : {},
    )
    return {
      config: `
[auth.sms]
enable_signup = true
max_frequency = "0s"
template = "{{ .Code }} is your code"
[auth.sms.test_otp]
${FIXED} = "123456"
[auth.hook.send_sms]
enabled = true
uri = "${sender.url}/sms"
secrets = "${SECRET}"
`,
    }
  },
})

const sent = (phone) => {
  const { sms } = sender.latest()
  assert.equal(sms.phone, phone)
  return sms.otp
}

describe('by phone', () => {
  test('the hook is asked, signed', async () => {
    const { auth } = client()
    const phone = freshPhone()
    await ok(auth.signInWithOtp({ phone: `+${phone}`, options: { data: { name: 'Ada' } } }))
    const asked = sender.requests.at(-1)
    assert.equal(asked.path, '/sms')
    assert.ok(isSigned(asked, SECRET))
    assert.ok(!isSigned({ ...asked, body: `${asked.body} ` }, SECRET))
    const { user, sms } = sender.latest()
    assert.deepEqual([user.phone, sms.phone], [phone, phone])
    assert.match(sms.otp, /^\d{6}$/)
    const { session, ...rest } = await ok(auth.verifyOtp({ phone: `+${phone}`, token: sms.otp, type: 'sms' }))
    assert.deepEqual([rest.user.id, rest.user.phone, rest.user.email], [user.id, phone, ''])
    assert.ok(rest.user.phone_confirmed_at)
    assert.deepEqual(rest.user.app_metadata, { provider: 'phone', providers: ['phone'] })
    const { amr, phone: told } = claimsOf(session.access_token)
    assert.deepEqual([amr.map((entry) => entry.method), told], [['otp'], phone])
    await refused(auth.verifyOtp({ phone, token: sms.otp, type: 'sms' }), 403, 'otp_expired')
  })
  test('a fixed code, which nobody sends', async () => {
    const { auth } = client()
    const before = sender.requests.length
    await ok(auth.signInWithOtp({ phone: `+${FIXED}` }))
    assert.equal(sender.requests.length, before)
    await refused(auth.verifyOtp({ phone: FIXED, token: '654321', type: 'sms' }), 403, 'otp_expired')
    await ok(auth.verifyOtp({ phone: FIXED, token: '123456', type: 'sms' }))
  })
  test('sign-up and sign-in with a password', async () => {
    const { auth } = client()
    const phone = freshPhone()
    const made = await ok(auth.signUp({ phone, password: PASSWORD }))
    assert.equal(made.session, null)
    await refused(auth.signInWithPassword({ phone, password: PASSWORD }), 400, 'phone_not_confirmed', /Phone not confirmed/)
    await ok(auth.resend({ type: 'sms', phone }))
    await ok(auth.verifyOtp({ phone, token: sent(phone), type: 'sms' }))
    assert.equal((await ok(client().auth.signInWithPassword({ phone: `+${phone}`, password: PASSWORD }))).user.id, made.user.id)
    await refused(client().auth.signInWithPassword({ phone, password: 'wrong password' }), 400, 'invalid_credentials')
  })
  test('is refused with codes', async () => {
    const { auth } = client()
    await refused(auth.signInWithOtp({ phone: '0151' }), 400, 'validation_failed', /E\.164/)
    await refused(auth.signInWithOtp({ phone: freshPhone(), options: { shouldCreateUser: false } }), 422, 'otp_disabled')
    await refused(auth.signInWithOtp({ phone: LOST }), 422, 'sms_send_failed')
    const pkce = client({ flowType: 'pkce' })
    const phone = freshPhone()
    await ok(pkce.auth.signInWithOtp({ phone }))
    await ok(pkce.auth.verifyOtp({ phone, token: sent(phone), type: 'sms' }))
  })
  test('a number is changed when its code is known', async () => {
    const { auth } = client()
    const [old, phone] = [freshPhone(), freshPhone()]
    await ok(auth.signInWithOtp({ phone: old }))
    await ok(auth.verifyOtp({ phone: old, token: sent(old), type: 'sms' }))
    const { user } = await ok(auth.updateUser({ phone }))
    assert.deepEqual([user.phone, user.new_phone], [old, phone])
    const first = sent(phone)
    await ok(auth.resend({ type: 'phone_change', phone: old }))
    const token = sent(phone)
    if (first !== token) await refused(auth.verifyOtp({ phone, token: first, type: 'phone_change' }), 403, 'otp_expired')
    const changed = await ok(auth.verifyOtp({ phone, token, type: 'phone_change' }))
    assert.deepEqual([changed.user.phone, changed.user.new_phone], [phone, undefined])
    const [identity] = changed.user.identities
    assert.equal(identity.identity_data.phone, phone)
    await refused(client().auth.signInWithOtp({ phone: old, options: { shouldCreateUser: false } }), 422, 'otp_disabled')
  })
  test('a nonce by text, for who has no address', async () => {
    const { auth } = client()
    const phone = freshPhone()
    await ok(auth.signInWithOtp({ phone }))
    await ok(auth.verifyOtp({ phone, token: sent(phone), type: 'sms' }))
    await ok(auth.reauthenticate())
    await ok(auth.updateUser({ password: PASSWORD, nonce: sent(phone) }))
    await ok(client().auth.signInWithPassword({ phone, password: PASSWORD }))
  })
})
