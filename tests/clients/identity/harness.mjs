// A server with its providers for a file of tests, applications that sign in by them, and a browser.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'
import { anonKey, freePort, serviceKey, start } from '../server.mjs'
import { CLIENT, SECRET, discord, github, openid } from './providers.mjs'

export const APP = 'http://127.0.0.1:3000'
export const world = {}

// `settings` continue `[auth]`; `more` has what differs from the usual: keys of `[auth]`, further lines for Discord, further tables.
export function serve(settings = '', { enable_manual_linking = true, discord: discords = '', external: others = '' } = {}) {
  before(async () => {
    const port = await freePort()
    world.callback = `http://127.0.0.1:${port}/auth/v1/callback`
    world.openid = await openid(world.callback)
    world.apple = await openid(world.callback, { apples: true })
    world.github = await github()
    world.discord = await discord()
    const external = (name, { url }, more = '') =>
      `\n[auth.external.${name}]\nenabled = true\nclient_id = "${CLIENT}"\nsecret = "${SECRET}"\nurl = "${url}"\n${more}`
    const config = `
[auth]
site_url = "${APP}"
additional_redirect_urls = ["https://*.preview.example/**", "myapp://callback"]
enable_manual_linking = ${enable_manual_linking}
enable_anonymous_sign_ins = true
${settings}
[auth.rate_limit]
token_refresh = 30000
anonymous_users = 1000
[outbound]
allow = ["127.0.0.1"]
${external('acme', world.openid)}${external('apple', world.apple)}${external('github', world.github)}${external('discord', world.discord, discords)}
[auth.external.gitlab]
enabled = false
${others}`
    world.server = await start(undefined, { port, config })
    world.url = world.server.url
    world.auth = `${world.url}/auth/v1`
    world.admin = client(serviceKey)
  })
  after(async () => {
    for (const part of ['server', 'openid', 'apple', 'github', 'discord']) await world[part]?.stop()
  })
}

// An application: `flowType` is `pkce` or `implicit`. Its storage is its own, as a browser's would be.
export function client(key = anonKey, flowType = 'pkce') {
  const stored = new Map()
  const storage = {
    getItem: (name) => stored.get(name) ?? null,
    setItem: (name, value) => stored.set(name, value),
    removeItem: (name) => stored.delete(name),
  }
  return createClient(world.url, key, {
    auth: { flowType, storage, autoRefreshToken: false, detectSessionInUrl: false, persistSession: true },
    realtime: { transport: ws },
  })
}

// Follows redirects with cookies, and submits forms that submit themselves with `fields` added, until one leads neither to the server nor to a
// provider: there the application would be.
export async function browse(start, fields = {}) {
  const jar = new Map()
  const ours = [world.url, world.openid.url, world.apple.url, world.github.url, world.discord.url]
  const trail = []
  for (let url = start; ; ) {
    if (!ours.some((origin) => url.startsWith(`${origin}/`))) return { home: new URL(url), trail }
    trail.push(url)
    assert.ok(trail.length < 20, `going round: ${trail.join('\n')}`)
    const { origin } = new URL(url)
    const cookies = [...(jar.get(origin) ?? new Map())].map(([name, value]) => `${name}=${value}`).join('; ')
    let response = await fetch(url, { redirect: 'manual', headers: { cookie: cookies } })
    const kept = jar.get(origin) ?? new Map()
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)
      kept.set(name, value)
    }
    jar.set(origin, kept)
    const [, action] = (response.ok && /<form method="post" action="([^"]+)"/.exec(await response.clone().text())) || []
    if (action) {
      const inputs = (await response.text()).matchAll(/name="([^"]+)" value="([^"]*)"/g)
      const form = new URLSearchParams([...[...inputs].map(([, name, value]) => [name, value]), ...Object.entries(fields)])
      response = await fetch(action, { method: 'POST', redirect: 'manual', body: form })
    }
    const location = response.headers.get('location')
    assert.ok(location, `${url} answered ${response.status}: ${await response.text()}`)
    url = new URL(location, url).href
  }
}

// The address at which a provider's part of a flow would begin, from the application's point of view.
export async function leave(app, provider, options = {}) {
  const { data, error } = await app.auth.signInWithOAuth({ provider, options: { skipBrowserRedirect: true, ...options } })
  assert.equal(error, null)
  return data.url
}

// The whole way by PKCE.
export async function signIn(app, provider, options = {}) {
  const { home } = await browse(await leave(app, provider, options))
  const code = home.searchParams.get('code')
  assert.ok(code, home.href)
  const { data, error } = await app.auth.exchangeCodeForSession(code)
  assert.equal(error, null)
  return data
}

export const fragment = (url) => Object.fromEntries(new URLSearchParams(url.hash.slice(1)))
export const query = (url) => Object.fromEntries(url.searchParams)
let people = 0
export const fresh = () => `ada${++people}-${process.pid}@example.com`
