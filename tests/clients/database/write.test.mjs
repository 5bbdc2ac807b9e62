// Writing and calling functions through supabase-js, and who may.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clients, ids, serve } from './harness.mjs'

serve()

const MAJA = '11111111-1111-4111-8111-111111111111'
const OLAF = '22222222-2222-4222-8222-222222222222'

describe('inserts', () => {
  test('one, with representation', async () => {
    const { data, status } = await clients.admin.from('books').insert({ title: 'Roadside Picnic', price: 7.5 }).select('id, title, price, in_print')
    assert.equal(status, 201)
    assert.deepEqual(data, [{ id: 101, title: 'Roadside Picnic', price: 7.5, in_print: true }])
  })
  test('one, minimal', async () => {
    const { data, status, error } = await clients.admin.from('genres').insert({ id: 10, name: 'noir' })
    assert.deepEqual([data, status, error], [null, 201, null])
  })
  test('many, with different keys', async () => {
    const rows = [{ title: 'A', pages: 1 }, { title: 'B', price: 2 }]
    const { data } = await clients.admin.from('books').insert(rows).select('title, pages, price, in_print').throwOnError()
    assert.deepEqual(data.map((b) => [b.title, b.pages, b.price]), [['A', 1, null], ['B', null, 2]])
  })
  test('defaultToNull: false takes defaults', async () => {
    const rows = [{ id: 20, name: 'X', mood: 'sad' }, { id: 21, name: 'Y' }]
    const { data } = await clients.admin.from('authors').insert(rows, { defaultToNull: false }).select('mood').throwOnError()
    assert.deepEqual(data, [{ mood: 'sad' }, { mood: 'ok' }])
  })
  test('count', async () => {
    const { count } = await clients.admin.from('genres').insert([{ id: 11, name: 'k' }, { id: 12, name: 'l' }], { count: 'exact' })
    assert.equal(count, 2)
  })
  test('json and arrays round-trip', async () => {
    const row = { id: 30, name: 'Z', links: { a: [1, 'x', null, { b: 1.5 }] }, tags: ['a b', 'c"d', 'e,f', ''] }
    const { data } = await clients.admin.from('authors').insert(row).select('id, name, links, tags').single().throwOnError()
    assert.deepEqual(data, row)
  })
  test('with embedded resources in the answer', async () => {
    const { data } = await clients.admin.from('books').insert({ title: 'N', author_id: 2 }).select('title, authors!author_id(name)').single().throwOnError()
    assert.deepEqual(data, { title: 'N', authors: { name: 'Stanislaw' } })
  })
})

describe('upserts', () => {
  test('merge', async () => {
    await clients.admin.from('genres').upsert([{ id: 1, name: 'Utopia' }, { id: 40, name: 'new' }]).throwOnError()
    const { data } = await clients.admin.from('genres').select().in('id', [1, 40]).order('id').throwOnError()
    assert.deepEqual(data, [{ id: 1, name: 'Utopia' }, { id: 40, name: 'new' }])
  })
  test('on another key', async () => {
    const { data } = await clients.admin.from('books').upsert({ title: 'Solaris!', isbn: 'c' }, { onConflict: 'isbn' }).select('id, title').throwOnError()
    assert.deepEqual(data, [{ id: 3, title: 'Solaris!' }])
  })
  test('count and defaults', async () => {
    const { count, status } = await clients.admin
      .from('authors')
      .upsert([{ id: 60, name: 'P', mood: 'sad' }, { id: 61, name: 'Q' }], { count: 'exact', defaultToNull: false })
    assert.deepEqual([count, status], [2, 201])
    const { data } = await clients.admin.from('authors').select('mood').in('id', [60, 61]).order('id').throwOnError()
    assert.deepEqual(data, [{ mood: 'sad' }, { mood: 'ok' }])
  })
  test('on a key that is none', async () => {
    const { error, status } = await clients.admin.from('books').upsert({ title: 'x' }, { onConflict: 'pages' })
    assert.deepEqual([status, error.code], [400, '42P10'])
  })
  test('ignoring duplicates', async () => {
    const { data } = await clients.admin
      .from('genres')
      .upsert([{ id: 2, name: 'no' }, { id: 41, name: 'yes' }], { ignoreDuplicates: true })
      .select()
      .throwOnError()
    assert.deepEqual(data, [{ id: 41, name: 'yes' }])
  })
})

describe('updates and deletes', () => {
  test('update', async () => {
    const { data } = await clients.admin.from('books').update({ price: '13.999' }).eq('id', 1).select('price').throwOnError()
    assert.deepEqual(data, [{ price: 14 }])
    const none = await clients.admin.from('books').update({ price: 1 }).eq('id', 9999).select('id')
    assert.deepEqual([none.data, none.status], [[], 200])
    const minimal = await clients.admin.from('books').update({ price: 1 }, { count: 'exact' }).in('id', [1, 2])
    assert.deepEqual([minimal.count, minimal.status], [2, 204])
  })
  test('maxAffected undoes', async () => {
    const { error } = await clients.admin.from('books').update({ price: 0 }).gt('id', 0).maxAffected(1)
    assert.equal(error.code, 'PGRST124')
    const { data } = await clients.admin.from('books').select('price').eq('id', 1).throwOnError()
    assert.deepEqual(data, [{ price: 1 }])
  })
  test('rollback asks in vain where the configuration does not allow it', async () => {
    await clients.admin.from('genres').insert({ id: 70, name: 'kept' }).rollback().throwOnError()
    assert.deepEqual((await clients.admin.from('genres').select('id').eq('id', 70)).data, [{ id: 70 }])
  })
  test('delete, counted', async () => {
    const { count, status } = await clients.admin.from('genres').delete({ count: 'exact' }).eq('id', 70)
    assert.deepEqual([count, status], [1, 204])
  })
  test('single after a write of several rows undoes it', async () => {
    const { error } = await clients.admin.from('books').update({ pages: 1 }).in('id', [1, 2]).select('id').single()
    assert.equal(error.code, 'PGRST116')
    const { data } = await clients.admin.from('books').select('pages').in('id', [1, 2]).order('id').throwOnError()
    assert.deepEqual(data, [{ pages: 387 }, { pages: 184 }])
  })
  test('in another schema', async () => {
    const shop = clients.admin.schema('shop')
    await shop.from('stock').upsert({ book_id: 9, quantity: 3 }).throwOnError()
    const { data } = await shop.from('stock').update({ quantity: 4 }).eq('book_id', 9).select().single().throwOnError()
    assert.deepEqual(data, { book_id: 9, quantity: 4 })
    assert.equal((await shop.from('stock').delete().eq('book_id', 9)).status, 204)
  })
  test('delete cascades', async () => {
    const { data } = await clients.admin.from('authors').delete().eq('id', 3).select('id').throwOnError()
    assert.deepEqual(data, [{ id: 3 }])
    const { count } = await clients.admin.from('books').select('*', { count: 'exact', head: true }).eq('author_id', 3)
    assert.equal(count, 0)
  })
})

describe('constraints answer in PostgreSQL’s words', () => {
  const expect = (response, status, code, message) =>
    assert.deepEqual([response.status, response.error?.code, response.error?.message], [status, code, message])
  test('unique', async () => {
    const response = await clients.admin.from('genres').insert({ id: 2, name: 'other' })
    expect(response, 409, '23505', 'duplicate key value violates unique constraint "genres_pkey"')
    assert.equal(response.error.details, 'Key (id)=(2) already exists.')
  })
  test('not null', async () =>
    expect(
      await clients.admin.from('books').insert({ price: 1 }),
      400,
      '23502',
      'null value in column "title" of relation "books" violates not-null constraint',
    ))
  test('check', async () =>
    expect(
      await clients.admin.from('books').insert({ title: 'x', pages: 0 }),
      400,
      '23514',
      'new row for relation "books" violates check constraint "books_pages_check"',
    ))
  test('foreign key', async () => {
    const response = await clients.admin.from('books').insert({ title: 'x', author_id: 77 })
    expect(response, 409, '23503', 'insert or update on table "books" violates foreign key constraint "books_author_id_fkey"')
    assert.equal(response.error.details, 'Key (author_id)=(77) is not present in table "authors".')
  })
  test('still referenced', async () =>
    expect(
      await clients.admin.from('genres').delete().eq('id', 2),
      409,
      '23503',
      'update or delete on table "genres" violates foreign key constraint "book_genres_genre_id_fkey" on table "book_genres"',
    ))
})

describe('functions', () => {
  test('a scalar', async () => assert.equal((await clients.anon.rpc('add', { a: 1, b: 2 }).throwOnError()).data, 3))
  test('by GET', async () => assert.equal((await clients.anon.rpc('add', { a: 1, b: 2 }, { get: true }).throwOnError()).data, 3))
  test('a set, filtered and embedded', async () => {
    const { data } = await clients.anon
      .rpc('books_by', { author: 'Ursula' })
      .select('id, authors!author_id(name)')
      .gt('id', 1)
      .throwOnError()
    assert.deepEqual(data, [{ id: 2, authors: { name: 'Ursula' } }])
  })
  test('a table', async () => {
    const { data } = await clients.anon.rpc('price_range').throwOnError()
    assert.equal(data.length, 1)
    assert.deepEqual(Object.keys(data[0]), ['lowest', 'highest'])
  })
  test('arrays and objects as arguments', async () => {
    const { data } = await clients.anon.rpc('joined', { words: ['a', 'b,c', '"d"'], options: { glue: '+' } }).throwOnError()
    assert.equal(data, 'a+b,c+"d"')
    const got = await clients.anon.rpc('joined', { words: ['a', 'b'], options: '{"glue": "-"}' }, { get: true }).throwOnError()
    assert.equal(got.data, 'a-b')
  })
  test('defaults', async () => assert.equal((await clients.anon.rpc('joined', { words: ['a', 'b'] }).throwOnError()).data, 'a b'))
  test('in another schema', async () => {
    assert.equal((await clients.shop.rpc('in_stock').throwOnError()).data, 1)
    assert.equal((await clients.anon.rpc('in_stock')).error.code, 'PGRST202')
  })
  test('ordered, limited, one', async () => {
    const one = clients.anon.rpc('books_by', { author: 'Ursula' }).select('id').order('id', { ascending: false })
    assert.deepEqual((await one.limit(1).single().throwOnError()).data, { id: 2 })
  })
  test('csv', async () => {
    const { data } = await clients.anon.rpc('books_by', { author: 'Ursula' }).select('id,isbn').order('id').csv().throwOnError()
    assert.equal(data, 'id,isbn\n1,a\n2,b')
  })
  test('a write is not done by GET', async () => {
    const { error, status } = await clients.admin.rpc('forget', { book: 1 }, { get: true })
    assert.deepEqual([status, error.code], [405, '25006'])
  })
  test('void', async () => {
    const { data, status } = await clients.admin.rpc('forget', { book: 101 })
    assert.deepEqual([data, status], [null, 204])
    assert.deepEqual(ids((await clients.admin.from('books').select('id').eq('id', 101)).data), [])
  })
  test('count and head', async () => {
    const { count } = await clients.anon.rpc('books_by', { author: 'Ursula' }, { head: true, count: 'exact' })
    assert.equal(count, 2)
  })
  test('the caller’s role', async () => {
    assert.equal((await clients.anon.rpc('whoami').throwOnError()).data, 'anon')
    assert.equal((await clients.user(MAJA).rpc('whoami').throwOnError()).data, 'authenticated')
  })
  test('an unknown one is hinted', async () => {
    const { error, status } = await clients.anon.rpc('add', { a: 1, c: 2 })
    assert.deepEqual([status, error.code, error.hint], [404, 'PGRST202', 'Perhaps you meant to call the function public.add(a, b)'])
  })
})

describe('row policies', () => {
  test('each sees and changes their own rows', async () => {
    const maja = clients.user(MAJA)
    const olaf = clients.user(OLAF)
    const { data } = await maja.from('secrets').insert({ body: 'mine' }).select('owner, body').single().throwOnError()
    assert.deepEqual(data, { owner: MAJA, body: 'mine' })
    assert.deepEqual((await olaf.from('secrets').select()).data, [])
    assert.deepEqual((await olaf.from('secrets').update({ body: 'x' }).neq('body', '').select()).data, [])
    assert.deepEqual((await olaf.from('secrets').delete().neq('body', '').select()).data, [])
    assert.equal((await maja.from('secrets').select()).data.length, 1)
    assert.deepEqual((await clients.anon.from('secrets').select()).data, [])
  })
  test('a row for somebody else is refused', async () => {
    const { error, status } = await clients.user(OLAF).from('secrets').insert({ body: 'x', owner: MAJA })
    assert.deepEqual(
      [status, error.code, error.message],
      [403, '42501', 'new row violates row-level security policy for table "secrets"'],
    )
  })
  test('nobody writes where no policy says so', async () => {
    assert.equal((await clients.user(MAJA).from('genres').insert({ id: 99, name: 'x' })).error.code, '42501')
    assert.deepEqual((await clients.user(MAJA).from('genres').update({ name: 'x' }).eq('id', 2).select()).data, [])
  })
  test('a forged token is refused', async () => {
    const forged = `${(await import('../server.mjs')).userToken(MAJA).slice(0, -4)}AAAA`
    const response = await fetch(`${clients.url}/rest/v1/secrets`, { headers: { authorization: `Bearer ${forged}` } })
    assert.equal(response.status, 401)
    assert.equal((await response.json()).code, 'PGRST301')
  })
})
