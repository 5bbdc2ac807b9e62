// A project that lets in whom it knows: no sign-up, no linking by hand, and a provider whose users need no address.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browse, client, fresh, leave, query, serve, signIn, world } from './harness.mjs'

serve('enable_signup = false\n', { enable_manual_linking: false })

let ids = 9000
const discordUser = (email, verified = true) => {
  world.discord.user = { id: String(++ids), username: 'ada', email, verified }
}

test('strangers are refused, known addresses are let in', async () => {
  const email = fresh()
  discordUser(email)
  const { home } = await browse(await leave(client(), 'discord'))
  assert.deepEqual([query(home).error, query(home).error_code], ['access_denied', 'signup_disabled'])
  const { data } = await world.admin.auth.admin.createUser({ email, email_confirm: true })
  assert.equal((await signIn(client(), 'discord')).user.id, data.user.id)
})

test('identities are neither linked nor dropped by hand', async () => {
  const email = fresh()
  await world.admin.auth.admin.createUser({ email, email_confirm: true })
  discordUser(email)
  const app = client()
  const { user } = await signIn(app, 'discord')
  const { error } = await app.auth.linkIdentity({ provider: 'github', options: { skipBrowserRedirect: true } })
  assert.deepEqual([error.status, error.code], [404, 'manual_linking_disabled'])
  assert.equal((await app.auth.unlinkIdentity(user.identities[0])).error.code, 'manual_linking_disabled')
})
