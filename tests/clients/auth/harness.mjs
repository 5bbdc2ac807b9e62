// A server whose mails land in the mailbox, applications that use it, and a reader of its mails.
import assert from 'node:assert/strict'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { after, before } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'
import { anonKey, serviceKey, start } from '../server.mjs'

export const SITE = 'http://127.0.0.1:3000'
export const PASSWORD = 'Correct-horse-7'
export const world = {}
const services = []

// Serves the project. `auth` and `email` are keys of those tables of the configuration, `more` are tables of their own, `files` further
// files; `prepare` may give more of both once its services run. `keys` are the project's API keys.
export function serve({ auth = '', email = '', more = '', files, prepare, keys = { anon: anonKey, service: serviceKey } } = {}) {
  before(async () => {
    const prepared = prepare ? await prepare() : {}
    const config = `
[auth]
site_url = "${SITE}"
additional_redirect_urls = ["https://*.preview.example/**"]
${auth}
[auth.rate_limit]
email_sent = 100000
sms_sent = 100000
anonymous_users = 100000
token_refresh = 100000
sign_in_sign_ups = 100000
token_verifications = 100000
[auth.email]
max_frequency = "0s"
${email}
[outbound]
allow = ["127.0.0.1"]
${more}
${prepared.config ?? ''}`
    world.server = await start(undefined, { config, files: { ...files, ...prepared.files } })
    world.url = world.server.url
    world.auth = `${world.url}/auth/v1`
    world.keys = keys
    world.admin = client({ key: keys.service }).client
  })
  after(async () => {
    await world.server?.stop()
    services.forEach((service) => service.close())
  })
}

// An application with a storage of its own, and the events that it was told.
export function client({ key = world.keys.anon, ...auth } = {}) {
  const stored = new Map()
  const storage = {
    getItem: (name) => stored.get(name) ?? null,
    setItem: (name, value) => void stored.set(name, value),
    removeItem: (name) => void stored.delete(name),
  }
  const events = []
  const made = createClient(world.url, key, {
    auth: { storage, autoRefreshToken: false, detectSessionInUrl: false, persistSession: true, ...auth },
    realtime: { transport: ws },
  })
  made.auth.onAuthStateChange((event) => void events.push(event))
  return { client: made, auth: made.auth, events, storage }
}

let people = 0
export const fresh = () => `ada${++people}-${process.pid}@example.com`
export const freshPhone = () => `4915${String(process.pid).padStart(7, '0')}${String(++people).padStart(3, '0')}`.slice(0, 15)

// The result of a call that must work.
export async function ok(call) {
  const { data, error } = await call
  assert.equal(error, null, JSON.stringify(error))
  return data
}

// The error of a call that must not: its status and code.
export async function refused(call, status, code, message) {
  const { error } = await call
  assert.ok(error, `nothing was refused with ${code}`)
  assert.deepEqual([error.status, error.code], [status, code], error.message)
  if (message) assert.match(error.message, message)
  return error
}

// A new user who signed up and in, without confirmation.
export async function signedUp(options) {
  const app = client(options)
  const email = fresh()
  const { user, session } = await ok(app.auth.signUp({ email, password: PASSWORD }))
  assert.ok(session)
  return { ...app, email, user, session }
}

// All mails to an address, newest first.
export async function mails(to) {
  const response = await fetch(`${world.url}/studio/mail/messages?to=${encodeURIComponent(to)}`)
  return response.json()
}

// The latest mail to an address, which must be of that kind.
export async function mail(to, kind) {
  const [latest] = await mails(to)
  assert.equal(latest?.kind, kind, `mails to ${to}`)
  return latest
}

export const hashOf = (mail) => new URL(mail.link).searchParams.get('token')

// Opens the link of a mail as a browser would: where it leads.
export async function open(link) {
  const response = await fetch(link, { redirect: 'manual' })
  assert.equal(response.status, 303, await response.text())
  return new URL(response.headers.get('location'))
}

export const fragment = (url) => Object.fromEntries(new URLSearchParams(url.hash.slice(1)))
export const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))

// Opens an implicit link and takes the session from the fragment, as the browser's client does.
export async function land(app, link) {
  const { access_token, refresh_token, ...rest } = fragment(await open(link))
  assert.ok(access_token, JSON.stringify(rest))
  return { ...(await ok(app.auth.setSession({ access_token, refresh_token }))), type: rest.type }
}

// A service on loopback: it keeps what it is asked, and answers what `answer(request)` says.
export async function service(answer) {
  const requests = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const asked = { headers: request.headers, path: request.url, body }
    requests.push(asked)
    const { status = 200, json = {} } = answer(asked) ?? {}
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(json))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const latest = () => JSON.parse(requests.at(-1).body)
  services.push(server)
  return { url: `http://127.0.0.1:${server.address().port}`, requests, latest }
}

// Whether a request is signed with a secret (`v1,whsec_...`) by the Standard Webhooks scheme.
export function isSigned({ headers, body }, secret) {
  const key = Buffer.from(secret.replace('v1,whsec_', ''), 'base64')
  const message = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const expected = createHmac('sha256', key).update(message).digest()
  return headers['webhook-signature'].split(' ').some((part) => {
    const given = Buffer.from(part.replace('v1,', ''), 'base64')
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

// Waits until something is so; what comes by another way takes a moment.
export async function eventually(check) {
  for (let tries = 0; tries < 200; tries++) {
    const found = await check()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  assert.fail('it never came')
}
