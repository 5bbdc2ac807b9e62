// A provider whose users need no address.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse, client, fresh, leave, query, serve, signIn, world } from './harness.mjs'

serve('[auth.email]\nenable_confirmations = true\n', { discord: 'email_optional = true\n' })

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
