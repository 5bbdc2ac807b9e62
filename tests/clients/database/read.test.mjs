// Reading through supabase-js: filters, embedding, paging, forms of answers.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clients, ids, serve } from './harness.mjs'

serve()

const books = (select = 'id') => clients.anon.from('books').select(select).order('id')

const loans = (select = 'id') => clients.anon.from('loans').select(select).order('id')

async function found(query) {
  const { data, error } = await query
  assert.equal(error, null)
  return ids(data)
}

describe('filters', () => {
  test('eq', async () => assert.deepEqual(await found(books().eq('title', 'Solaris')), [3]))
  test('neq', async () => assert.deepEqual(await found(books().neq('id', 3)), [1, 2, 4]))
  test('gt', async () => assert.deepEqual(await found(books().gt('price', 9.99)), [1]))
  test('gte', async () => assert.deepEqual(await found(books().gte('price', 9.99)), [1, 2]))
  test('lt', async () => assert.deepEqual(await found(books().lt('price', 9.99)), [3]))
  test('lte', async () => assert.deepEqual(await found(books().lte('price', '9.990')), [2, 3]))
  test('like', async () => assert.deepEqual(await found(books().like('title', 'The%')), [1, 2]))
  test('likeAllOf', async () => assert.deepEqual(await found(books().likeAllOf('title', ['The%', '%Heaven'])), [2]))
  test('likeAnyOf', async () => assert.deepEqual(await found(books().likeAnyOf('title', ['Sol%', 'Kin%'])), [3, 4]))
  test('ilike', async () => assert.deepEqual(await found(books().ilike('title', 'sOL%')), [3]))
  test('ilikeAllOf', async () => assert.deepEqual(await found(books().ilikeAllOf('title', ['the%', '%HEAVEN'])), [2]))
  test('ilikeAnyOf', async () => assert.deepEqual(await found(books().ilikeAnyOf('title', ['sol%', 'kin%'])), [3, 4]))
  test('is null', async () => assert.deepEqual(await found(books().is('price', null)), [4]))
  test('is true', async () => assert.deepEqual(await found(books().is('in_print', true)), [1, 3, 4]))
  test('notIn', async () => assert.deepEqual(await found(books().notIn('title', ['Solaris', 'a,b)'])), [1, 2, 4]))
  test('isDistinct', async () => assert.deepEqual(await found(books().isDistinct('price', 8)), [1, 2, 4]))
  test('regexMatch', async () => assert.deepEqual(await found(books().regexMatch('title', '^The .*n$')), [2]))
  test('regexIMatch', async () => assert.deepEqual(await found(books().regexIMatch('title', '^s|dred$')), [3, 4]))
  test('in', async () => assert.deepEqual(await found(books().in('title', ['Solaris', 'Kindred', 'a,b)'])), [3, 4]))
  test('contains: array', async () =>
    assert.deepEqual(await found(clients.anon.from('authors').select('id').contains('tags', ['sf']).order('id')), [1, 2]))
  test('contains: jsonb', async () =>
    assert.deepEqual(await found(clients.anon.from('authors').select('id').contains('links', { follows: { count: 20 } })), [1]))
  test('containedBy', async () =>
    assert.deepEqual(await found(clients.anon.from('authors').select('id').containedBy('tags', ['sf', 'x']).order('id')), [2, 3]))
  test('overlaps', async () =>
    assert.deepEqual(await found(clients.anon.from('authors').select('id').overlaps('tags', ['fantasy', 'x'])), [1]))
  test('textSearch', async () => {
    assert.deepEqual(await found(books().textSearch('search', 'dispossess')), [1])
    assert.deepEqual(await found(books().textSearch('title', "'lathe' & 'heaven'", { config: 'english' })), [2])
    assert.deepEqual(await found(books().textSearch('title', 'lathe heaven', { type: 'plain' })), [2])
    assert.deepEqual(await found(books().textSearch('title', 'lathe of heaven', { type: 'phrase' })), [2])
    assert.deepEqual(await found(books().textSearch('title', 'solaris or kindred', { type: 'websearch' })), [3, 4])
  })
  test('match', async () => assert.deepEqual(await found(books().match({ author_id: 1, in_print: true })), [1]))
  test('not', async () => assert.deepEqual(await found(books().not('price', 'is', null)), [1, 2, 3]))
  test('or', async () => assert.deepEqual(await found(books().or('id.eq.4,and(price.gt.9,in_print.is.false)')), [2, 4]))
  test('filter', async () => assert.deepEqual(await found(books().filter('pages', 'in', '(184,204)')), [2, 3]))
  test('or on an embedded resource', async () => {
    const { data } = await clients.anon
      .from('authors')
      .select('id, books!author_id(id)')
      .or('price.gt.10,pages.eq.204', { referencedTable: 'books' })
      .order('id')
      .throwOnError()
    assert.deepEqual(data.map((author) => ids(author.books)), [[1], [3], []])
  })
  test('ranges', async () => {
    const january = '[2024-01-01,2024-02-01)'
    const queries = {
      rangeGt: [loans().rangeGt('during', january), [3]],
      rangeGte: [loans().rangeGte('during', january), [1, 2, 3]],
      rangeLt: [loans().rangeLt('during', '[2024-01-20,2024-02-01)'), [1]],
      rangeLte: [loans().rangeLte('during', january), [1]],
      rangeAdjacent: [loans().rangeAdjacent('during', '[2024-03-01,2024-04-01)'), [2, 3]],
      overlaps: [loans().overlaps('during', '[2024-01-10,2024-01-20)'), [1, 2]],
      contains: [loans().contains('during', '[2024-01-05,2024-01-06)'), [1]],
      containedBy: [loans().containedBy('during', '[2024-01-01,2024-03-01)'), [1, 2]],
      eq: [loans().eq('pages', '[1,10]'), [1]],
      not: [loans().not('pages', 'ov', '[5,12)'), [3]],
    }
    for (const [name, [query, expected]] of Object.entries(queries)) {
      const { data, error } = await query
      assert.equal(error, null, name)
      assert.deepEqual(ids(data), expected, name)
    }
    const { data } = await loans('during, pages').eq('id', 1).single().throwOnError()
    assert.deepEqual(data, { during: '[2024-01-01,2024-01-15)', pages: '[1,11)' })
    const { error, status } = await loans().overlaps('during', 'january')
    assert.deepEqual([status, error.code], [400, '22P02'])
  })
  test('values that look like syntax are only values', async () => {
    for (const value of ['a,b', '(x)', '"q"', 'a.b', 'null', '*', '%', "'", '\\', 'é', '']) {
      assert.deepEqual(await found(books().eq('title', value)), [], value)
      assert.deepEqual(await found(books().in('title', [value, 'Solaris'])), [3], value)
    }
  })
  test('enums compare in their order', async () =>
    assert.deepEqual(await found(clients.anon.from('authors').select('id').gt('mood', 'sad').order('mood')), [2, 1]))
  test('timestamps compare as moments', async () =>
    assert.deepEqual(await found(books().eq('published_at', '1974-05-01T02:00:00+02:00')), [1]))
  test('json paths', async () =>
    assert.deepEqual(await found(clients.anon.from('authors').select('id').eq('links->follows->>count', '20')), [1]))
})

describe('embedding', () => {
  test('many-to-one', async () => {
    const { data } = await books('id, author:authors!author_id(name)').eq('id', 1).throwOnError()
    assert.deepEqual(data, [{ id: 1, author: { name: 'Ursula' } }])
  })
  test('one-to-many, with order and limit', async () => {
    const { data } = await clients.anon
      .from('authors')
      .select('name, books!author_id(title)')
      .order('title', { referencedTable: 'books', ascending: false })
      .limit(1, { referencedTable: 'books' })
      .eq('id', 1)
      .single()
      .throwOnError()
    assert.deepEqual(data, { name: 'Ursula', books: [{ title: 'The Lathe of Heaven' }] })
  })
  test('many-to-many', async () => {
    const { data } = await books('id, genres(name)').in('id', [1, 4]).throwOnError()
    assert.deepEqual(data[0].genres.map((g) => g.name).sort(), ['space', 'utopia'])
    assert.deepEqual(data[1].genres, [{ name: 'history' }])
  })
  test('inner joins drop parents', async () =>
    assert.deepEqual(await found(books('id, genres!inner(name)').eq('genres.name', 'space')), [1, 3]))
  test('nested', async () => {
    const { data } = await clients.anon.from('genres').select('name, books(title, authors!author_id(name))').eq('id', 3).throwOnError()
    assert.deepEqual(data, [{ name: 'history', books: [{ title: 'Kindred', authors: { name: 'Octavia' } }] }])
  })
  test('spread', async () => {
    const { data } = await books('title, ...authors!author_id(author:name)').eq('id', 3).throwOnError()
    assert.deepEqual(data, [{ title: 'Solaris', author: 'Stanislaw' }])
  })
  test('an ambiguous one says what to choose from', async () => {
    const { error, status } = await books('id, authors(name)')
    assert.equal(status, 300)
    assert.equal(error.code, 'PGRST201')
    assert.match(error.hint, /authors!books_author_id_fkey/)
  })
  test('computed fields', async () => {
    const { data } = await books('full_title').eq('id', 3).throwOnError()
    assert.deepEqual(data, [{ full_title: 'Solaris (3)' }])
  })
  test('only parents with, or without, a match', async () => {
    assert.deepEqual(await found(books('id, genres()').not('genres', 'is', null)), [1, 3, 4])
    assert.deepEqual(await found(books('id, genres()').is('genres', null)), [2])
  })
  test('order by a related column', async () => {
    const { data } = await clients.anon
      .from('books')
      .select('id, authors!author_id(name)')
      .order('authors(name)')
      .order('id')
      .throwOnError()
    assert.deepEqual(ids(data), [4, 3, 1, 2])
  })
})

describe('forms of answers', () => {
  test('renames, casts and json paths', async () => {
    const { data } = await clients.anon
      .from('authors')
      .select('who:name, id::text, links->>site, count:links->follows->count')
      .eq('id', 1)
      .throwOnError()
    assert.deepEqual(data, [{ who: 'Ursula', id: '1', site: 'https://u.example', count: 20 }])
  })
  test('types', async () => {
    const { data } = await clients.anon.from('books').select('price, published_at, in_print').in('id', [1, 2, 3]).order('id').throwOnError()
    assert.deepEqual(data, [
      { price: 12.5, published_at: '1974-05-01T00:00:00+00:00', in_print: true },
      { price: 9.99, published_at: '1971-03-01T12:30:00.5+00:00', in_print: false },
      { price: 8, published_at: '1960-12-31T22:00:00+00:00', in_print: true },
    ])
  })
  test('single', async () => {
    const { data } = await books('title').eq('id', 3).single().throwOnError()
    assert.deepEqual(data, { title: 'Solaris' })
  })
  test('single refuses none and many', async () => {
    const none = await books().eq('id', 99).single()
    assert.equal(none.error.code, 'PGRST116')
    assert.equal(none.status, 406)
    const many = await books().single()
    assert.equal(many.error.details, 'The result contains 4 rows')
  })
  test('maybeSingle', async () => {
    assert.equal((await books().eq('id', 99).maybeSingle().throwOnError()).data, null)
    assert.deepEqual((await books().eq('id', 1).maybeSingle().throwOnError()).data, { id: 1 })
    assert.equal((await books().maybeSingle()).error.code, 'PGRST116')
  })
  test('stripNulls', async () => {
    const { data } = await books('id, price, pages').eq('id', 4).stripNulls().throwOnError()
    assert.deepEqual(data, [{ id: 4 }])
    const one = await books('id, price').eq('id', 4).stripNulls().single().throwOnError()
    assert.deepEqual(one.data, { id: 4 })
  })
  test('limit', async () => {
    assert.deepEqual(await found(books().limit(2)), [1, 2])
    const { data } = await books().range(10, 12)
    assert.deepEqual(data, [])
    const beyond = await clients.anon.from('books').select('id', { count: 'exact' }).range(10, 12)
    assert.deepEqual([beyond.status, beyond.error.code], [416, 'PGRST103'])
  })
  test('setHeader', async () => {
    const { data } = await books('published_at').eq('id', 1).setHeader('Prefer', 'timezone=Europe/Berlin').throwOnError()
    assert.deepEqual(data, [{ published_at: '1974-05-01T01:00:00+01:00' }])
  })
  test('csv', async () => {
    const { data } = await clients.anon.from('books').select('id,title').order('id').limit(2).csv().throwOnError()
    assert.equal(data, 'id,title\n1,"The Dispossessed"\n2,"The Lathe of Heaven"')
  })
  test('count', async () => {
    const { data, count, status } = await clients.anon.from('books').select('id', { count: 'exact' }).order('id').range(1, 2)
    assert.deepEqual([ids(data), count, status], [[2, 3], 4, 206])
    const head = await clients.anon.from('books').select('*', { count: 'exact', head: true })
    assert.deepEqual([head.data, head.count], [null, 4])
    for (const kind of ['planned', 'estimated']) {
      const { count } = await clients.anon.from('books').select('id', { count: kind })
      assert.equal(count, 4)
    }
  })
  test('range and order', async () => {
    const { data } = await clients.anon.from('books').select('id').order('price', { ascending: false, nullsFirst: false }).range(0, 1).throwOnError()
    assert.deepEqual(ids(data), [1, 2])
    const first = await clients.anon.from('books').select('id').order('price', { nullsFirst: true }).limit(1).throwOnError()
    assert.deepEqual(ids(first.data), [4])
  })
  test('aggregates', async () => {
    const { data } = await clients.anon.from('books').select('author_id, price.sum(), count()').order('author_id').throwOnError()
    assert.deepEqual(data, [
      { author_id: 1, sum: 22.49, count: 2 },
      { author_id: 2, sum: 8, count: 1 },
      { author_id: 3, sum: null, count: 1 },
    ])
  })
  test('explain', async () => {
    const { data, error } = await clients.anon.from('books').select('id').eq('id', 1).explain()
    assert.equal(error, null)
    assert.ok(data.length > 0)
    const json = await books().eq('id', 1).explain({ format: 'json', analyze: true })
    assert.equal(json.error, null)
    assert.ok(Array.isArray(json.data))
  })
  test('abort', async () => {
    const controller = new AbortController()
    controller.abort()
    const { error } = await books().abortSignal(controller.signal)
    assert.match(error.message, /abort/i)
  })
  test('abort under way', async () => {
    const controller = new AbortController()
    const asked = clients.anon.rpc('endless').abortSignal(controller.signal)
    setTimeout(() => controller.abort(), 200)
    assert.match((await asked).error.message, /abort/i)
    assert.deepEqual(await found(books().eq('id', 1)), [1])
  })
  test('another schema', async () => {
    const { data } = await clients.shop.from('stock').select().order('book_id').throwOnError()
    assert.deepEqual(data, [{ book_id: 1, quantity: 5 }, { book_id: 2, quantity: 0 }])
    const switched = await clients.anon.schema('shop').from('stock').select('quantity').eq('book_id', 1).throwOnError()
    assert.deepEqual(switched.data, [{ quantity: 5 }])
    const unknown = await clients.anon.schema('nowhere').from('stock').select()
    assert.deepEqual([unknown.status, unknown.error.code], [406, 'PGRST106'])
  })
})

describe('errors', () => {
  test('an unknown table is hinted', async () => {
    const { error, status } = await clients.anon.from('author').select()
    assert.deepEqual([status, error.code, error.hint], [404, 'PGRST205', "Perhaps you meant the table 'public.authors'"])
  })
  test('an unknown column', async () => {
    const { error, status } = await clients.anon.from('books').select('titel')
    assert.deepEqual([status, error.code, error.message], [400, '42703', 'column books.titel does not exist'])
  })
  test('a value of the wrong type', async () => {
    const { error, status } = await books().eq('id', 'x')
    assert.deepEqual([status, error.code, error.message], [400, '22P02', 'invalid input syntax for type integer: "x"'])
  })
  test('an aggregate in the wrong place', async () => {
    const { error, status } = await clients.anon.from('books').select('...genres(id.count())')
    assert.deepEqual([status, error.code], [400, 'PGRST127'])
  })
  test('a relationship that is not there', async () => {
    const { error, status } = await clients.anon.from('books').select('id, secrets(*)')
    assert.deepEqual([status, error.code], [400, 'PGRST200'])
  })
  test('throwOnError throws a typed error', async () => {
    await assert.rejects(async () => clients.anon.from('books').select('titel').throwOnError(), { name: 'PostgrestError', code: '42703' })
  })
})
