// What the published client shows its user when a limit is met.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { close, inbox, open, subscribed } from '../channels.mjs'
import { anonKey, start } from '../server.mjs'

const LIMITS = `
[realtime]
channels = 2
joins = 1
events = 10
presence_calls = 2
payload = "1 kB"
`

let server
before(async () => (server = await start(undefined, { config: LIMITS })))
after(async () => {
  await close()
  await server?.stop()
})

const connect = () => open(server.url, anonKey)

/** A joined channel, and what its user is told: of the system, and of its own standing. */
async function joined(config) {
  const [systems, statuses] = [inbox(), inbox()]
  const channel = connect().channel('limited', { config }).on('system', {}, ({ message }) => systems.put(message))
  channel.subscribe((status) => statuses.put(status))
  assert.equal(await statuses.next(), 'SUBSCRIBED')
  return { channel, systems, statuses }
}

/** A channel that is ended with a reason. */
async function ended({ systems, statuses }, reason) {
  assert.equal(await systems.next(), reason)
  assert.equal(await statuses.next(), 'CLOSED')
}

test('one channel too many is an error of that channel', async () => {
  const client = connect()
  await subscribed(client.channel('a'))
  await subscribed(client.channel('b'))
  await assert.rejects(subscribed(client.channel('c')), /ChannelRateLimitReached: Too many channels/)
  client.realtime.disconnect()
})

test('one join too many is an error of that channel', async () => {
  const client = connect()
  // The connection stays for its sake.
  await subscribed(client.channel('stays'))
  const join = async () => {
    for (;;) await (await subscribed(client.channel('comes'))).unsubscribe()
  }
  await assert.rejects(join, /ClientJoinRateLimitReached: Too many joins per second/)
  client.realtime.disconnect()
})

test('too many messages end the channel', async () => {
  const one = await joined()
  for (let n = 0; n < 200; n++) one.channel.send({ type: 'broadcast', event: 'e', payload: { n } })
  await ended(one, 'Too many messages per second')
  one.channel.socket.disconnect()
})

test('too large a payload is an error if it is acknowledged, and reaches nobody', async () => {
  const one = await joined({ broadcast: { ack: true, self: true } })
  const got = inbox()
  one.channel.on('broadcast', { event: 'e' }, ({ payload }) => got.put(payload))
  assert.equal(await one.channel.send({ type: 'broadcast', event: 'e', payload: { text: 'x'.repeat(2000) } }), 'error')
  assert.equal(await one.channel.send({ type: 'broadcast', event: 'e', payload: { text: 'x' } }), 'ok')
  assert.deepEqual([await got.next(), got.waiting], [{ text: 'x' }, []])
  await assert.rejects(one.channel.httpSend('e', { text: 'x'.repeat(2000) }), /Unprocessable Entity/)
  one.channel.socket.disconnect()
})

test('too large a presence, or too many, end the channel', async () => {
  const large = await joined({ presence: { key: 'large' } })
  large.channel.track({ text: 'x'.repeat(2000) })
  await ended(large, 'Track message size exceeded')
  large.channel.socket.disconnect()
  const many = await joined({ presence: { key: 'many' } })
  for (let n = 0; n < 3; n++) many.channel.track({ n })
  await ended(many, 'Client presence rate limit exceeded')
  many.channel.socket.disconnect()
})

test('one connection too many is an error, until another goes', async () => {
  const small = await start(undefined, { config: '\n[realtime]\nconnections = 1\n' })
  const [first, second] = [open(small.url, anonKey), open(small.url, anonKey)]
  await subscribed(first.channel('crowd'))
  const statuses = inbox()
  second.channel('crowd').subscribe((status) => statuses.put(status))
  assert.equal(await statuses.next(), 'CHANNEL_ERROR')
  first.realtime.disconnect()
  while ((await statuses.next()) !== 'SUBSCRIBED');
  second.realtime.disconnect()
  await small.stop()
})
