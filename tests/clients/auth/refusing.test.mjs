// A hook that says no, and a captcha service that has to be satisfied first.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PASSWORD, client, fresh, ok, refused, serve, service, world } from './harness.mjs'

let captcha
serve({
  async prepare() {
    captcha = await service(({ body }) => {
      const solved = new URLSearchParams(body).get('response') === 'solved'
      return { json: solved ? { success: true } : { success: false, 'error-codes': ['invalid-input-response'] } }
    })
    return {
      config: `
[auth.captcha]
enabled = true
provider = "turnstile"
secret = "the captcha's secret"
url = "${captcha.url}/siteverify"
[auth.hook.custom_access_token]
enabled = true
uri = "pg-functions://postgres/hooks/nobody"
`,
    }
  },
})

describe('a captcha', () => {
  test('is asked for, and verified at the service', async () => {
    const { auth } = client()
    const email = fresh()
    const password = PASSWORD
    await refused(auth.signUp({ email, password }), 400, 'captcha_failed', /no captcha_token found/)
    await refused(auth.signUp({ email, password, options: { captchaToken: 'guessed' } }), 400, 'captcha_failed', /invalid-input-response/)
    const form = new URLSearchParams(captcha.requests.at(-1).body)
    assert.deepEqual([form.get('secret'), form.get('response'), form.get('remoteip')], ["the captcha's secret", 'guessed', '127.0.0.1'])
    for (const call of [
      auth.signInWithPassword({ email, password }),
      auth.signInWithOtp({ email }),
      auth.resetPasswordForEmail(email),
      auth.resend({ type: 'signup', email }),
    ]) {
      await refused(call, 400, 'captcha_failed')
    }
    await ok(auth.signInWithOtp({ email, options: { captchaToken: 'solved' } }))
    await ok(world.admin.auth.signInWithOtp({ email: fresh() }))
  })
})

describe('a hook', () => {
  test('refuses with its own status and words', async () => {
    const { auth } = client()
    const error = await refused(
      auth.signUp({ email: fresh(), password: PASSWORD, options: { captchaToken: 'solved' } }), 403, 'validation_failed',
    )
    assert.equal(error.message, 'closed for the season')
  })
})
