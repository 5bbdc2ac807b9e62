// Realtime with the published client: broadcast, presence, database changes, reconnecting, tokens.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ANNA, BEN, close, inbox, open, sockets, subscribed } from '../channels.mjs'
import { anonKey, serviceKey, start, token, userToken } from '../server.mjs'

let server
before(async () => (server = await start()))
after(async () => {
  await close()
  await server?.stop()
})

const connect = (accessToken) => open(server.url, anonKey, accessToken)
const user = (sub) => connect(() => userToken(sub))

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

test('each listener is told the columns that it chose', async () => {
  const [bodies, wholes, news] = [inbox(), inbox(), inbox()]
  const anna = user(ANNA)
  await anna.realtime.setAuth()
  const ready = inbox()
  const changes = { event: '*', schema: 'public', table: 'messages' }
  const channel = anna.channel('columns').on('system', {}, ready.put)
  channel.on('postgres_changes', { ...changes, select: ['id', 'body'] }, bodies.put)
  channel.on('postgres_changes', changes, wholes.put)
  await subscribed(channel)
  assert.equal((await ready.next()).status, 'ok')
  const alone = anna.channel('column').on('postgres_changes', { ...changes, event: 'INSERT', select: ['body'] }, news.put)
  await subscribed(alone)
  const { error } = await anna.from('messages').insert({ id: 11, owner: ANNA, body: 'a' })
  assert.equal(error, null)
  assert.deepEqual((await bodies.next()).new, { id: 11, body: 'a' })
  assert.deepEqual((await wholes.next()).new, { id: 11, owner: ANNA, body: 'a' })
  assert.deepEqual((await news.next()).new, { id: 11, body: 'a' }, 'the key is always told')
  await anna.from('messages').delete().eq('id', 11)
  assert.deepEqual([(await bodies.next()).old, (await wholes.next()).old], [{ id: 11 }, { id: 11 }])
  assert.deepEqual([bodies.waiting, wholes.waiting, news.waiting], [[], [], []])
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

test('a private channel tells again what was said before', async () => {
  const anna = user(ANNA)
  await anna.realtime.setAuth()
  for (const n of [1, 2, 3]) assert.equal((await anna.rpc('tell_members', { n })).error, null)
  const replayed = async (replay) => {
    const got = inbox()
    const channel = anna.channel('members', { config: { private: true, broadcast: { replay } } })
    await subscribed(channel.on('broadcast', { event: 'e' }, got.put))
    return { channel, got }
  }
  const { channel, got } = await replayed({ since: Date.now() - 60_000, limit: 2 })
  const past = [await got.next(), await got.next()]
  assert.deepEqual(past.map(({ payload, meta }) => [payload.n, meta.replayed]), [[2, true], [3, true]])
  assert.equal((await anna.rpc('tell_members', { n: 4 })).error, null)
  // What was just being told when the channel was joined may come once more.
  let now = await got.next()
  while (now.payload.n < 4) now = await got.next()
  assert.deepEqual([now.payload.n, now.meta.replayed, typeof now.meta.id], [4, undefined, 'string'])
  await channel.unsubscribe()
  const future = await replayed({ since: Date.now() + 60_000 })
  assert.equal((await anna.rpc('tell_members', { n: 5 })).error, null)
  const { meta } = await future.got.next()
  assert.equal(meta.replayed, undefined)
  // The client itself refuses it in a public channel.
  assert.throws(() => anna.channel('open', { config: { broadcast: { replay: { since: 0 } } } }), /replay/)
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
  await open(server.url, serviceKey).channel('again').httpSend('e', { n: 1 })
  assert.deepEqual((await got.next()).payload, { n: 1 })
})

test('a renewed token keeps a channel beyond the first one', async () => {
  const soon = Math.floor(Date.now() / 1000) + 3
  let current = token({ role: 'authenticated', sub: ANNA, exp: soon })
  const client = connect(() => current)
  await client.realtime.setAuth()
  const [systems, got] = [inbox(), inbox()]
  const channel = client.channel('long').on('system', {}, systems.put).on('broadcast', { event: 'e' }, got.put)
  await subscribed(channel)
  current = userToken(ANNA)
  await client.realtime.setAuth()
  await new Promise((resolve) => setTimeout(resolve, 4000))
  assert.deepEqual(systems.waiting, [])
  await connect().channel('long').httpSend('e', { n: 1 })
  assert.deepEqual((await got.next()).payload, { n: 1 })
})
