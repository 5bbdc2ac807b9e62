// What begins in a mail: confirmation, magic links, codes, recovery, changes of address, invitations. By links of both flows, by
// codes, and by the hash that a template of one's own may carry.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PASSWORD, SITE, claimsOf, client, fragment, fresh, hashOf, land, mail, mails, ok, open, refused, serve, world } from './harness.mjs'

serve({ email: 'enable_confirmations = true\nsecure_password_change = true' })

const methods = ({ session }) => claimsOf(session.access_token).amr.map((entry) => entry.method)

// A user whose address is confirmed, signed in.
async function confirmed(options) {
  const app = client(options)
  const email = fresh()
  await ok(app.auth.signUp({ email, password: PASSWORD }))
  await ok(app.auth.verifyOtp({ email, token: (await mail(email, 'confirmation')).token, type: 'email' }))
  return { ...app, email }
}

async function signUp(options, redirect) {
  const app = client(options)
  const email = fresh()
  const emailRedirectTo = redirect
  const { user, session } = await ok(app.auth.signUp({ email, password: PASSWORD, options: { emailRedirectTo } }))
  assert.equal(session, null)
  return { ...app, email, user, letter: await mail(email, 'confirmation') }
}

describe('sign-up with confirmation', () => {
  test('nobody is in before the address is confirmed', async () => {
    const { auth, email, user } = await signUp()
    assert.ok(user.confirmation_sent_at)
    assert.deepEqual([user.email_confirmed_at, user.confirmed_at, user.user_metadata.email_verified], [undefined, undefined, false])
    await refused(auth.signInWithPassword({ email, password: PASSWORD }), 400, 'email_not_confirmed', /^Email not confirmed$/)
    await refused(auth.signInWithPassword({ email, password: 'wrong password' }), 400, 'invalid_credentials')
  })
  test('by the link, implicit: tokens in the fragment', async () => {
    const app = await signUp({ flowType: 'implicit' }, `${SITE}/welcome?next=1`)
    const link = new URL(app.letter.link)
    assert.equal(link.origin + link.pathname, `${world.auth}/verify`)
    assert.deepEqual([link.searchParams.get('type'), link.searchParams.get('redirect_to')], ['signup', `${SITE}/welcome?next=1`])
    const home = await open(app.letter.link)
    assert.equal(home.href.split('#')[0], `${SITE}/welcome?next=1`)
    const { access_token, refresh_token, expires_at, ...rest } = fragment(home)
    assert.deepEqual(rest, { expires_in: '3600', sb: '', token_type: 'bearer', type: 'signup' })
    assert.equal(Number(expires_at), claimsOf(access_token).exp)
    const { user, session } = await ok(app.auth.setSession({ access_token, refresh_token }))
    assert.ok(user.email_confirmed_at)
    assert.equal(user.user_metadata.email_verified, true)
    assert.deepEqual(methods({ session }), ['email/signup'])
  })
  test('a link is good once', async () => {
    const { letter } = await signUp()
    await open(letter.link)
    const { error, error_code, error_description } = fragment(await open(letter.link))
    assert.deepEqual([error, error_code, error_description], ['access_denied', 'otp_expired', 'Email link is invalid or has expired'])
  })
  test('by the link, PKCE: a code is exchanged where the flow began', async () => {
    const app = await signUp({ flowType: 'pkce' }, `${SITE}/welcome?next=1`)
    assert.match(hashOf(app.letter), /^pkce_/)
    const home = await open(app.letter.link)
    assert.deepEqual([home.searchParams.get('next'), home.hash], ['1', ''])
    const code = home.searchParams.get('code')
    await refused(client({ flowType: 'pkce' }).auth.exchangeCodeForSession(code), 400, 'pkce_code_verifier_not_found')
    const { user, session } = await ok(app.auth.exchangeCodeForSession(code))
    assert.equal(user.email, app.email)
    assert.ok(session.refresh_token)
    const failed = await open(app.letter.link)
    assert.equal(failed.searchParams.get('error_code'), 'otp_expired')
    assert.equal(fragment(failed).error_code, 'otp_expired')
  })
  test('by the code, and by its hash', async () => {
    const byCode = await signUp()
    await refused(byCode.auth.verifyOtp({ email: byCode.email, token: '000000x', type: 'email' }), 403, 'otp_expired', /Token has expired or is invalid/)
    const typed = await ok(byCode.auth.verifyOtp({ email: byCode.email, token: byCode.letter.token, type: 'email' }))
    assert.deepEqual(methods(typed), ['otp'])
    await refused(byCode.auth.verifyOtp({ email: byCode.email, token: byCode.letter.token, type: 'email' }), 403, 'otp_expired')

    const byHash = await signUp()
    await refused(byHash.auth.verifyOtp({ token_hash: 'unknown', type: 'signup' }), 403, 'otp_expired', /Email link is invalid or has expired/)
    const { user } = await ok(byHash.auth.verifyOtp({ token_hash: hashOf(byHash.letter), type: 'signup' }))
    assert.equal(user.email, byHash.email)
    const asSignup = await signUp()
    assert.ok((await ok(asSignup.auth.verifyOtp({ email: asSignup.email, token: asSignup.letter.token, type: 'signup' }))).session)
  })
  test('a mail is sent again, the older one is void', async () => {
    const { auth, email, letter } = await signUp()
    await ok(auth.resend({ type: 'signup', email }))
    const again = await mail(email, 'confirmation')
    assert.notEqual(again.id, letter.id)
    await refused(auth.verifyOtp({ email, token: letter.token, type: 'email' }), 403, 'otp_expired')
    await ok(auth.verifyOtp({ email, token: again.token, type: 'email' }))
    await ok(auth.resend({ type: 'signup', email }))
    await ok(auth.resend({ type: 'signup', email: fresh() }))
    assert.equal((await mails(email)).length, 2)
  })
  test('who is there already is not told', async () => {
    const { email } = await confirmed()
    const { user, session } = await ok(client().auth.signUp({ email, password: 'Other-horse-9' }))
    assert.equal(session, null)
    assert.deepEqual([user.identities, user.email], [[], email])
    assert.equal((await mails(email)).length, 1)
    await ok(client().auth.signInWithPassword({ email, password: PASSWORD }))
  })
  test('a link leads home when its address is not allowed', async () => {
    for (const redirect of ['https://evil.example', 'https://a.preview.example@evil.example', 'javascript:alert(1)']) {
      const { letter } = await signUp({ flowType: 'implicit' }, redirect)
      assert.equal((await open(letter.link)).origin, SITE)
    }
    const { letter } = await signUp({ flowType: 'implicit' }, 'https://pr-1.preview.example/a/b')
    assert.equal((await open(letter.link)).origin, 'https://pr-1.preview.example')
  })
})

describe('without a password', () => {
  test('a magic link of an existing user', async () => {
    const { email } = await confirmed()
    const app = client({ flowType: 'implicit' })
    await ok(app.auth.signInWithOtp({ email, options: { emailRedirectTo: `${SITE}/in` } }))
    const session = await land(app, (await mail(email, 'magic_link')).link)
    assert.deepEqual([session.type, session.user.email], ['magiclink', email])
    assert.deepEqual(methods(session), ['magiclink'])
  })
  test('a magic link by PKCE', async () => {
    const { email } = await confirmed()
    const app = client({ flowType: 'pkce' })
    await ok(app.auth.signInWithOtp({ email }))
    const home = await open((await mail(email, 'magic_link')).link)
    const { user } = await ok(app.auth.exchangeCodeForSession(home.searchParams.get('code')))
    assert.equal(user.email, email)
    assert.ok(app.events.includes('SIGNED_IN'))
  })
  test('a code, of both flows, and a hash', async () => {
    const { email } = await confirmed()
    for (const flowType of ['implicit', 'pkce']) {
      const app = client({ flowType })
      await ok(app.auth.signInWithOtp({ email }))
      const { token } = await mail(email, 'magic_link')
      assert.match(token, /^\d{6}$/)
      assert.equal((await ok(app.auth.verifyOtp({ email, token, type: 'email' }))).user.email, email)
    }
    const app = client()
    await ok(app.auth.signInWithOtp({ email }))
    const token_hash = hashOf(await mail(email, 'magic_link'))
    assert.equal((await ok(app.auth.verifyOtp({ token_hash, type: 'email' }))).user.email, email)
  })
  test('a new user, who may be wanted or not', async () => {
    const email = fresh()
    const app = client()
    await refused(app.auth.signInWithOtp({ email, options: { shouldCreateUser: false } }), 422, 'otp_disabled', /Signups not allowed for otp/)
    await ok(app.auth.signInWithOtp({ email, options: { data: { name: 'New' } } }))
    const { user } = await ok(app.auth.verifyOtp({ email, token: (await mail(email, 'confirmation')).token, type: 'email' }))
    assert.deepEqual([user.email, user.user_metadata.name], [email, 'New'])
  })
})

describe('recovery', () => {
  test('implicit: a session that may set a password', async () => {
    const { email } = await confirmed()
    const app = client({ flowType: 'implicit' })
    await ok(app.auth.resetPasswordForEmail(email, { redirectTo: `${SITE}/reset` }))
    const session = await land(app, (await mail(email, 'recovery')).link)
    assert.equal(session.type, 'recovery')
    assert.deepEqual(methods(session), ['recovery'])
    await ok(app.auth.updateUser({ password: 'Recovered-horse-9' }))
    await ok(client().auth.signInWithPassword({ email, password: 'Recovered-horse-9' }))
  })
  test('by the code and the hash', async () => {
    const { auth, email, events } = await confirmed()
    await ok(auth.resetPasswordForEmail(email))
    await ok(auth.verifyOtp({ email, token: (await mail(email, 'recovery')).token, type: 'recovery' }))
    assert.ok(events.includes('PASSWORD_RECOVERY'))
    await ok(auth.resetPasswordForEmail(email))
    await ok(auth.verifyOtp({ token_hash: hashOf(await mail(email, 'recovery')), type: 'recovery' }))
  })
})

describe('a change of address', () => {
  test('is confirmed at both addresses', async () => {
    const app = await confirmed({ flowType: 'implicit' })
    const email = fresh()
    const { user } = await ok(app.auth.updateUser({ email }, { emailRedirectTo: `${SITE}/changed` }))
    assert.deepEqual([user.email, user.new_email], [app.email, email])
    const first = await open((await mail(email, 'email_change')).link)
    assert.match(fragment(first).message, /^Confirmation link accepted/)
    assert.equal((await app.auth.getUser()).data.user.email, app.email)
    const session = await land(app, (await mail(app.email, 'email_change')).link)
    assert.deepEqual([session.user.email, session.user.new_email, session.type], [email, undefined, 'email_change'])
    assert.equal(session.user.identities[0].identity_data.email, email)
    await ok(client().auth.signInWithPassword({ email, password: PASSWORD }))
    await refused(client().auth.signInWithPassword({ email: app.email, password: PASSWORD }), 400, 'invalid_credentials')
  })
  test('by codes, and sent again', async () => {
    const { auth, email: old } = await confirmed()
    const email = fresh()
    await ok(auth.updateUser({ email }))
    await ok(auth.resend({ type: 'email_change', email: old }))
    assert.deepEqual([(await mails(email)).length, (await mails(old)).filter((m) => m.kind === 'email_change').length], [2, 2])
    const half = await ok(auth.verifyOtp({ email: old, token: (await mail(old, 'email_change')).token, type: 'email_change' }))
    assert.equal(half.session?.access_token, undefined)
    const whole = await ok(auth.verifyOtp({ email, token: (await mail(email, 'email_change')).token, type: 'email_change' }))
    assert.equal(whole.user.email, email)
  })
  test('by PKCE', async () => {
    const { auth, email: old } = await confirmed({ flowType: 'pkce' })
    const email = fresh()
    await ok(auth.updateUser({ email }))
    await open((await mail(old, 'email_change')).link)
    const home = await open((await mail(email, 'email_change')).link)
    assert.ok(home.searchParams.get('code'))
    // The library forgets the verifier when it stores the user that `updateUser` answers; its session goes on and tells the change.
    const { user, session } = await ok(auth.refreshSession())
    assert.deepEqual([user.email, claimsOf(session.access_token).email], [email, email])
  })
  test('to an address that is taken is refused', async () => {
    const [ada, bob] = [await confirmed(), await confirmed()]
    await refused(ada.auth.updateUser({ email: bob.email }), 422, 'email_exists', /already been registered/)
    await refused(ada.auth.updateUser({ email: 'nobody' }), 400, 'validation_failed')
  })
})

describe('reauthentication', () => {
  test('a nonce is mailed, and used up; a recent session needs none', async () => {
    const { auth, email } = await confirmed()
    await ok(auth.reauthenticate())
    const { token } = await mail(email, 'reauthentication')
    assert.match(token, /^\d{6}$/)
    await ok(auth.updateUser({ password: 'Another-horse-8', nonce: token }))
    await refused(client().auth.signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
  })
})

describe('an invitation', () => {
  test('makes a user who is confirmed by the link', async () => {
    const email = fresh()
    const { user } = await ok(world.admin.auth.admin.inviteUserByEmail(email, { data: { team: 'red' }, redirectTo: `${SITE}/join` }))
    assert.ok(user.invited_at)
    const app = client({ flowType: 'implicit' })
    const { link } = await mail(email, 'invite')
    const session = await land(app, link)
    assert.deepEqual([session.type, session.user.user_metadata.team], ['invite', 'red'])
    assert.deepEqual(methods(session), ['invite'])
    await ok(app.auth.updateUser({ password: PASSWORD }))
    await ok(client().auth.signInWithPassword({ email, password: PASSWORD }))
    await refused(world.admin.auth.admin.inviteUserByEmail(email), 422, 'email_exists')
    await refused(client().auth.admin.inviteUserByEmail(fresh()), 403, 'not_admin', /User not allowed/)
  })
  test('or by the code', async () => {
    const email = fresh()
    await ok(world.admin.auth.admin.inviteUserByEmail(email))
    const { user } = await ok(client().auth.verifyOtp({ email, token: (await mail(email, 'invite')).token, type: 'invite' }))
    assert.equal(user.email, email)
  })
})
