// Clients of channels for a file of tests: who they are, what comes to them, and the wait for it.
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'

export const ANNA = '00000000-0000-4000-8000-00000000000a'
export const BEN = '00000000-0000-4000-8000-00000000000b'

const opened = []

/** The connections of all clients, to cut them. */
export const sockets = []
class Recorded extends ws {
  constructor(...all) {
    super(...all)
    sockets.push(this)
  }
}

/** A client, that of a user if something gives their token. */
export function open(url, key, accessToken) {
  const client = createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    realtime: { transport: Recorded },
    ...(accessToken && { accessToken: async () => accessToken() }),
  })
  opened.push(client)
  return client
}

/** Ends all clients. */
export async function close() {
  await Promise.all(opened.map((client) => client.removeAllChannels()))
  opened.forEach((client) => client.realtime.disconnect())
}

/** Subscribes, and waits until the server says how that went. */
export const subscribed = (channel) =>
  new Promise((resolve, reject) =>
    channel.subscribe((status, error) => {
      if (status === 'SUBSCRIBED') resolve(channel)
      else if (status !== 'CLOSED') reject(error ?? new Error(status))
    })
  )

/** What comes, in order; `next` waits for it. */
export function inbox() {
  const [waiting, wanted] = [[], []]
  const put = (value) => (wanted.length ? wanted.shift()(value) : waiting.push(value))
  const next = () => (waiting.length ? Promise.resolve(waiting.shift()) : new Promise((resolve) => wanted.push(resolve)))
  return { put, next, waiting }
}
