// Presence with the published client: who is there as each client knows it, whatever happens to tabs, connections and the server.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { close, inbox, open, sockets } from '../channels.mjs'
import { anonKey, freePort, start } from '../server.mjs'

let server, port
before(async () => {
  port = await freePort()
  server = await start(undefined, { port })
})
after(async () => {
  await close()
  await server?.stop()
})

const moods = (presences) => presences.map(({ mood }) => mood)

/** A tab in a channel. `told` has what its client says of others and itself, `state` what it knows: of each key the newest presence, since
 * @supabase/supabase-js 2.109 keeps those beside which another one joined until it joins the channel anew. */
async function tab(name, key, mood) {
  const [told, statuses] = [inbox(), inbox()]
  const channel = open(server.url, anonKey).channel(name, { config: { presence: { key } } })
  channel.on('presence', { event: 'join' }, ({ key, newPresences }) => told.put(['join', key, ...moods(newPresences)]))
  channel.on('presence', { event: 'leave' }, ({ key, leftPresences }) => told.put(['leave', key, ...moods(leftPresences)]))
  // As applications do: a channel that is joined anew says again who it is.
  let now = mood
  channel.subscribe(async (status) => {
    if (status === 'SUBSCRIBED' && now) await channel.track({ mood: now })
    statuses.put(status)
  })
  const one = {
    channel, told, statuses,
    track: (mood) => channel.track({ mood: (now = mood) }),
    untrack: () => (now = undefined) ?? channel.untrack(),
    state: () => Object.fromEntries(Object.entries(channel.presenceState()).map(([key, all]) => [key, all.at(-1).mood])),
    /** Waits until it is told this; gives what it was told before. */
    async until(...wanted) {
      const before = []
      for (;;) {
        const next = await told.next()
        if (wanted.every((part, i) => next[i] === part)) return before
        before.push(next)
      }
    },
    async again(status) {
      while ((await statuses.next()) !== status);
    },
  }
  await one.again('SUBSCRIBED')
  return one
}

test('members come, change, and go', async () => {
  const watcher = await tab('comings', 'watcher')
  const anna = await tab('comings', 'anna')
  assert.deepEqual(watcher.state(), {})
  assert.equal(await anna.track('ok'), 'ok')
  assert.deepEqual(await watcher.told.next(), ['join', 'anna', 'ok'])
  assert.deepEqual(await anna.told.next(), ['join', 'anna', 'ok'])
  assert.deepEqual([watcher.state(), anna.state()], [{ anna: 'ok' }, { anna: 'ok' }])

  assert.equal(await anna.untrack(), 'ok')
  assert.deepEqual(await watcher.told.next(), ['leave', 'anna', 'ok'])
  assert.deepEqual(watcher.state(), {})
  assert.equal(await anna.track('happy'), 'ok')
  assert.deepEqual(await watcher.told.next(), ['join', 'anna', 'happy'])
  assert.equal(await anna.channel.unsubscribe(), 'ok')
  assert.deepEqual(await watcher.told.next(), ['leave', 'anna', 'happy'])
  assert.deepEqual([watcher.state(), watcher.told.waiting], [{}, []])
})

test('a second track takes the place of the first', async () => {
  const watcher = await tab('updates', 'watcher')
  const anna = await tab('updates', 'anna', 'ok')
  assert.deepEqual(await watcher.told.next(), ['join', 'anna', 'ok'])
  assert.equal(await anna.track('sad'), 'ok')
  assert.deepEqual([await watcher.told.next(), await watcher.told.next()], [['join', 'anna', 'sad'], ['leave', 'anna', 'ok']])
  assert.deepEqual(watcher.state(), { anna: 'sad' })
  // The same once more is nothing, and who comes now is told the last one alone.
  assert.equal(await anna.track('sad'), 'ok')
  const late = await tab('updates', 'late', 'ok')
  assert.deepEqual(await watcher.told.next(), ['join', 'late', 'ok'])
  await late.until('join', 'late')
  assert.deepEqual(moods(late.channel.presenceState().anna), ['sad'])
})

test('two tabs of one user are one key', async () => {
  const watcher = await tab('tabs', 'watcher')
  const first = await tab('tabs', 'anna', 'ok')
  assert.deepEqual(await watcher.told.next(), ['join', 'anna', 'ok'])
  const second = await tab('tabs', 'anna', 'sad')
  assert.deepEqual(await watcher.told.next(), ['join', 'anna', 'sad'])
  const both = await tab('tabs', 'late')
  while (!both.state().anna) await both.told.next()
  assert.deepEqual(moods(both.channel.presenceState().anna), ['ok', 'sad'])
  await first.track('happy')
  assert.deepEqual([await watcher.told.next(), await watcher.told.next()], [['join', 'anna', 'happy'], ['leave', 'anna', 'ok']])
  // A tab that is closed takes its own along.
  second.channel.socket.disconnect()
  assert.deepEqual(await watcher.told.next(), ['leave', 'anna', 'sad'])
  const after = await tab('tabs', 'after')
  while (!after.state().anna) await after.told.next()
  assert.deepEqual(moods(after.channel.presenceState().anna), ['happy'])
})

test('a cut connection leaves, and comes back as it was', async () => {
  const watcher = await tab('cut', 'watcher', 'calm')
  const anna = await tab('cut', 'anna', 'ok')
  const [connection] = sockets.slice(-1)
  await watcher.until('join', 'anna', 'ok')
  connection.terminate()
  assert.deepEqual(await watcher.told.next(), ['leave', 'anna', 'ok'])
  await anna.again('SUBSCRIBED')
  assert.deepEqual(await watcher.told.next(), ['join', 'anna', 'ok'])
  assert.deepEqual(watcher.state(), { watcher: 'calm', anna: 'ok' })
  await anna.until('join', 'anna', 'ok')
  assert.deepEqual(anna.state(), { watcher: 'calm', anna: 'ok' })
  // What happened while it was away it is told when it is back.
  const [back] = sockets.slice(-1)
  const ben = await tab('cut', 'ben', 'ok')
  await anna.until('join', 'ben')
  back.terminate()
  await watcher.until('leave', 'anna')
  await ben.channel.unsubscribe()
  await anna.again('SUBSCRIBED')
  await anna.until('leave', 'ben', 'ok')
  await watcher.until('join', 'anna')
  assert.deepEqual([anna.state().ben, anna.state().watcher], [undefined, 'calm'])
})

test('after a restart of the server everybody is there again', async () => {
  const members = [await tab('restart', 'anna', 'ok'), await tab('restart', 'ben', 'sad')]
  await members[0].until('join', 'ben')
  await server.stop()
  server = await start(undefined, { port })
  for (const member of members) await member.again('SUBSCRIBED')
  for (const { told, state } of members) {
    while (!state().anna || !state().ben) await told.next()
    assert.deepEqual(state(), { anna: 'ok', ben: 'sad' })
  }
})
