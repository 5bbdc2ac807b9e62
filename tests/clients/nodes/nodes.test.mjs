// Two nodes on one PostgreSQL (`TEST_POSTGRES`), and the published client at each: what one says, the other hears.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ANNA, BEN, close, inbox, open, sockets, subscribed } from '../channels.mjs'
import { start, token } from '../server.mjs'

const SECRET = 'a-secret-of-the-nodes-own-for-the-tests-0123456789'
const SILENT = 3000

const key = token({ role: 'anon' }, SECRET)
const nodes = []
before(async () => {
  const node = { database: `${process.env.TEST_POSTGRES} dbname=postgres`, secret: SECRET }
  // Together: one of them migrates.
  nodes.push(...(await Promise.all([start('postgres', { node }), start('postgres', { node })])))
})
after(async () => {
  await close()
  await Promise.all(nodes.map((node) => node.stop()))
})

/** A user's client at a node. */
async function connect(node, sub) {
  const client = open(nodes[node].url, key, () => token({ role: 'authenticated', sub, aud: 'authenticated' }, SECRET))
  await client.realtime.setAuth()
  return client
}

test('a broadcast crosses the nodes, both ways', async () => {
  const [anna, ben] = [await connect(0, ANNA), await connect(1, BEN)]
  const [annas, bens] = [inbox(), inbox()]
  const config = { broadcast: { ack: true } }
  const one = await subscribed(anna.channel('room', { config }).on('broadcast', { event: 'move' }, annas.put))
  const other = await subscribed(ben.channel('room', { config }).on('broadcast', { event: 'move' }, bens.put))
  assert.equal(await one.send({ type: 'broadcast', event: 'move', payload: { x: 1 } }), 'ok')
  assert.deepEqual((await bens.next()).payload, { x: 1 })
  assert.equal(await other.send({ type: 'broadcast', event: 'move', payload: { x: 2 } }), 'ok')
  assert.deepEqual((await annas.next()).payload, { x: 2 })
  assert.deepEqual(await anna.channel('room').httpSend('move', { x: 3 }), { success: true })
  assert.deepEqual([(await annas.next()).payload, (await bens.next()).payload], [{ x: 3 }, { x: 3 }])
  assert.deepEqual([annas.waiting, bens.waiting], [[], []])
})

test('presence is the same at both nodes', async () => {
  const watch = async (node, sub, name) => {
    const [joins, leaves] = [inbox(), inbox()]
    const client = await connect(node, sub)
    const channel = client.channel('lobby', { config: { presence: { key: name } } })
    channel.on('presence', { event: 'join' }, ({ key }) => joins.put(key)).on('presence', { event: 'leave' }, ({ key }) => leaves.put(key))
    await subscribed(channel)
    assert.equal(await channel.track({ at: node }), 'ok')
    return { channel, joins, leaves }
  }
  const anna = await watch(0, ANNA, 'anna')
  const ben = await watch(1, BEN, 'ben')
  const sees = async ({ channel, joins }) => {
    while (Object.keys(channel.presenceState()).length < 2) await joins.next()
    const state = channel.presenceState()
    assert.deepEqual([state.anna[0].at, state.ben[0].at], [0, 1])
  }
  await sees(anna)
  await sees(ben)
  await ben.channel.unsubscribe()
  assert.equal(await anna.leaves.next(), 'ben')
  assert.deepEqual(Object.keys(anna.channel.presenceState()), ['anna'])
})

test('two tabs of one user at two nodes are one key, and a cut one comes back', async () => {
  const tab = async (node, sub, key, at) => {
    const [joins, leaves] = [inbox(), inbox()]
    const client = await connect(node, sub)
    const channel = client.channel('tabs', { config: { presence: { key } } })
    const tell = (where) => (presences) => presences.forEach(({ at }) => where.put(at))
    channel.on('presence', { event: 'join' }, ({ newPresences }) => tell(joins)(newPresences))
    channel.on('presence', { event: 'leave' }, ({ leftPresences }) => tell(leaves)(leftPresences))
    await new Promise((resolve) =>
      channel.subscribe(async (status) => {
        if (status !== 'SUBSCRIBED') return
        if (at) await channel.track({ at })
        resolve()
      })
    )
    return { channel, joins, leaves }
  }
  const watchers = [await tab(0, BEN, 'ben'), await tab(1, BEN, 'ben')]
  const all = async (what, value) => assert.deepEqual([await watchers[0][what].next(), await watchers[1][what].next()], [value, value])
  const one = await tab(0, ANNA, 'anna', 'one')
  const socket = sockets.at(-1)
  await all('joins', 'one')
  const other = await tab(1, ANNA, 'anna', 'other')
  await all('joins', 'other')
  const late = await tab(1, BEN, 'late')
  while ((late.channel.presenceState().anna ?? []).length < 2) await late.joins.next()
  assert.deepEqual(late.channel.presenceState().anna.map(({ at }) => at).sort(), ['one', 'other'])
  await other.channel.track({ at: 'elsewhere' })
  await all('joins', 'elsewhere')
  await all('leaves', 'other')
  socket.terminate()
  await all('leaves', 'one')
  await all('joins', 'one')
  await other.channel.untrack()
  await all('leaves', 'elsewhere')
  await one.channel.unsubscribe()
  await all('leaves', 'one')
})

test('what is written at one node is told at the other, to whom policies let read it', async () => {
  const listen = async (node, sub) => {
    const [got, ready] = [inbox(), inbox()]
    const client = await connect(node, sub)
    const channel = client.channel('db').on('system', {}, ready.put)
    channel.on('postgres_changes', { event: '*', schema: 'public', table: 'messages' }, got.put)
    await subscribed(channel)
    assert.equal((await ready.next()).status, 'ok')
    return { client, got }
  }
  const [anna, away, ben] = [await listen(0, ANNA), await listen(1, ANNA), await listen(1, BEN)]
  const { error } = await anna.client.from('messages').insert({ id: 101, owner: ANNA, body: 'a' })
  assert.equal(error, null)
  await ben.client.from('messages').insert({ id: 102, owner: BEN, body: 'b' })
  assert.equal((await anna.got.next()).new.id, 101)
  assert.deepEqual((await away.got.next()).new, { id: 101, owner: ANNA, body: 'a' })
  assert.equal((await ben.got.next()).new.id, 102)
  await new Promise((resolve) => setTimeout(resolve, SILENT))
  assert.deepEqual([anna.got.waiting, away.got.waiting, ben.got.waiting], [[], [], []], 'each once, and to nobody else')
})
