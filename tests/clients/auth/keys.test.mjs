// Tokens signed with keys of the project's own, which others verify by the published set, beside API keys that are no tokens.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { claimsOf, client, ok, serve, signedUp, world } from './harness.mjs'

const jwk = (kid) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }
}

const keys = { anon: 'sb_publishable_tests', service: 'sb_secret_of_the_tests_0123456789abcdef' }

serve({
  keys,
  auth: `signing_keys_path = "keys.json"\npublishable_key = "${keys.anon}"\nsecret_key = "${keys.service}"`,
  files: { 'keys.json': JSON.stringify([jwk('today'), jwk('yesterday')]) },
})

describe('ES256', () => {
  test('the client verifies claims by itself', async () => {
    const { auth, session, user } = await signedUp()
    const { claims, header } = await ok(auth.getClaims())
    assert.deepEqual([header.alg, header.kid, claims.sub], ['ES256', 'today', user.id])
    const [head, , signature] = session.access_token.split('.')
    const forged = Buffer.from(JSON.stringify({ ...claimsOf(session.access_token), sub: crypto.randomUUID() })).toString('base64url')
    const { data, error } = await client().auth.getClaims(`${head}.${forged}.${signature}`)
    assert.deepEqual([data, error.message], [null, 'Invalid JWT signature'])
  })
  test('the set shows public halves only', async () => {
    const response = await fetch(`${world.auth}/.well-known/jwks.json`)
    assert.match(response.headers.get('cache-control'), /max-age=600/)
    const { keys } = await response.json()
    assert.deepEqual(keys.map((key) => [key.kid, key.d]), [['today', undefined], ['yesterday', undefined]])
  })
  test('rows are guarded by it, and refreshed tokens are signed alike', async () => {
    const { client: app, auth, user } = await signedUp()
    assert.equal((await ok(app.from('notes').insert({ body: 'mine' }).select().single())).owner, user.id)
    await ok(auth.refreshSession())
    assert.equal((await ok(app.from('notes').select())).length, 1)
    assert.equal((await ok(auth.getUser())).user.id, user.id)
    assert.deepEqual(await ok(client().client.from('notes').select()), [])
    assert.ok((await ok(world.admin.auth.admin.listUsers())).total >= 2)
    assert.equal((await ok(world.admin.from('notes').select().eq('owner', user.id))).length, 1)
  })
})
