// Identity providers on loopback: a certified OpenID provider (the package oidc-provider), and stand-ins of GitHub's and Discord's own flows.
import { createHash, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

export const CLIENT = 'basalt'
export const SECRET = 'a secret of %40 & more'

async function listen(handler) {
  const server = createServer(handler)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, origin: `http://127.0.0.1:${server.address().port}` }
}

const stop = (server) => () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)))

// Whoever `login_hint` names signs in and consents. `accounts` may be changed at any time: subject -> claims.
// `apples`: at Apple's paths and in Apple's way: no PKCE, secrets in the form, all claims in the ID token.
export async function openid(redirectUri, { apples = false } = {}) {
  const accounts = new Map()
  let handle
  const { server, origin } = await listen((request, response) => handle(request, response))
  const provider = new Provider(origin, {
    clients: [
      {
        client_id: CLIENT,
        client_secret: SECRET,
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: apples ? 'client_secret_post' : 'client_secret_basic',
      },
      { client_id: 'stranger', client_secret: SECRET, redirect_uris: ['http://127.0.0.1/other'] },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified', 'is_private_email'], profile: ['name', 'picture', 'preferred_username'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, accountId) =>
      accounts.has(accountId) ? { accountId, claims: () => ({ sub: accountId, ...accounts.get(accountId) }) } : undefined,
    pkce: { required: () => !apples },
    conformIdTokenClaims: !apples,
    scopes: ['openid', 'offline_access', 'name', 'email'],
    ...(apples && { routes: { authorization: '/auth/authorize', token: '/auth/token', jwks: '/auth/keys' } }),
    cookies: { keys: ['only for tests'] },
    ttl: { AccessToken: 600, IdToken: 600, Grant: 600, Interaction: 600, Session: 600 },
  })
  const callback = provider.callback()
  handle = async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return callback(request, response)
    const { params, prompt, grantId } = await provider.interactionDetails(request, response)
    const accountId = params.login_hint
    if (prompt.name === 'login') {
      const result = accounts.has(accountId)
        ? { login: { accountId } }
        : { error: 'access_denied', error_description: 'End-User aborted interaction' }
      return provider.interactionFinished(request, response, result)
    }
    const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
  }
  return { url: origin, accounts, provider, stop: stop(server) }
}

const json = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const read = async (request) => {
  let text = ''
  for await (const chunk of request) text += chunk
  return new URLSearchParams(text)
}

// What both have in common: codes of one use, bound to client, redirect URI and PKCE; bearer tokens. `profile(path, user)` answers the rest.
async function oauth({ authorize, token, refused, profile }) {
  const codes = new Map()
  const bearers = new Map()
  const self = { user: undefined, asked: [], refuse: undefined }
  const { server, origin } = await listen(async (request, response) => {
    const url = new URL(request.url, origin)
    if (request.method === 'GET' && url.pathname === authorize) {
      const query = Object.fromEntries(url.searchParams)
      self.asked.push(query)
      const back = new URL(query.redirect_uri)
      back.searchParams.set('state', query.state)
      if (self.refuse) {
        back.searchParams.set('error', self.refuse)
        back.searchParams.set('error_description', 'The user has denied your application access.')
      } else {
        const code = randomUUID()
        codes.set(code, { ...query, user: self.user })
        back.searchParams.set('code', code)
      }
      return response.writeHead(302, { location: back.href }).end()
    }
    if (request.method === 'POST' && url.pathname === token) {
      const form = await read(request)
      const asked = codes.get(form.get('code'))
      codes.delete(form.get('code'))
      const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
      const good =
        asked &&
        form.get('client_id') === CLIENT &&
        form.get('client_secret') === SECRET &&
        form.get('grant_type') === 'authorization_code' &&
        form.get('redirect_uri') === asked.redirect_uri &&
        challenge === asked.code_challenge
      if (!good) return json(response, refused.status, refused.body)
      const bearer = randomUUID()
      bearers.set(bearer, asked.user)
      return json(response, 200, { access_token: bearer, refresh_token: `refresh-${bearer}`, token_type: 'bearer', scope: asked.scope })
    }
    const [, bearer] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? []
    const answer = bearers.has(bearer) ? profile(url.pathname, bearers.get(bearer), request) : undefined
    return answer ? json(response, 200, answer) : json(response, 401, { message: 'Bad credentials' })
  })
  return Object.assign(self, { url: origin, stop: stop(server) })
}

// A user is { id, login, name, emails: [{ email, primary, verified }] }. The profile's own address is public, and proves nothing.
export const github = () =>
  oauth({
    authorize: '/login/oauth/authorize',
    token: '/login/oauth/access_token',
    refused: { status: 200, body: { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' } },
    profile: (path, { emails, ...user }, request) => {
      if (!request.headers['user-agent']) return undefined
      if (path === '/api/v3/user') return { ...user, email: 'public@example.com', avatar_url: 'https://avatars.example/1' }
      if (path === '/api/v3/user/emails') return emails.map((email) => ({ visibility: null, ...email }))
    },
  })

// A user is { id, username, global_name, email, verified }.
export const discord = () =>
  oauth({
    authorize: '/api/oauth2/authorize',
    token: '/api/oauth2/token',
    refused: { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid "code" in request.' } },
    profile: (path, user) => path === '/api/users/@me' && { discriminator: '0', avatar: 'a_1f', locale: 'en-US', ...user },
  })
