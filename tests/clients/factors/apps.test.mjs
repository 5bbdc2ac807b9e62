// Authenticator apps through the published client.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'
import { anonKey, serviceKey, start } from '../server.mjs'

const credentials = { email: 'ada@example.com', password: 'Correct-horse-7' }
let server

before(async () => {
  server = await start()
})
after(() => server?.stop())

const client = (key = anonKey) =>
  createClient(server.url, key, { auth: { autoRefreshToken: false, persistSession: false }, realtime: { transport: ws } })

// What an app shows for a secret in Base32, `steps` time steps from now.
function code(secret, steps = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps))
  const digest = createHmac('sha1', key).update(step).digest()
  const number = digest.readUInt32BE(digest[19] & 0xf) & 0x7fffffff
  return String(number % 1000000).padStart(6, '0')
}
const ok = ({ data, error }) => {
  assert.equal(error, null)
  return data
}
const level = async (app) => ok(await app.auth.mfa.getAuthenticatorAssuranceLevel())

test('enrol, verify, sign in with the second factor, unenrol', async () => {
  const app = client()
  ok(await app.auth.signUp(credentials))
  const factor = ok(await app.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }))
  assert.match(factor.totp.qr_code, /^data:image\/svg\+xml;utf-8,<svg[^#]*<\/svg>/)
  assert.deepEqual(ok(await app.auth.mfa.listFactors()).totp, [], 'it is not verified yet')
  const wrong = await app.auth.mfa.challengeAndVerify({ factorId: factor.id, code: 'abcdef' })
  assert.equal(wrong.error.code, 'mfa_verification_failed')
  ok(await app.auth.mfa.challengeAndVerify({ factorId: factor.id, code: code(factor.totp.secret) }))
  assert.deepEqual((({ currentLevel, nextLevel }) => [currentLevel, nextLevel])(await level(app)), ['aal2', 'aal2'])

  const again = client()
  ok(await again.auth.signInWithPassword(credentials))
  const before = await level(again)
  assert.deepEqual([before.currentLevel, before.nextLevel], ['aal1', 'aal2'])
  const held = await again.auth.updateUser({ password: 'Another-horse-8' })
  assert.equal(held.error.code, 'insufficient_aal')
  const { totp } = ok(await again.auth.mfa.listFactors())
  assert.equal(totp[0].friendly_name, 'phone')
  const challenge = ok(await again.auth.mfa.challenge({ factorId: totp[0].id }))
  const verified = { factorId: totp[0].id, challengeId: challenge.id, code: code(factor.totp.secret, 1) }
  ok(await again.auth.mfa.verify(verified))
  const after = await level(again)
  assert.equal(after.currentLevel, 'aal2')
  assert.deepEqual(after.currentAuthenticationMethods.map(({ method }) => method), ['totp', 'password'])
  ok(await again.auth.refreshSession())
  assert.equal((await level(again)).currentLevel, 'aal2')

  ok(await again.auth.mfa.unenroll({ factorId: totp[0].id }))
  ok(await again.auth.refreshSession())
  const last = await level(again)
  assert.deepEqual([last.currentLevel, last.nextLevel], ['aal1', 'aal1'])
})

test('an administrator sees and removes factors', async () => {
  const app = client()
  const { user } = ok(await app.auth.signUp({ ...credentials, email: 'grace@example.com' }))
  const factor = ok(await app.auth.mfa.enroll({ factorType: 'totp' }))
  const admin = client(serviceKey)
  const { factors } = ok(await admin.auth.admin.mfa.listFactors({ userId: user.id }))
  assert.deepEqual(factors.map(({ id, status }) => [id, status]), [[factor.id, 'unverified']])
  ok(await admin.auth.admin.mfa.deleteFactor({ userId: user.id, id: factor.id }))
  assert.deepEqual(ok(await admin.auth.admin.mfa.listFactors({ userId: user.id })).factors, [])
})
