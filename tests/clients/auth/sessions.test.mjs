// How long a session lasts: a time box, and one session of a user at a time.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PASSWORD, client, ok, refused, serve, signedUp } from './harness.mjs'

serve({ more: '[auth.sessions]\ntimebox = "6s"\nsingle_per_user = true' })

describe('sessions', () => {
  test('a newer one supersedes the older at its next refresh', async () => {
    const old = await signedUp()
    const app = client()
    await ok(app.auth.signInWithPassword({ email: old.email, password: PASSWORD }))
    await refused(old.auth.refreshSession(), 400, 'session_expired', /Revoked by Newer Login/)
    await ok(app.auth.refreshSession())
  })
  test('end with their time box', async () => {
    const { auth, session } = await signedUp()
    await ok(auth.refreshSession())
    await new Promise((resolve) => setTimeout(resolve, 7000))
    await refused(auth.refreshSession(), 400, 'session_expired', /Session Expired/)
    await refused(client().auth.refreshSession(session), 400, 'session_expired')
  })
})
