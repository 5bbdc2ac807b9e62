// Providers that are away, and one whose users need no address.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anonKey } from '../server.mjs'
import { APP, browse, client, fresh, leave, query, serve, signIn, world } from './harness.mjs'

const away = (name, url) => `[auth.external.${name}]\nenabled = true\nclient_id = "x"\nsecret = "x"\nurl = "${url}"\n`

serve('[auth.email]\nenable_confirmations = true\n', {
  discord: 'email_optional = true\n',
  // Nobody listens there; and what is not public is not asked, whoever configured it.
  external: away('away', 'http://127.0.0.1:1') + away('inside', 'https://10.0.0.1') + away('keycloak', 'http://127.0.0.1:1/realms/x'),
})

let ids = 9500
const discordUser = (email, verified = true) => {
  world.discord.user = { id: String(++ids), username: 'ada', email, verified }
}

test('users without an address, and with one that is somebody else\'s, have none', async () => {
  discordUser(null)
  const { user } = await signIn(client(), 'discord')
  assert.deepEqual([user.email, user.identities[0].email], ['', undefined])
  assert.equal((await signIn(client(), 'discord')).user.id, user.id)

  const email = fresh()
  const { data } = await world.admin.auth.admin.createUser({ email, email_confirm: true })
  discordUser(email, false)
  const { user: other } = await signIn(client(), 'discord')
  assert.notEqual(other.id, data.user.id)
  assert.equal(other.email, '')
})

test('elsewhere an address is needed', async () => {
  world.github.user = { id: ++ids, login: 'ada', name: 'Ada', emails: [] }
  const { home } = await browse(await leave(client(), 'github'))
  assert.equal(query(home).error_code, 'email_address_not_provided')
})

test('a provider that is away is an error, not a wait', async () => {
  for (const name of ['away', 'inside']) {
    const response = await fetch(`${world.auth}/authorize?provider=${name}`, { redirect: 'manual' })
    const { error_code, msg } = await response.json()
    assert.deepEqual([response.status, error_code, msg], [500, 'unexpected_failure', `Error asking the provider ${name}`])
  }
  // Where to is known without asking; the way back fails.
  const left = await fetch(`${world.auth}/authorize?provider=keycloak`, { redirect: 'manual' })
  const state = new URL(left.headers.get('location')).searchParams.get('state')
  const back = await fetch(`${world.callback}?code=x&state=${state}`, { redirect: 'manual' })
  const home = new URL(back.headers.get('location'))
  assert.deepEqual([home.origin, query(home).error, query(home).error_code], [APP, 'server_error', 'unexpected_failure'])
  const body = JSON.stringify({ provider: 'away', id_token: 'eyJhbGciOiJFUzI1NiJ9.e30.x' })
  const headers = { 'content-type': 'application/json', apikey: anonKey }
  const token = await fetch(`${world.auth}/token?grant_type=id_token`, { method: 'POST', headers, body })
  assert.equal(token.status, 500)
})
