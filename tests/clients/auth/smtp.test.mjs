// Mails through a real mail server: encrypted by STARTTLS, with an account, read as they were received; refused for good, and for a moment.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import { PASSWORD, SITE, client, eventually, fragment, fresh, land, ok, open, serve, world } from './harness.mjs'
import { certificate, key } from './mail-server-certificate.mjs'

const ACCOUNT = { user: 'shop', pass: 'the mail account’s "password"' }
const received = []
const attempts = []
// Recipients who are refused: for good, or the first time.
const unknown = new Set()
const busy = new Set()

const refusal = (responseCode, message) => Object.assign(new Error(message), { responseCode })
const mailServer = new SMTPServer({
  key,
  cert: certificate,
  onAuth({ username, password }, session, done) {
    const right = username === ACCOUNT.user && password === ACCOUNT.pass
    done(right ? null : refusal(535, 'wrong password'), { user: username })
  },
  onRcptTo({ address }, session, done) {
    attempts.push({ address, at: Date.now() })
    if (unknown.has(address)) return done(refusal(550, 'no such mailbox'))
    done(busy.delete(address) ? refusal(451, 'come again') : null)
  },
  onData(stream, session, done) {
    const chunks = []
    stream.on('data', (chunk) => chunks.push(chunk))
    stream.on('end', () => {
      const { mailFrom, rcptTo } = session.envelope
      received.push({ raw: Buffer.concat(chunks).toString(), encrypted: session.secure, user: session.user, mailFrom, rcptTo })
      done()
    })
  },
})
after(() => mailServer.close())

serve({
  email: 'enable_confirmations = true',
  async prepare() {
    await new Promise((resolve) => mailServer.listen(0, '127.0.0.1', resolve))
    const config = `
[auth.email.smtp]
enabled = true
host = "localhost"
port = ${mailServer.server.address().port}
user = "${ACCOUNT.user}"
pass = ${JSON.stringify(ACCOUNT.pass)}
admin_email = "no-reply@shop.example"
sender_name = "Läden & Söhne"
root_certificate = "mail.pem"
[auth.email.template.magic_link]
subject = "Anmeldung für {{ .Email }} – jetzt"
`
    return { config, files: { 'mail.pem': certificate } }
  },
})

// The mail to an address, as it was received and as a reader shows it.
const mailTo = async (email) => {
  const one = await eventually(() => received.find(({ rcptTo }) => rcptTo.some(({ address }) => address === email)))
  return { ...one, read: await simpleParser(one.raw) }
}
const tried = (email) => attempts.filter(({ address }) => address === email)

describe('a mail', () => {
  test('comes encrypted and by the account, with what a mail has', async () => {
    const email = fresh()
    const { auth } = client({ flowType: 'implicit' })
    await ok(auth.signUp({ email, password: PASSWORD, options: { emailRedirectTo: `${SITE}/welcome?a=1&b=2` } }))
    const { raw, encrypted, user, mailFrom, rcptTo, read } = await mailTo(email)
    assert.deepEqual([encrypted, user, mailFrom.address], [true, ACCOUNT.user, 'no-reply@shop.example'])
    assert.deepEqual(rcptTo.map(({ address }) => address), [email])
    assert.deepEqual(read.from.value, [{ address: 'no-reply@shop.example', name: 'Läden & Söhne' }])
    assert.equal(read.to.text, email)
    assert.equal(read.subject, 'Confirm your e-mail address')
    assert.match(read.messageId, /^<[0-9a-f-]{36}@shop\.example>$/)
    assert.ok(Math.abs(Date.now() - read.date) < 3_600_000, String(read.date))
    assert.equal(read.headers.get('auto-submitted'), 'auto-generated')
    assert.equal(read.headers.get('content-type').value, 'multipart/alternative')
    assert.ok(raw.split('\r\n').every((line) => line.length <= 998 && !/[^\x00-\x7f]/.test(line)))
    assert.equal((await fetch(`${world.url}/studio/mail`)).status, 404, 'the development mailbox is off')
  })
  test('has a text and a page with the same link and code, which work', async () => {
    const [byLink, byCode] = [fresh(), fresh()]
    const app = client({ flowType: 'implicit' })
    await ok(app.auth.signUp({ email: byLink, password: PASSWORD, options: { emailRedirectTo: `${SITE}/welcome?a=1&b=2` } }))
    const { read } = await mailTo(byLink)
    const [, shown] = /<a href="([^"]+)">/.exec(read.html)
    const link = shown.replaceAll('&amp;', '&').replaceAll('&#x2f;', '/')
    assert.ok(read.text.includes(link), `${link}\n${read.text}`)
    assert.ok(!/[<>]|&amp;/.test(read.text), read.text)
    const landed = await open(link)
    assert.equal(landed.origin + landed.pathname + landed.search, `${SITE}/welcome?a=1&b=2`)
    assert.equal(fragment(landed).type, 'signup')

    await ok(app.auth.signUp({ email: byCode, password: PASSWORD }))
    const [, token] = /\b(\d{6})\b/.exec((await mailTo(byCode)).read.text)
    assert.equal((await ok(app.auth.verifyOtp({ email: byCode, token, type: 'email' }))).user.email, byCode)
  })
  test('has the project’s subject, whatever its letters', async () => {
    const email = fresh()
    await ok(world.admin.auth.admin.createUser({ email, email_confirm: true }))
    const app = client({ flowType: 'implicit' })
    await ok(app.auth.signInWithOtp({ email }))
    const { read } = await mailTo(email)
    assert.equal(read.subject, `Anmeldung für ${email} – jetzt`)
    const [, link] = /\( (http[^ ]+) \)/.exec(read.text.replaceAll('\n', ''))
    assert.equal((await land(app, link)).user.email, email)
  })
})

describe('a server that refuses', () => {
  test('for good is not asked again, and nobody learns of it', async () => {
    const [email, next] = [fresh(), fresh()]
    unknown.add(email)
    await ok(client().auth.signUp({ email, password: PASSWORD }))
    await ok(client().auth.signUp({ email: next, password: PASSWORD }))
    await mailTo(next)
    await new Promise((resolve) => setTimeout(resolve, 2500))
    assert.equal(tried(email).length, 1)
  })
  test('for a moment is asked again, and holds up no other mail', async () => {
    const [late, next] = [fresh(), fresh()]
    busy.add(late)
    await ok(client().auth.signUp({ email: late, password: PASSWORD }))
    await ok(client().auth.signUp({ email: next, password: PASSWORD }))
    await mailTo(late)
    const order = received.flatMap(({ rcptTo }) => rcptTo.map(({ address }) => address))
    assert.ok(order.indexOf(next) < order.indexOf(late), order.join(' '))
    assert.equal(tried(late).length, 2)
    assert.equal(order.filter((address) => address === late).length, 1)
  })
})
