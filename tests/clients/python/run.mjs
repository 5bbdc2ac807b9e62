// Runs the tests of the Python client, named by PYTHON, against a server of their own.
import { spawn } from 'node:child_process'
import { anonKey, start } from '../server.mjs'

const config = '\n[auth.rate_limit]\nsign_in_sign_ups = 100000\ntoken_refresh = 100000\n'
const server = await start(undefined, { config })
const tests = new URL('test_auth.py', import.meta.url).pathname
const child = spawn(process.env.PYTHON, [tests], {
  stdio: 'inherit',
  env: { ...process.env, URL: server.url, ANON_KEY: anonKey },
})
process.exitCode = await new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
await server.stop()
