// Starts a server over a fresh copy of the test project, and stops it.
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { appendFileSync, chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const SECRET = 'super-secret-jwt-token-with-at-least-32-characters-long'
const here = new URL('.', import.meta.url).pathname

export function token(claims, secret = SECRET) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const message = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: 4102444800, ...claims })}`
  return `${message}.${createHmac('sha256', secret).update(message).digest('base64url')}`
}

export const anonKey = token({ role: 'anon' })
export const serviceKey = token({ role: 'service_role' })
export const userToken = (sub) => token({ role: 'authenticated', sub, aud: 'authenticated' })

export const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })

// `options.project` is the folder to copy if not the test project, `options.port` the port to take, `options.config` what to add to
// basalt.toml, `options.files` further files by their names. With `options.node`, `{ database, secret }`, it is one of several nodes of `basalt serve`.
export async function start(engine = process.env.ENGINE ?? 'sqlite', options = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-clients-'))
  // A private PostgreSQL runs as a user of its own, who has to pass.
  chmodSync(folder, 0o711)
  // Data of a server that ran there stays there.
  const filter = (path) => !basename(path).startsWith('.')
  cpSync(options.project ?? join(here, 'project'), folder, { recursive: true, filter })
  if (options.config) appendFileSync(join(folder, 'basalt.toml'), options.config)
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), text)
  const port = options.port ?? (await freePort())
  const { node } = options
  const words = node ? ['serve', folder, '--migrate'] : ['dev', folder, '--engine', engine]
  const variables = node && { BASALT_DATABASE__URL: node.database, BASALT_AUTH__JWT_SECRET: node.secret }
  const child = spawn(process.env.SERVER, [...words, '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
  })
  let output = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (output += data))
  const url = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    const ready = await fetch(`${url}/health/ready`).then((r) => r.ok).catch(() => false)
    if (ready) break
    if (child.exitCode !== null || tries > 400) throw new Error(`the server did not start:\n${output}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url,
    async stop() {
      child.kill('SIGTERM')
      await new Promise((resolve) => child.once('exit', resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
