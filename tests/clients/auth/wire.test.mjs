// What other clients see: old ones, curl, and those who send too much.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { anonKey } from '../server.mjs'
import { serve, world } from './harness.mjs'

serve()

const post = (path, body, headers = {}) =>
  fetch(`${world.auth}${path}`, { method: 'POST', body, headers: { apikey: anonKey, 'content-type': 'application/json', ...headers } })

describe('errors', () => {
  test('of clients that name no version have the code as a number', async () => {
    const response = await post('/token?grant_type=password', '{"email": "a@example.com", "password": "x"}')
    assert.deepEqual([response.status, response.headers.get('x-sb-error-code')], [400, 'invalid_credentials'])
    assert.deepEqual(await response.json(), { code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' })
  })
  test('of clients that do have it as text, and the version comes back', async () => {
    const response = await post('/token?grant_type=password', '{"email": "a@example.com", "password": "x"}', { 'x-supabase-api-version': '2024-01-01' })
    assert.equal(response.headers.get('x-supabase-api-version'), '2024-01-01')
    assert.deepEqual(await response.json(), { code: 'invalid_credentials', message: 'Invalid login credentials' })
  })
  test('of OAuth are OAuth’s', async () => {
    const response = await post('/token?grant_type=refresh_token', '{}')
    assert.equal(response.status, 400)
    assert.deepEqual(await response.json(), { error: 'invalid_request', error_description: 'refresh_token required' })
    const other = await post('/token?grant_type=magic', '{}')
    assert.deepEqual((await other.json()).msg, 'unsupported_grant_type')
  })
})

describe('bodies', () => {
  test('above a megabyte are refused', async () => {
    const body = (length) => JSON.stringify({ email: 'a@example.com', password: 'x', data: { text: 'a'.repeat(length) } })
    const large = await post('/token?grant_type=password', body(1 << 20))
    assert.deepEqual([large.status, (await large.json()).error_code], [413, 'request_entity_too_large'])
    assert.equal((await post('/token?grant_type=password', body(1_000_000))).status, 400)
  })
  test('that are no JSON are refused', async () => {
    for (const body of ['{', '[]', '"x"', '{"email": 1}']) {
      const response = await post('/signup', body)
      assert.deepEqual([response.status, (await response.json()).error_code], [400, 'bad_json'], body)
    }
  })
})

describe('a bearer', () => {
  test('is needed for what concerns a user', async () => {
    for (const path of ['/user', '/reauthenticate']) {
      const without = await fetch(`${world.auth}${path}`, { headers: { apikey: anonKey } })
      assert.deepEqual([without.status, (await without.json()).error_code], [401, 'no_authorization'])
      const anonymous = await fetch(`${world.auth}${path}`, { headers: { apikey: anonKey, authorization: `Bearer ${anonKey}` } })
      const { error_code, msg } = await anonymous.json()
      assert.deepEqual([anonymous.status, error_code, msg], [403, 'bad_jwt', 'invalid claim: missing sub claim'])
    }
  })
})

describe('browsers', () => {
  test('of any origin may ask', async () => {
    const preflight = await fetch(`${world.auth}/token`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'apikey,x-supabase-api-version' },
    })
    assert.ok(preflight.ok)
    assert.ok(['*', 'https://app.example'].includes(preflight.headers.get('access-control-allow-origin')))
    const answer = await fetch(`${world.auth}/settings`, { headers: { origin: 'https://app.example' } })
    assert.match(answer.headers.get('access-control-expose-headers').toLowerCase(), /x-total-count/)
    assert.match(answer.headers.get('access-control-expose-headers').toLowerCase(), /x-supabase-api-version/)
  })
})
