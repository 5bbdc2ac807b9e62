// Realtime with the published client: broadcast, presence, database changes, reconnecting, tokens.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'
import { anonKey, serviceKey, start, token, userToken } from '../server.mjs'

const ANNA = '00000000-0000-4000-8000-00000000000a'
const BEN = '00000000-0000-4000-8000-00000000000b'

let server
const opened = []
before(async () => (server = await start()))
after(async () => {
  await Promise.all(opened.map((client) => client.removeAllChannels()))
  opened.forEach((client) => client.realtime.disconnect())
  await server?.stop()
})

/** Connections, to cut them. */
const sockets = []
class Recorded extends ws {
  constructor(...all) {
    super(...all)
    sockets.push(this)
  }
}

/** A client, of a user if a token is given. */
function connect(accessToken) {
  const client = createClient(server.url, anonKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    realtime: { transport: Recorded },
    ...(accessToken && { accessToken: async () => accessToken.current }),
  })
  opened.push(client)
  return client
}
const user = (sub) => connect({ current: userToken(sub) })

/** Subscribes, and waits until the server says how that went. */
const subscribed = (channel) =>
  new Promise((resolve, reject) =>
    channel.subscribe((status, error) => {
      if (status === 'SUBSCRIBED') resolve(channel)
      else if (status !== 'CLOSED') reject(error ?? new Error(status))
    })
  )

/** What comes, in order; `next` waits for it. */
function inbox() {
  const [waiting, wanted] = [[], []]
  const put = (value) => (wanted.length ? wanted.shift()(value) : waiting.push(value))
  const next = () => (waiting.length ? Promise.resolve(waiting.shift()) : new Promise((resolve) => wanted.push(resolve)))
  return { put, next, waiting }
}

test('a broadcast reaches the others', async () => {
  const got = inbox()
  await subscribed(connect().channel('room').on('broadcast', { event: 'move' }, got.put))
  const sender = await subscribed(connect().channel('room', { config: { broadcast: { ack: true } } }))
  assert.equal(await sender.send({ type: 'broadcast', event: 'move', payload: { x: 1 } }), 'ok')
  assert.deepEqual((await got.next()).payload, { x: 1 })
  assert.equal(await sender.send({ type: 'broadcast', event: 'move', payload: new Uint8Array([0, 255]).buffer }), 'ok')
  assert.deepEqual([...new Uint8Array((await got.next()).payload)], [0, 255])
  assert.deepEqual(await connect().channel('room').httpSend('move', { x: 2 }), { success: true })
  assert.deepEqual((await got.next()).payload, { x: 2 })
})

test('presence is told', async () => {
  const [joins, leaves] = [inbox(), inbox()]
  const watcher = connect().channel('lobby', { config: { presence: { key: 'watcher' } } })
  watcher.on('presence', { event: 'join' }, joins.put).on('presence', { event: 'leave' }, leaves.put)
  await subscribed(watcher)
  const other = await subscribed(connect().channel('lobby', { config: { presence: { key: 'anna' } } }))
  assert.equal(await other.track({ mood: 'ok' }), 'ok')
  const joined = await joins.next()
  assert.deepEqual([joined.key, joined.newPresences[0].mood], ['anna', 'ok'])
  assert.equal(watcher.presenceState().anna[0].mood, 'ok')
  await other.unsubscribe()
  assert.equal((await leaves.next()).key, 'anna')
  assert.deepEqual(watcher.presenceState(), {})
})

test('each user is told the changes that its policies let it read', async () => {
  const [annas, bens] = [inbox(), inbox()]
  const listen = async (client, got) => {
    await client.realtime.setAuth()
    const ready = inbox()
    const channel = client.channel('db').on('system', {}, ready.put)
    channel.on('postgres_changes', { event: '*', schema: 'public', table: 'messages', filter: 'id=gt.0' }, got.put)
    await subscribed(channel)
    assert.equal((await ready.next()).status, 'ok')
  }
  const [anna, ben] = [user(ANNA), user(BEN)]
  await listen(anna, annas)
  await listen(ben, bens)
  for (const [client, row] of [[anna, { id: 1, owner: ANNA, body: 'a' }], [ben, { id: 2, owner: BEN, body: 'b' }]]) {
    const { error } = await client.from('messages').insert(row)
    assert.equal(error, null)
  }
  await anna.from('messages').update({ body: 'c' }).eq('id', 1)
  await anna.from('messages').delete().eq('id', 1)
  const { error } = await ben.from('messages').delete().eq('id', 2)
  assert.equal(error, null)

  const [insert, update, remove] = [await annas.next(), await annas.next(), await annas.next()]
  assert.deepEqual([insert.eventType, insert.new], ['INSERT', { id: 1, owner: ANNA, body: 'a' }])
  assert.deepEqual([update.eventType, update.new.body, update.old], ['UPDATE', 'c', { id: 1 }])
  assert.deepEqual([remove.eventType, remove.old], ['DELETE', { id: 1 }])
  assert.equal((await bens.next()).new.id, 2)
  assert.deepEqual((await bens.next()).old, { id: 2 })
  assert.deepEqual([annas.waiting, bens.waiting], [[], []])
})

test('private channels are for members', async () => {
  const got = inbox()
  const config = { private: true }
  const member = user(ANNA)
  await member.realtime.setAuth()
  await subscribed(member.channel('members', { config }).on('broadcast', { event: 'e' }, got.put))
  await assert.rejects(subscribed(connect().channel('members', { config })), /You do not have permissions/)
  const other = user(BEN)
  await other.realtime.setAuth()
  const sender = await subscribed(other.channel('members', { config: { private: true, broadcast: { ack: true } } }))
  assert.equal(await sender.send({ type: 'broadcast', event: 'e', payload: { n: 1 } }), 'ok')
  assert.deepEqual((await got.next()).payload, { n: 1 })
})

test('a client that lost its connection comes back', async () => {
  const got = inbox()
  const statuses = inbox()
  const client = connect()
  const channel = client.channel('again').on('broadcast', { event: 'e' }, got.put)
  channel.subscribe((status) => statuses.put(status))
  assert.equal(await statuses.next(), 'SUBSCRIBED')
  sockets.at(-1).terminate()
  while ((await statuses.next()) !== 'SUBSCRIBED');
  await createClient(server.url, serviceKey, { realtime: { transport: ws } }).channel('again').httpSend('e', { n: 1 })
  assert.deepEqual((await got.next()).payload, { n: 1 })
})

test('a renewed token keeps a channel beyond the first one', async () => {
  const soon = Math.floor(Date.now() / 1000) + 3
  const current = { current: token({ role: 'authenticated', sub: ANNA, exp: soon }) }
  const client = connect(current)
  await client.realtime.setAuth()
  const [systems, got] = [inbox(), inbox()]
  const channel = client.channel('long').on('system', {}, systems.put).on('broadcast', { event: 'e' }, got.put)
  await subscribed(channel)
  current.current = userToken(ANNA)
  await client.realtime.setAuth()
  await new Promise((resolve) => setTimeout(resolve, 4000))
  assert.deepEqual(systems.waiting, [])
  await connect().channel('long').httpSend('e', { n: 1 })
  assert.deepEqual((await got.next()).payload, { n: 1 })
})
