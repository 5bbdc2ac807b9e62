// The project's own claims: a SQL function changes the token before it is signed, on either engine.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { claimsOf, ok, serve, signedUp, world } from './harness.mjs'

const ENGINE = process.env.ENGINE ?? 'sqlite'
const PLPGSQL = `
create function hooks.with_plan_in_steps(event jsonb) returns jsonb language plpgsql stable as $$
declare
  claims jsonb := event -> 'claims';
  plan text;
begin
  select p.name into plan from public.plans p where p.user_id = (event ->> 'user_id')::uuid;
  claims := jsonb_set(claims, '{plan}', to_jsonb(coalesce(plan, 'free')));
  return jsonb_build_object('claims', claims);
end $$;
`
const [files, called] =
  ENGINE === 'postgres' ? [{ 'migrations/0004_hook.sql': PLPGSQL }, 'with_plan_in_steps'] : [{}, 'with_plan']

serve({ files, more: `[auth.hook.custom_access_token]\nenabled = true\nuri = "pg-functions://postgres/hooks/${called}"` })

describe('claims', () => {
  test('are what the function says, from the next token on', async () => {
    const { auth, session, user } = await signedUp()
    const first = claimsOf(session.access_token)
    assert.deepEqual([first.plan, first.sub, first.role], ['free', user.id, 'authenticated'])
    await ok(world.admin.from('plans').insert({ user_id: user.id, name: 'pro' }))
    const { session: next } = await ok(auth.refreshSession())
    assert.equal(claimsOf(next.access_token).plan, 'pro')
    assert.equal((await ok(auth.getClaims())).claims.plan, 'pro')
  })
})
