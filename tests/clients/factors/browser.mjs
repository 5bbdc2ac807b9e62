// A page of an application in Chromium, with a virtual authenticator and the published client.
import { after, before } from 'node:test'
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { anonKey, serviceKey, start } from '../server.mjs'

const bundle = readFileSync(new URL('../node_modules/@supabase/supabase-js/dist/umd/supabase.js', import.meta.url))

export const PASSWORD = 'Correct-horse-7'
export const world = { anonKey, serviceKey }

// Pages at an origin of their own. Browsers take passkeys from names alone, and "localhost" is secure without TLS.
async function pages() {
  const server = createServer((request, response) => {
    const isScript = request.url === '/supabase.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? bundle : '<!doctype html><title>shop</title><script src="/supabase.js"></script>')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { origin: `http://localhost:${server.address().port}`, stop: () => server.close() }
}

export function serve() {
  before(async () => {
    world.shop = await pages()
    world.elsewhere = await pages()
    const config = `
[auth]
site_url = "${world.shop.origin}"
[auth.passkey]
enabled = true
[auth.rate_limit]
mfa = 1000
`
    world.server = await start(undefined, { config })
    world.url = world.server.url
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
    world.browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  })
  after(async () => {
    await world.browser?.close()
    await world.server?.stop()
    world.shop?.stop()
    world.elsewhere?.stop()
  })
}

// A browser of its own with an authenticator: `internal` is that of the device, `usb` a security key.
export async function open(transport, { origin } = world.shop) {
  const context = await world.browser.newContext()
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport,
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  await page.goto(origin)
  await page.evaluate(
    ([url, key]) => {
      window.app = window.supabase.createClient(url, key, { auth: { experimental: { passkey: true } } })
      window.claims = async () => {
        const { data } = await window.app.auth.getSession()
        return JSON.parse(atob(data.session.access_token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')))
      }
    },
    [world.url, world.anonKey],
  )
  return { page, devtools, authenticatorId }
}

