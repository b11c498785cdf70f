import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { extract } from 'tar-stream'
import { announced, artifactRoom, sha256Of } from '../../test/support/artifact-room.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { makeDeb } from '../../test/support/make-deb.ts'
import { readAll } from '../../test/support/read-all.ts'
import type { Database } from '../database/database.ts'
import type { Artifact } from './artifacts.ts'

const hello = makeDeb({ name: 'hello', version: '2.10-3', architecture: 'amd64', source: 'hello-src (2.10)' })

forEachDialect((_dialect, openFresh) => {
  it('a created artifact names the files that must be sent', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { 'a/one': Buffer.from('1'), two: Buffer.from('22') })
    assert.deepEqual(artifact.missing, ['a/one', 'two'])
    assert.equal(artifact.complete, false)
    assert.equal(artifact.completedAt, null)
  })

  it('the last file completes the artifact, and it gives back its bytes', async () => {
    await using room = await artifactRoom(openFresh)
    const files = { 'a/one': randomBytes(100_000), two: Buffer.alloc(0) }
    const artifact = await room.announce('generic', files, { data: { note: 'x', nested: { a: [1, null] } } })
    const half = await room.send(artifact, 'two', files.two)
    assert.deepEqual(half.missing, ['a/one'])
    const whole = await room.send(artifact, 'a/one', files['a/one'])
    assert.ok(whole.complete && whole.completedAt !== null && whole.completedAt >= whole.createdAt)
    assert.deepEqual(whole.data, { note: 'x', nested: { a: [1, null] } })
    const opened = await room.artifacts.openFile(room.workspace, artifact.id, 'a/one')
    assert.ok((await readAll(opened.stream)).equals(files['a/one']))
    assert.deepEqual(await room.artifacts.get(room.workspace, artifact.id), whole)
  })

  it('an artifact without files is complete at once', async () => {
    await using room = await artifactRoom(openFresh)
    assert.equal((await room.announce('generic', {})).complete, true)
  })

  it('names a target that is not there among more relations than one statement can have parameters for', async () => {
    await using room = await artifactRoom(openFresh)
    const wishes = Array.from({ length: 70 }, (_, wish) => ({
      category: 'generic',
      files: [],
      relations: Array.from({ length: 1000 }, (__, i) => ({
        type: 'relates-to' as const,
        target: 1000 + wish * 1000 + i,
      })),
    }))
    await assert.rejects(room.artifacts.create(room.workspace, wishes, { userId: room.userId }), { code: 'not-found' })
  })

  it('a file that a complete artifact of the workspace has need not be sent', async () => {
    await using room = await artifactRoom(openFresh)
    const bytes = randomBytes(1000)
    const first = await room.announce('generic', { a: bytes })
    await room.send(first, 'a', bytes)
    const second = await room.announce('generic', { b: bytes, c: Buffer.from('new') })
    assert.deepEqual(second.missing, ['c'])
    const third = await room.announce('generic', { d: bytes })
    assert.equal(third.complete, true)
  })

  it('knowing the digest of another workspace, or of an incomplete artifact, saves no upload', async () => {
    await using room = await artifactRoom(openFresh)
    const [theirs, pending] = [randomBytes(1000), randomBytes(1000)]
    const wish = { category: 'generic', files: announced({ secret: theirs }) }
    const [foreign] = await room.artifacts.create(room.foreign, [wish], { userId: room.userId })
    assert.ok(foreign !== undefined)
    await room.artifacts.upload(room.foreign, foreign.id, 'secret', {
      bytes: (async function* () {
        yield theirs
      })(),
      start: 0,
      total: theirs.length,
    })
    const incomplete = await room.announce('generic', { a: pending, b: Buffer.from('never sent') })
    await room.send(incomplete, 'a', pending)

    const mine = await room.announce('generic', { secret: theirs, a: pending })
    assert.deepEqual(mine.missing, ['a', 'secret'])
    for (const path of ['a', 'secret']) {
      await assert.rejects(room.artifacts.openFile(room.workspace, mine.id, path), { code: 'artifact-incomplete' })
    }
    // Nor does an upload of the same bytes elsewhere prove the file here.
    const other = await room.announce('generic', { secret: theirs })
    await room.send(other, 'secret', theirs)
    assert.deepEqual((await room.artifacts.get(room.workspace, mine.id)).missing, ['a', 'secret'])
    // Nothing of another workspace is to be had by its id either.
    for (const deed of [
      () => room.artifacts.get(room.workspace, foreign.id),
      () => room.artifacts.openFile(room.workspace, foreign.id, 'secret'),
      () => room.artifacts.offset(room.workspace, foreign.id, 'secret'),
      () => room.artifacts.delete(room.workspace, foreign.id),
      () => room.artifacts.packagesOf(room.workspace, [foreign.id]),
      () => readAll(room.artifacts.tarStream(room.workspace, foreign.id)),
      () =>
        room.artifacts.create(room.workspace, [{ ...wish, relations: [{ type: 'extends', target: foreign.id }] }], {
          userId: null,
        }),
      () =>
        room.artifacts.upload(room.workspace, foreign.id, 'secret', {
          bytes: (async function* () {})(),
          start: 0,
          total: 1000,
        }),
    ]) {
      await assert.rejects(deed, { code: 'not-found' })
    }
  })

  it('a wrong size beside the right digest saves no upload', async () => {
    await using room = await artifactRoom(openFresh)
    const bytes = randomBytes(1000)
    await room.send(await room.announce('generic', { a: bytes }), 'a', bytes)
    const files = [{ path: 'a', size: 999, sha256: sha256Of(bytes) }]
    const [lying] = await room.artifacts.create(room.workspace, [{ category: 'generic', files }], { userId: null })
    assert.deepEqual(lying?.missing, ['a'])
  })

  it('the same idempotency key and wish give the same artifact, also when they race', async () => {
    await using room = await artifactRoom(openFresh)
    const wish = { category: 'generic', data: { n: 1 }, files: announced({ a: Buffer.from('a') }), idempotencyKey: 'k' }
    const made = await Promise.all(
      Array.from({ length: 8 }, () => room.artifacts.create(room.workspace, [wish, wish], { userId: room.userId })),
    )
    assert.equal(new Set(made.flat().map((artifact) => artifact.id)).size, 1)
    const [elsewhere] = await room.artifacts.create(room.foreign, [wish], { userId: room.userId })
    assert.notEqual(elsewhere?.id, made[0]?.[0]?.id)
  })

  it('the same idempotency key with another wish is refused, and creates nothing', async () => {
    await using room = await artifactRoom(openFresh)
    const files = announced({ a: Buffer.from('a') })
    const wish = { category: 'generic', data: { n: 1 }, files, idempotencyKey: 'k' }
    await room.artifacts.create(room.workspace, [wish], { userId: room.userId })
    for (const other of [
      { ...wish, data: { n: 2 } },
      { ...wish, files: announced({ a: Buffer.from('b') }) },
      { ...wish, files: [] },
      { ...wish, category: 'debian:package-build-log', data: { source: 'a', version: '1' } },
    ]) {
      await assert.rejects(
        room.artifacts.create(room.workspace, [{ category: 'generic', files: [] }, other], { userId: room.userId }),
        { code: 'idempotency-key-reused' },
      )
      await assert.rejects(
        room.artifacts.create(
          room.workspace,
          [
            { ...wish, idempotencyKey: 'fresh' },
            { ...other, idempotencyKey: 'fresh' },
          ],
          { userId: room.userId },
        ),
        { code: 'idempotency-key-reused' },
      )
    }
    assert.equal((await room.artifacts.list(room.workspace, {})).items.length, 1)
  })

  it('a repeated wish for a package gives the artifact that the server has completed meanwhile', async () => {
    await using room = await artifactRoom(openFresh)
    const more = { idempotencyKey: 'k', data: { name: 'hello' } }
    const artifact = await room.announce('debian:binary-package', { 'hello.deb': hello }, more)
    const complete = await room.send(artifact, 'hello.deb', hello)
    assert.deepEqual(await room.announce('debian:binary-package', { 'hello.deb': hello }, more), complete)
  })

  it('many artifacts are created in their order by few statements', async () => {
    await using room = await artifactRoom(openFresh)
    const wishes = Array.from({ length: 300 }, (_, index) => ({
      category: 'generic',
      data: { even: index % 2 === 0 },
      files: announced({ [`file-${index}`]: Buffer.from(String(index)) }),
      ...(index % 3 === 0 ? { idempotencyKey: `key-${index}` } : {}),
    }))
    const counting = countStatements(room.db)
    const made = await room.artifacts.create(room.workspace, wishes, { userId: room.userId })
    assert.ok(counting.count() < 15, `${counting.count()} statements`)
    assert.deepEqual(
      made.map((artifact) => artifact.files[0]?.path),
      wishes.map((wish) => wish.files[0]?.path),
    )
    assert.deepEqual(
      made.map((artifact) => artifact.data),
      wishes.map((wish) => wish.data),
    )
  })

  it('a wish that is not good creates none of its neighbours', async () => {
    await using room = await artifactRoom(openFresh)
    const good = { category: 'generic', files: announced({ a: Buffer.from('a') }) }
    const file = { path: 'a', size: 1, sha256: 'ab'.repeat(32) }
    for (const [bad, code] of [
      [{ category: 'nonsense', files: [] }, 'category-invalid'],
      [{ category: 'debian:binary-package', files: [] }, 'category-invalid'],
      [{ category: 'debian:binary-package', files: announced({ 'a.txt': hello }) }, 'category-invalid'],
      [{ category: 'debian:binary-package', files: announced({ 'a.deb': hello, 'b.deb': hello }) }, 'category-invalid'],
      [
        { category: 'debian:binary-package', files: announced({ 'a.deb': hello }), data: { foo: 1 } },
        'category-invalid',
      ],
      [{ category: 'debian:source-package', files: announced({ 'a.tar.xz': hello }) }, 'category-invalid'],
      [{ category: 'debian:package-build-log', files: [file] }, 'category-invalid'],
      [{ category: 'generic', files: [{ ...file, path: '../a' }] }, 'request-invalid'],
      [{ category: 'generic', files: [file, file] }, 'request-invalid'],
      [{ category: 'generic', files: [{ ...file, sha256: 'xyz' }] }, 'request-invalid'],
      [{ category: 'generic', files: [{ ...file, size: -1 }] }, 'request-invalid'],
      [{ category: 'generic', files: [{ ...file, size: 1.5 }] }, 'request-invalid'],
      [{ category: 'generic', files: [], idempotencyKey: '' }, 'request-invalid'],
      [{ category: 'generic', files: [], relations: [{ type: 'copied-from', target: 1 }] }, 'request-invalid'],
      [{ category: 'generic', files: [], relations: [{ type: 'extends', target: 99 }] }, 'not-found'],
      [{ category: 'generic', files: [], data: { x: 'y'.repeat(1 << 20) } }, 'too-large'],
      [{ category: 'generic', files: Array.from({ length: 10_001 }, () => file) }, 'too-large'],
    ] as const) {
      await assert.rejects(room.artifacts.create(room.workspace, [good, bad], { userId: null }), { code })
    }
    assert.deepEqual((await room.artifacts.list(room.workspace, {})).items, [])
  })

  it('text that a database might not take is kept as it is', async () => {
    await using room = await artifactRoom(openFresh)
    const data = { 'nul\0': 'a\0b', emoji: '😀', quote: `'"\\` }
    const artifact = await room.announce('generic', { "qu'ote é 😀": Buffer.from('x') }, { data })
    assert.deepEqual((await room.artifacts.get(room.workspace, artifact.id)).data, data)
  })

  it('an artifact may have ten thousand files', async () => {
    await using room = await artifactRoom(openFresh)
    const files = Array.from({ length: 10_000 }, (_, index) => ({
      path: `f/${index}`,
      size: 1,
      sha256: 'ab'.repeat(32),
    }))
    const [artifact] = await room.artifacts.create(room.workspace, [{ category: 'generic', files }], { userId: null })
    assert.equal(artifact?.missing.length, 10_000)
  })

  it('relations are kept, and hold their target', async () => {
    await using room = await artifactRoom(openFresh)
    const target = await room.announce('generic', {})
    const relations = [
      { type: 'relates-to', target: target.id },
      { type: 'built-using', target: target.id },
    ]
    const artifact = await room.announce('generic', {}, { relations })
    assert.deepEqual(artifact.relations, relations.toReversed())
    await assert.rejects(room.artifacts.delete(room.workspace, target.id), { code: 'conflict' })
    await room.artifacts.delete(room.workspace, artifact.id)
    await room.artifacts.delete(room.workspace, target.id)
    await assert.rejects(room.artifacts.get(room.workspace, target.id), { code: 'not-found' })
  })

  it('what a suite holds, or held in a revision that has not expired, is not deleted', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('debian:binary-package', { 'hello.deb': hello })
    await room.send(artifact, 'hello.deb', hello)
    const [found] = await room.artifacts.packagesOf(room.workspace, [artifact.id])
    assert.ok(found !== undefined)
    await insertSuiteItem(room.db, room.workspace.id, found.packageId)
    await assert.rejects(room.artifacts.delete(room.workspace, artifact.id), { code: 'conflict' })
    await room.db.write((trx) => trx.updateTable('archive').set({ retained_from: 2 }).execute())
    await room.artifacts.delete(room.workspace, artifact.id)
  })

  it('deleting an artifact drops its uploads', async () => {
    await using room = await artifactRoom(openFresh)
    const bytes = randomBytes(100_000)
    const artifact = await room.announce('generic', { a: bytes })
    await room.artifacts.upload(room.workspace, artifact.id, 'a', {
      bytes: (async function* () {
        yield bytes.subarray(0, 10)
      })(),
      start: 0,
      total: bytes.length,
    })
    await room.artifacts.delete(room.workspace, artifact.id)
    assert.deepEqual(await readdir(join(room.dataDirectory, 'spool')), [])
    assert.deepEqual(await room.db.read.selectFrom('upload').selectAll().execute(), [])
  })

  it('lists page by page, by category and by the name of a package', async () => {
    await using room = await artifactRoom(openFresh)
    const made: Artifact[] = []
    for (let index = 0; index < 5; index += 1) made.push(await room.announce('generic', {}))
    const deb = await room.announce('debian:binary-package', { 'hello.deb': hello })
    await room.send(deb, 'hello.deb', hello)
    await room.artifacts.create(room.foreign, [{ category: 'generic', files: [] }], { userId: null })

    const ids: number[] = []
    let after: string | undefined
    for (;;) {
      const page = await room.artifacts.list(room.workspace, { limit: 4, ...(after === undefined ? {} : { after }) })
      ids.push(...page.items.map((artifact) => artifact.id))
      after = page.next
      if (after === undefined) break
    }
    assert.deepEqual(ids, [...made.map((artifact) => artifact.id), deb.id])
    const generic = await room.artifacts.list(room.workspace, { category: 'generic', limit: 5 })
    assert.deepEqual([generic.items.length, generic.next], [5, undefined])
    const named = await room.artifacts.list(room.workspace, { name: 'hello' })
    assert.deepEqual(
      named.items.map((artifact) => artifact.id),
      [deb.id],
    )
    assert.deepEqual((await room.artifacts.list(room.foreign, { name: 'hello' })).items, [])
    await assert.rejects(room.artifacts.list(room.workspace, { after: 'x' }), { code: 'request-invalid' })
    await assert.rejects(room.artifacts.list(room.workspace, { limit: 0 }), { code: 'request-invalid' })
  })

  it('a tar has every file with its path and bytes', async () => {
    await using room = await artifactRoom(openFresh)
    const files: Record<string, Buffer> = {
      'deep/er/b': randomBytes(300_000),
      a: Buffer.from('a'),
      empty: Buffer.alloc(0),
      [`${'long/'.repeat(60)}name`]: Buffer.from('long'),
    }
    const artifact = await room.announce('generic', files)
    for (const [path, bytes] of Object.entries(files)) await room.send(artifact, path, bytes)
    const found = await untar(await readAll(room.artifacts.tarStream(room.workspace, artifact.id)))
    assert.deepEqual(found, new Map(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))))
  })

  it('an incomplete artifact has no tar', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { a: Buffer.from('a') })
    await assert.rejects(readAll(room.artifacts.tarStream(room.workspace, artifact.id)), {
      code: 'artifact-incomplete',
    })
  })
})

function countStatements(db: Database): { count(): number } {
  let count = 0
  const { read } = db
  const executor = read.getExecutor()
  const original = executor.executeQuery.bind(executor)
  executor.executeQuery = async (query) => {
    count += 1
    return await original(query)
  }
  const write = db.write.bind(db)
  db.write = (deed) =>
    write(async (trx) => {
      const inner = trx.getExecutor()
      const run = inner.executeQuery.bind(inner)
      inner.executeQuery = async (query) => {
        count += 1
        return await run(query)
      }
      return await deed(trx)
    })
  return { count: () => count }
}

async function untar(bytes: Buffer): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  const tar = extract()
  tar.end(bytes)
  for await (const entry of tar) {
    // tar-stream's entries are streams of bytes, which its types do not say.
    found.set(entry.header.name, await readAll(entry as AsyncIterable<Uint8Array>))
  }
  return found
}

/** As it is in revision 1 of two. */
async function insertSuiteItem(db: Database, workspaceId: number, packageId: number): Promise<void> {
  await db.write(async (trx) => {
    const archive = await trx
      .insertInto('archive')
      .values({ workspace_id: workspaceId, head: 2, sealed_at: 0, issue: 0, retained_from: 1 })
      .returning('id')
      .executeTakeFirstOrThrow()
    const suite = await trx
      .insertInto('suite')
      .values({ archive_id: archive.id, name: 'stable', created_at: 0 })
      .returning('id')
      .executeTakeFirstOrThrow()
    const change = {
      archive_id: archive.id,
      request_json: '{}',
      user_id: null,
      idempotency_key: null,
      state: 'sealed',
      refusal_json: null,
      created_at: 0,
      touched_at: 0,
    } as const
    const [added, removed] = await trx
      .insertInto('change')
      .values([
        { ...change, kind: 'add', revision: 1 },
        { ...change, kind: 'remove', revision: 2 },
      ])
      .returning('id')
      .execute()
    if (added === undefined || removed === undefined) throw new Error('The changes were not recorded')
    await trx
      .insertInto('suite_item')
      .values({
        suite_id: suite.id,
        package_id: packageId,
        name: 'hello',
        source_name: 'hello-src',
        component: 'main',
        section: null,
        priority: null,
        map_kind: 'packages',
        architecture: 'amd64',
        entry_key: 'hello',
        directory: 'pool/main/h/hello',
        added_by: added.id,
        removed_by: removed.id,
      })
      .execute()
  })
}
