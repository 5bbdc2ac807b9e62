// @supabase/ssr: the session lives in cookies that a server reads and writes; links go on with PKCE.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createServerClient, parseCookieHeader, serializeCookieHeader } from '@supabase/ssr'
import ws from 'ws'
import { anonKey } from '../server.mjs'
import { PASSWORD, SITE, fresh, mail, ok, open, refused, serve, world } from './harness.mjs'

serve({ email: 'enable_confirmations = true' })

// A browser's cookies. They pass to and from the server as headers.
function browser() {
  const jar = new Map()
  const written = []
  return {
    jar,
    written,
    header: () => [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
    take(header) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header)
      written.push(name)
      if (/max-age=0/i.test(header)) jar.delete(name)
      else jar.set(name, value)
    },
  }
}

// The application's server while it answers one request of that browser.
function request(of) {
  return createServerClient(world.url, anonKey, {
    cookies: {
      getAll: () => parseCookieHeader(of.header()),
      setAll: (cookies) => cookies.forEach(({ name, value, options }) => of.take(serializeCookieHeader(name, value, options))),
    },
    realtime: { transport: ws },
  })
}

async function signUp(of) {
  const email = fresh()
  const emailRedirectTo = `${SITE}/auth/callback`
  await ok(request(of).auth.signUp({ email, password: PASSWORD, options: { emailRedirectTo } }))
  const home = await open((await mail(email, 'confirmation')).link)
  assert.equal(home.pathname, '/auth/callback')
  await ok(request(of).auth.exchangeCodeForSession(home.searchParams.get('code')))
  return email
}

describe('@supabase/ssr', () => {
  test('sign-up by PKCE: the verifier and the session are cookies', async () => {
    const ada = browser()
    const email = await signUp(ada)
    assert.ok([...ada.jar.keys()].some((name) => /auth-token/.test(name)))
    assert.ok(![...ada.jar.keys()].some((name) => /code-verifier/.test(name)), 'the verifier is used up')
    const app = request(ada)
    assert.equal((await ok(app.auth.getUser())).user.email, email)
    await ok(app.from('notes').insert({ body: 'by cookie' }))
    assert.deepEqual(await ok(request(ada).from('notes').select('body')), [{ body: 'by cookie' }])
    assert.deepEqual(await ok(request(browser()).from('notes').select('body')), [])
  })
  test('a magic link is of use to the browser that asked for it', async () => {
    const email = await signUp(browser())
    const [ada, eve] = [browser(), browser()]
    await ok(request(ada).auth.signInWithOtp({ email }))
    const home = await open((await mail(email, 'magic_link')).link)
    const code = home.searchParams.get('code')
    await refused(request(eve).auth.exchangeCodeForSession(code), 400, 'pkce_code_verifier_not_found')
    assert.equal((await ok(request(ada).auth.exchangeCodeForSession(code))).user.email, email)
    assert.equal((await ok(request(ada).auth.getUser())).user.email, email)
  })
  test('a refresh writes the cookies anew', async () => {
    const ada = browser()
    const email = await signUp(ada)
    const before = ada.header()
    ada.written.length = 0
    await ok(request(ada).auth.refreshSession())
    assert.ok(ada.written.length > 0)
    assert.notEqual(ada.header(), before)
    assert.equal((await ok(request(ada).auth.getUser())).user.email, email)
  })
  test('signing out takes them away', async () => {
    const ada = browser()
    await signUp(ada)
    await request(ada).auth.signOut()
    assert.deepEqual([...ada.jar.keys()].filter((name) => /auth-token/.test(name)), [])
    assert.equal((await request(ada).auth.getUser()).error.name, 'AuthSessionMissingError')
  })
  test('a new password by the code of the mail', async () => {
    const email = await signUp(browser())
    const ada = browser()
    await ok(request(ada).auth.resetPasswordForEmail(email))
    await ok(request(ada).auth.verifyOtp({ email, token: (await mail(email, 'recovery')).token, type: 'recovery' }))
    await ok(request(ada).auth.updateUser({ password: 'Recovered-horse-9' }))
    await ok(request(browser()).auth.signInWithPassword({ email, password: 'Recovered-horse-9' }))
  })
})
