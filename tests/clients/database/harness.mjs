// One server for a file of tests, and the clients that its tests use.
import { after, before } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'
import { anonKey, serviceKey, start, userToken } from '../server.mjs'

// Node.js before 22 has no WebSocket of its own, and the client asks for one even when only the database is used.
const quiet = {
  auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
  realtime: { transport: ws },
}

export const clients = {}

export function serve() {
  let server
  before(async () => {
    server = await start()
    clients.url = server.url
    clients.anon = createClient(server.url, anonKey, quiet)
    clients.admin = createClient(server.url, serviceKey, quiet)
    clients.user = (sub) =>
      createClient(server.url, anonKey, { ...quiet, global: { headers: { Authorization: `Bearer ${userToken(sub)}` } } })
    clients.shop = createClient(server.url, anonKey, { ...quiet, db: { schema: 'shop' } })
  })
  after(() => server?.stop())
}

export const ids = (rows) => rows.map((row) => row.id)
