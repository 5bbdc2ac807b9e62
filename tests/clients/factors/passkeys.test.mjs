// Passkeys and security keys in a browser, through the published client.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PASSWORD, open, serve, world } from './browser.mjs'

serve()

const signUp = (page, email) =>
  page.evaluate(
    async ([email, password]) => {
      const { data, error } = await window.app.auth.signUp({ email, password })
      if (error) throw error
      return data.user.id
    },
    [email, PASSWORD],
  )

test('a user registers a passkey, signs in with it, names and deletes it', async () => {
  const { page, devtools, authenticatorId } = await open('internal')
  const user = await signUp(page, 'ada@example.com')
  const registered = await page.evaluate(async () => {
    const { data, error } = await window.app.auth.registerPasskey()
    if (error) throw error
    await window.app.auth.signOut()
    return data
  })
  assert.match(registered.id, /^[0-9a-f-]{36}$/)
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
  assert.deepEqual(
    credentials.map(({ isResidentCredential, rpId, userName }) => ({ isResidentCredential, rpId, userName })),
    [{ isResidentCredential: true, rpId: 'localhost', userName: 'ada@example.com' }],
  )

  for (let time = 0; time < 2; time++) {
    const claims = await page.evaluate(async () => {
      const { data, error } = await window.app.auth.signInWithPasskey()
      if (error) throw error
      if (!data.session) throw new Error('no session')
      return window.claims()
    })
    assert.deepEqual([claims.sub, claims.aal, claims.amr[0].method], [user, 'aal1', 'passkey'])
  }

  const again = await page.evaluate(async () => (await window.app.auth.registerPasskey()).error?.name)
  assert.ok(again, 'the authenticator holds a passkey already')
  const [named, listed] = await page.evaluate(async (passkeyId) => {
    const named = await window.app.auth.passkey.update({ passkeyId, friendlyName: 'Laptop' })
    if (named.error) throw named.error
    return [named.data, (await window.app.auth.passkey.list()).data]
  }, registered.id)
  assert.equal(named.friendly_name, 'Laptop')
  assert.deepEqual(listed.map(({ id, friendly_name }) => ({ id, friendly_name })), [{ id: registered.id, friendly_name: 'Laptop' }])
  assert.ok(listed[0].last_used_at)

  const refusal = await page.evaluate(async (passkeyId) => {
    const { error } = await window.app.auth.passkey.delete({ passkeyId })
    if (error) throw error
    await window.app.auth.signOut()
    return (await window.app.auth.signInWithPasskey()).error?.code
  }, registered.id)
  assert.equal(refusal, 'webauthn_credential_not_found')
})

test('a key that verifies nobody registers no passkey and signs nobody in', async () => {
  const { page, devtools, authenticatorId } = await open('internal')
  await signUp(page, 'grace@example.com')
  await page.evaluate(async () => {
    const { error } = await window.app.auth.registerPasskey()
    if (error) throw error
    await window.app.auth.signOut()
  })
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  // The browser itself says no, since the options require it.
  const cause = await page.evaluate(async () => (await window.app.auth.signInWithPasskey()).error?.cause?.name)
  assert.equal(cause, 'NotAllowedError')
})

test('an application at another address gets no passkey of this one', async () => {
  const { page } = await open('internal', world.elsewhere)
  await signUp(page, 'eve@example.com')
  const code = await page.evaluate(async () => (await window.app.auth.registerPasskey()).error?.code)
  assert.equal(code, 'webauthn_verification_failed')
})

test('a security key is a second factor', async () => {
  const { page } = await open('usb')
  await signUp(page, 'lin@example.com')
  const enrolled = await page.evaluate(async () => {
    const { error } = await window.app.auth.mfa.webauthn.register({ friendlyName: 'key' })
    if (error) throw error
    return window.claims()
  })
  assert.equal(enrolled.aal, 'aal2')
  const [before, levels, after] = await page.evaluate(async (password) => {
    await window.app.auth.signOut()
    await window.app.auth.signInWithPassword({ email: 'lin@example.com', password })
    const before = await window.claims()
    const { data: levels } = await window.app.auth.mfa.getAuthenticatorAssuranceLevel()
    const { data: factors } = await window.app.auth.mfa.listFactors()
    const { error } = await window.app.auth.mfa.webauthn.authenticate({ factorId: factors.webauthn[0].id })
    if (error) throw error
    return [before, levels, await window.claims()]
  }, PASSWORD)
  assert.deepEqual([before.aal, levels.currentLevel, levels.nextLevel], ['aal1', 'aal1', 'aal2'])
  assert.deepEqual([after.aal, after.session_id], ['aal2', before.session_id])
  assert.deepEqual(after.amr.map(({ method }) => method), ['mfa/webauthn', 'password'])
})
