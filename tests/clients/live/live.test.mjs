// The shop's page of live stock, in two windows of a real browser.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import { chromium } from 'playwright-core'
import ws from 'ws'
import { anonKey, serviceKey, start } from '../server.mjs'

const shop = new URL('../../../examples/shop/', import.meta.url)
const client = readFileSync(new URL('../node_modules/@supabase/supabase-js/dist/umd/supabase.js', import.meta.url))
const page = readFileSync(new URL('live.html', shop))
const world = {}

before(async () => {
  world.pages = createServer((_, response) => response.setHeader('content-type', 'text/html').end(page))
  await new Promise((resolve) => world.pages.listen(0, '127.0.0.1', resolve))
  world.server = await start(undefined, { project: shop.pathname })
  world.browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  })
})
after(async () => {
  await world.browser?.close()
  await world.server?.stop()
  world.pages?.close()
})

// A window of its own on the page. The client that the page takes from the network is the installed one.
async function open() {
  const window = await (await world.browser.newContext()).newPage()
  await window.route('https://esm.sh/**', (route) =>
    route.fulfill({
      contentType: 'text/javascript',
      headers: { 'access-control-allow-origin': '*' },
      body: `${client}\nexport const { createClient } = supabase`,
    }),
  )
  const query = new URLSearchParams({ key: anonKey, url: world.server.url })
  await window.goto(`http://127.0.0.1:${world.pages.address().port}/live.html?${query}`)
  await window.locator('#state', { hasText: 'SUBSCRIBED' }).waitFor()
  await window.locator('#stock tr').nth(19).waitFor()
  return window
}

const quantity = (window, product) => window.locator(`[data-product="${product}"] td`).nth(1)

test('stock that is written shows in both windows as it changes', async () => {
  const windows = [await open(), await open()]
  const operator = createClient(world.server.url, serviceKey, { auth: { persistSession: false }, realtime: { transport: ws } })
  const product = await windows[0].locator('#stock tr').nth(3).getAttribute('data-product')
  const before = Number(await quantity(windows[0], product).textContent())
  assert.equal(Number(await quantity(windows[1], product).textContent()), before)
  for (const wanted of [before + 1000, before + 1001]) {
    const { error } = await operator.from('stock').update({ quantity: wanted }).eq('product_id', product)
    assert.equal(error, null)
    for (const window of windows) {
      await window.locator(`[data-product="${product}"]`, { hasText: String(wanted) }).waitFor()
      assert.equal(await quantity(window, product).textContent(), String(wanted))
    }
  }
  // The rows of other products are as they were, and there are no more of them.
  assert.equal(await windows[0].locator('#stock tr').count(), 20)
})
