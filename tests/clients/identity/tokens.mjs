// ID tokens as an app would get them from the provider by itself.
import { world } from './harness.mjs'

export async function idToken(sub, { nonce, clientId = 'basalt', expiresIn = 600, from = world.openid } = {}) {
  const { provider, accounts } = from
  const client = await provider.Client.find(clientId)
  const token = new provider.IdToken({ sub, ...accounts.get(sub) }, { ctx: undefined, client })
  token.scope = 'openid email profile'
  if (nonce) token.set('nonce', nonce)
  return token.issue({ use: 'idtoken', expiresAt: Math.floor(Date.now() / 1000) + expiresIn })
}
