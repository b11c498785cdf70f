/** What is said of a file or an artifact, for every way to be held, and to whom. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import type { Updateable } from 'kysely'
import { type ArchiveWorld, archiveWorld, refused } from '../../test/support/archive-world.ts'
import { announced, pieces } from '../../test/support/artifact-room.ts'
import { forEachDialect, type OpenFresh } from '../../test/support/databases.ts'
import { makeDeb } from '../../test/support/make-deb.ts'
import { storageWorld } from '../../test/support/storage-world.ts'
import type { Workspace } from '../access/access.ts'
import type { Sha256 } from '../common/digest.ts'
import { timestamp } from '../common/timestamp.ts'
import type { ArtifactTable, WorkspaceTable } from '../database/schema.ts'
import { type Ages, type Explanation, type Fate, Maintenance, type View } from './maintenance.ts'

const dayMicros = 86_400_000_000
const noWait: Ages = { leftoverMs: 0, unneededMs: 0, graceMs: 0 }
const everything: View = { kind: 'instance' }

interface WhyWorld extends ArchiveWorld {
  readonly maintenance: Maintenance
  /** What is said of the .deb of this package, at version 1.0. */
  of(name: string, view?: View): Promise<Explanation>
  why(subject: string, view?: View): Promise<Explanation>
  setWorkspace(values: Updateable<WorkspaceTable>): Promise<void>
  setArtifact(id: number, values: Updateable<ArtifactTable>): Promise<void>
  relate(from: number, to: number): Promise<void>
  /** As when it expired: whatever its suites had. */
  dropArtifacts(): Promise<void>
  /** As when the revisions before expired. */
  retainFrom(revision: number): Promise<void>
  vacuum(): Promise<void>
  inWorkspace(workspace?: Workspace): View
}

function digestOf(bytes: Uint8Array): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256
}

const debOf = (name: string): Sha256 => digestOf(makeDeb({ name, version: '1.0' }))

async function whyWorld(openFresh: OpenFresh, ages: Partial<Ages> = {}): Promise<WhyWorld> {
  const world = await archiveWorld(openFresh)
  const { db, storage } = world
  const maintenance = new Maintenance({ database: db, storage, ages: { ...noWait, ...ages } })
  const inWorkspace = (workspace: Workspace = world.workspace): View => ({ kind: 'workspace', workspace })
  return {
    ...world,
    maintenance,
    inWorkspace,
    of: (name, view = everything) => maintenance.why(debOf(name), view),
    why: (subject, view = everything) => maintenance.why(subject, view),
    async setWorkspace(values) {
      await db.write((trx) => trx.updateTable('workspace').set(values).where('id', '=', world.workspace.id).execute())
    },
    async setArtifact(id, values) {
      await db.write((trx) => trx.updateTable('artifact').set(values).where('id', '=', id).execute())
    },
    async relate(from, to) {
      const row = { artifact_id: from, target_id: to, type: 'built-using' as const }
      await db.write((trx) => trx.insertInto('artifact_relation').values(row).execute())
    },
    async dropArtifacts() {
      await db.write(async (trx) => {
        for (const table of ['artifact_relation', 'artifact_file', 'artifact'] as const) {
          await trx.deleteFrom(table).execute()
        }
      })
    },
    async retainFrom(revision) {
      await db.write((trx) => trx.updateTable('archive').set({ retained_from: revision }).execute())
    },
    async vacuum() {
      for await (const event of maintenance.vacuum()) assert.notEqual(event.kind, 'failure')
    },
    async [Symbol.asyncDispose]() {
      await maintenance[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

/** The package `hello` 1.0 is artifact 1, and is in `stable` from r2 on. */
async function published(world: WhyWorld) {
  const stable = await world.suite('stable')
  const { revision } = await stable.add('hello', '1.0')
  assert.equal(revision, 2)
  return stable
}

/** And leaves it with r3. */
async function removed(world: WhyWorld): Promise<void> {
  await (await published(world)).remove({ name: 'hello' })
}

async function sealedAt(world: WhyWorld, number: number): Promise<number> {
  const row = await world.db.read
    .selectFrom('revision')
    .select('sealed_at')
    .where('number', '=', number)
    .executeTakeFirstOrThrow()
  return row.sealed_at
}

async function completedAt(world: WhyWorld, id: number): Promise<number> {
  const row = await world.db.read
    .selectFrom('artifact')
    .select('completed_at')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return row.completed_at ?? 0
}

function goes(at: number, because: string, rule: string): Fate {
  return { kind: 'goes', at, sentence: `Goes on ${timestamp(at).slice(0, 10)} or soon after: ${because}.`, rule }
}

interface Scenario {
  readonly title: string
  readonly given: (world: WhyWorld) => Promise<unknown>
  /** Of the file hello, over everything. */
  readonly file: (world: WhyWorld) => Promise<Fate> | Fate
  /** Of artifact 1, where something else is said of it than of the file. */
  readonly artifact?: (world: WhyWorld) => Promise<Fate> | Fate
}

const kept = (because: string) => (): Fate => ({ kind: 'kept', sentence: `Kept: ${because}.` })

const scenarios: readonly Scenario[] = [
  { title: 'a suite has it', given: published, file: kept('suite stable has hello 1.0 since r2') },
  {
    title: 'revisions had it that stay for ever',
    given: removed,
    file: kept('suite stable had hello 1.0 until r2, and local/main keeps its revisions for ever'),
  },
  {
    title: 'revisions had it that stay for some time, which is three days at least',
    async given(world) {
      await removed(world)
      await world.setWorkspace({ keep_revisions_seconds: 60, expire_after_seconds: 60 })
    },
    async file(world) {
      const rule = 'local/main keeps a revision for 3 days after the next one'
      const because = `suite stable had hello 1.0 until r2, and ${rule}`
      return goes((await sealedAt(world, 3)) + 3 * dayMicros, because, rule)
    },
  },
  {
    title: 'its artifact outlives the revisions that had it',
    async given(world) {
      await removed(world)
      await world.setWorkspace({ keep_revisions_seconds: 60, expire_after_seconds: 30 * 86_400 })
    },
    async file(world) {
      const because = 'nothing else holds artifact 1, and its workspace keeps artifacts for 30 days'
      return goes((await completedAt(world, 1)) + 30 * dayMicros, because, 'local/main keeps artifacts for 30 days')
    },
  },
  {
    title: 'revisions that had it have expired, and its workspace keeps artifacts for ever',
    async given(world) {
      await removed(world)
      await world.retainFrom(3)
    },
    file: kept('artifact 1 is in local/main, which keeps artifacts for ever'),
  },
  {
    title: 'its artifact is to stay for ever in a workspace that keeps none',
    async given(world) {
      await world.deb('hello', '1.0')
      await world.setWorkspace({ expire_after_seconds: 60 })
      await world.setArtifact(1, { expire_after_seconds: 0 })
    },
    file: kept('artifact 1 is to stay for ever'),
  },
  {
    title: 'its artifact has a delay of its own',
    async given(world) {
      await world.deb('hello', '1.0')
      await world.setArtifact(1, { expire_after_seconds: 36 * 3600 })
    },
    async file(world) {
      const because = 'nothing else holds artifact 1, and it is to stay for 36 hours'
      return goes((await completedAt(world, 1)) + 1.5 * dayMicros, because, 'it is to stay for 36 hours')
    },
  },
  {
    title: 'its artifact is over its time',
    async given(world) {
      await world.deb('hello', '1.0')
      await world.setArtifact(1, { expire_after_seconds: 60, completed_at: 1_000_000 })
    },
    file: () => ({
      kind: 'goes',
      at: 61_000_000,
      sentence: 'Goes with the next vacuum: nothing else holds artifact 1, and it is to stay for 1 minute.',
      rule: 'it is to stay for 1 minute',
    }),
  },
  {
    title: 'an artifact relates to its artifact, over two steps, and stays',
    async given(world) {
      for (const name of ['hello', 'one', 'two']) await world.deb(name, '1.0')
      await world.setWorkspace({ expire_after_seconds: 60 })
      await world.relate(2, 1)
      await world.relate(3, 2)
      await world.setArtifact(3, { expire_after_seconds: 0 })
    },
    file: kept('artifact 3, which relates to it, is to stay for ever'),
  },
  {
    title: 'artifacts relate to each other in a circle',
    async given(world) {
      for (const name of ['hello', 'one']) await world.deb(name, '1.0')
      await world.setWorkspace({ expire_after_seconds: 86_400 })
      await world.relate(2, 1)
      await world.relate(1, 2)
      await world.setArtifact(1, { completed_at: 1 })
    },
    async file(world) {
      const because = 'nothing else holds artifact 2, which relates to it, and its workspace keeps artifacts for 1 day'
      return goes((await completedAt(world, 2)) + dayMicros, because, 'local/main keeps artifacts for 1 day')
    },
  },
  {
    title: 'a suite has what relates to its artifact',
    async given(world) {
      await world.deb('hello', '1.0')
      await world.setWorkspace({ expire_after_seconds: 60 })
      await (await world.suite('stable')).add('user', '1.0')
      await world.relate(2, 1)
    },
    file: kept('an artifact relates to it, and suite stable has user 1.0 since r2'),
  },
  {
    title: 'its artifact is incomplete',
    async given(world) {
      await world.deb('hello', '1.0')
      await world.setArtifact(1, { completed_at: null, created_at: 4_000_000_000_000_000 })
    },
    file: () =>
      goes(
        4_000_000_000_000_000 + 7 * dayMicros,
        'artifact 1 is incomplete, and is given up after 7 days',
        'an incomplete artifact is given up after 7 days',
      ),
  },
  {
    title: 'an artifact with it is held by another package of a suite',
    async given(world) {
      await world.setWorkspace({ expire_after_seconds: 60 })
      await (await world.suite('stable')).add('other', '1.0')
      await world.deb('hello', '1.0')
      await world.db.write((trx) =>
        trx.updateTable('artifact_file').set({ artifact_id: 1, path: 'also' }).where('artifact_id', '=', 2).execute(),
      )
    },
    file: kept('suite stable has other 1.0 since r2'),
  },
]

forEachDialect((_dialect, openFresh) => {
  for (const { title, given, file, artifact = file } of scenarios) {
    it(title, async () => {
      await using world = await whyWorld(openFresh)
      await given(world)
      assert.deepEqual((await world.of('hello')).fate, await file(world))
      assert.deepEqual((await world.why('1')).fate, await artifact(world))
      // Within its workspace the same is said.
      assert.deepEqual((await world.of('hello', world.inWorkspace())).fate, await file(world))
      assert.deepEqual((await world.why('1', world.inWorkspace())).fate, await artifact(world))
    })
  }

  it('what nothing needs waits, is condemned, waits again, and is gone', async () => {
    await using world = await whyWorld(openFresh, { unneededMs: 86_400_000, graceMs: 2 * 86_400_000 })
    await removed(world)
    await world.retainFrom(3)
    await world.dropArtifacts()
    const copy = () =>
      world.db.read
        .selectFrom('file_copy')
        .innerJoin('file', 'file.id', 'file_copy.file_id')
        .selectAll('file_copy')
        .where('file.sha256', '=', debOf('hello'))
        .executeTakeFirst()
    const keptAt = (await copy())?.kept_at ?? 0
    const rule = 'nothing needs it'
    assert.deepEqual((await world.of('hello')).fate, goes(keptAt + 3 * dayMicros, rule, rule))
    const soon = new Maintenance({
      database: world.db,
      storage: world.storage,
      ages: { ...noWait, graceMs: 86_400_000 },
    })
    for await (const _event of soon.vacuum());
    const condemned = await copy()
    assert.equal(condemned?.state, 'condemned')
    const because = 'nothing needs it, and its copies are condemned'
    assert.deepEqual((await world.of('hello')).fate, goes((condemned?.state_at ?? 0) + 2 * dayMicros, because, rule))
    const [told] = (await world.of('hello')).files
    assert.deepEqual(
      told?.copies.map(({ state, reason }) => [state, reason]),
      [['condemned', rule]],
    )
    const now = new Maintenance({ database: world.db, storage: world.storage, ages: noWait })
    for await (const _event of now.vacuum());
    const gone = await world.of('hello')
    const since = (
      await world.db.read.selectFrom('file').select('gone_at').where('sha256', '=', debOf('hello')).executeTakeFirst()
    )?.gone_at
    assert.ok(since)
    const sentence = `Gone since ${timestamp(since).slice(0, 10)}: nothing needed it any more.`
    assert.deepEqual(gone.fate, { kind: 'gone', since, sentence })
    assert.deepEqual(
      gone.files.map(({ copies }) => copies),
      [[]],
    )
    // Its pool path keeps its meaning, and tells the same.
    const path = 'pool/main/h/hello/hello_1.0_all.deb'
    assert.deepEqual((await world.why(path, world.inWorkspace())).fate, gone.fate)
  })

  it('what was purged: since when, by whom, and why', async () => {
    await using world = await whyWorld(openFresh)
    await published(world)
    const { purgedAt } = await world.maintenance.purge({ sha256: debOf('hello'), reason: 'leaked key', userId: 1 })
    const sentence = `Gone since ${timestamp(purgedAt).slice(0, 10)}: purged by admin (leaked key).`
    for (const view of [everything, world.inWorkspace()]) {
      const { fate, heldBy, files } = await world.of('hello', view)
      assert.deepEqual(fate, { kind: 'gone', since: purgedAt, sentence, by: 'admin' })
      assert.deepEqual(
        heldBy.map(({ kind }) => kind),
        ['suite', 'artifact'],
      )
      assert.deepEqual(files[0]?.gone, { since: purgedAt, reason: 'purged', by: 'admin', said: 'leaked key' })
    }
    const artifact = await world.why('1')
    assert.equal(artifact.fate.sentence, 'Kept: suite stable has hello 1.0 since r2. One of its files is gone.')
    const never = digestOf(Buffer.from('never seen'))
    await world.maintenance.purge({ sha256: never, reason: 'takedown', userId: null })
    const unknown = await world.why(never)
    assert.equal(unknown.files[0]?.sizeBytes, null)
    assert.match(unknown.fate.sentence, /^Gone since .*: purged \(takedown\)\.$/)
    await assert.rejects(world.why(never, world.inWorkspace()), refused('not-found'))
  })

  it('lists what holds it, and where it is', async () => {
    await using world = await whyWorld(openFresh)
    const stable = await published(world)
    await world.suite('testing')
    await world.submit({ kind: 'copy', suite: 'testing', from: { suite: 'stable' } })
    await stable.remove({ name: 'hello' })
    await world.deb('user', '1.0')
    await world.relate(2, 1)
    const { heldBy, total, files, kind, subject } = await world.of('hello')
    assert.deepEqual([kind, subject, total], ['file', debOf('hello'), 4])
    const item = { kind: 'suite', workspace: 'local/main', package: 'hello', version: '1.0' }
    const place = { ...item, architecture: 'all', component: 'main' }
    assert.deepEqual(heldBy, [
      { ...place, suite: 'testing', fromRevision: 4, untilRevision: null, heldBecause: 'in the suite now' },
      { ...place, suite: 'stable', fromRevision: 2, untilRevision: 4, heldBecause: 'retained revisions r2 to r4' },
      {
        kind: 'artifact',
        id: 1,
        category: 'debian:binary-package',
        workspace: 'local/main',
        path: 'hello.deb',
        expiresAt: null,
        rule: 'workspace',
      },
      { kind: 'relation', id: 2, workspace: 'local/main', type: 'built-using', target: 1 },
    ])
    const { size } = await world.db.read
      .selectFrom('file')
      .select('size')
      .where('sha256', '=', debOf('hello'))
      .executeTakeFirstOrThrow()
    assert.deepEqual(files, [
      {
        sha256: debOf('hello'),
        sizeBytes: size,
        gone: null,
        copies: [{ store: 'local', state: 'present', generation: 0, since: null, reason: null, verifiedAt: null }],
      },
    ])
    await world.retainFrom(4)
    const now = (await world.of('hello')).heldBy.flatMap((holder) =>
      holder.kind === 'suite' ? holder.heldBecause : [],
    )
    assert.deepEqual(now, ['in the suite now', 'retained revision r4'])
  })

  it('lists at most a hundred of a kind, and counts all', async () => {
    await using world = await whyWorld(openFresh)
    await world.deb('hello', '1.0')
    const wish = {
      category: 'generic',
      files: [{ path: 'a', size: makeDeb({ name: 'hello', version: '1.0' }).length, sha256: debOf('hello') }],
    }
    await world.artifacts.create(
      world.workspace,
      Array.from({ length: 120 }, () => wish),
      { userId: null },
    )
    const { heldBy, total } = await world.of('hello')
    assert.deepEqual([heldBy.length, total], [100, 121])
  })

  it('the text of indexes is held by the archive', async () => {
    await using world = await whyWorld(openFresh)
    await published(world)
    const packs = await world.db.read
      .selectFrom('revision')
      .innerJoin('file', 'file.id', 'revision.pack_file_id')
      .select(['file.sha256', 'number'])
      .execute()
    // The first has no chunks, only indexes as they are.
    assert.deepEqual(
      packs.map(({ number }) => number),
      [1, 2],
    )
    for (const { sha256, number } of packs) {
      for (const view of [everything, world.inWorkspace()]) {
        const { fate, heldBy } = await world.why(sha256, view)
        assert.match(fate.sentence, /^Kept: it holds text of the indexes of local\/main/)
        assert.deepEqual(heldBy, [{ kind: 'pack', workspace: 'local/main', revision: number }])
      }
    }
  })

  it('a workspace is told of what it has, and of nothing that another has', async () => {
    await using world = await whyWorld(openFresh)
    await published(world)
    const other = await world.emptyWorkspace()
    const nothing = 'f'.repeat(64)
    const answerTo = async (subject: string): Promise<string> =>
      await world.why(subject, world.inWorkspace(other)).then(
        () => 'told',
        (error: Error) => error.message.replaceAll(subject, 'IT'),
      )
    // What another has, and what is not there at all.
    assert.equal(await answerTo(debOf('hello')), await answerTo(nothing))
    assert.equal(await answerTo('1'), await answerTo('4711'))
    const path = 'pool/main/h/hello/hello_1.0_all.deb'
    assert.equal(await answerTo(path), await answerTo('pool/main/h/hello/hello_2.0_all.deb'))
    // To know its digest is not to have it.
    const { length: size } = makeDeb({ name: 'hello', version: '1.0' })
    const wish = { category: 'generic', files: [{ path: 'a', size, sha256: debOf('hello') }] }
    const [announced] = await world.artifacts.create(other, [wish], { userId: null })
    assert.ok(announced?.missing.includes('a'))
    assert.equal(await answerTo(debOf('hello')), await answerTo(nothing))
    // Once it has the bytes itself it is told of its own artifact only, also when that goes again.
    const bytes = makeDeb({ name: 'hello', version: '1.0' })
    await world.artifacts.upload(other, announced?.id ?? 0, 'a', {
      bytes: [bytes].values() as never,
      start: 0,
      total: size,
    })
    // What was read back before it had the file would tell that another one had it.
    await world.db.write((trx) => trx.updateTable('file_copy').set({ verified_at: 5 }).execute())
    const told = await world.of('hello', world.inWorkspace(other))
    assert.equal(told.files[0]?.copies[0]?.verifiedAt, null)
    assert.equal((await world.of('hello')).files[0]?.copies[0]?.verifiedAt, 5)
    assert.deepEqual([told.heldBy.map(({ kind }) => kind), told.total], [['artifact'], 1])
    assert.equal(told.fate.sentence, `Kept: artifact 2 is in local/${other.name}, which keeps artifacts for ever.`)
    await world.setArtifact(2, { expire_after_seconds: 86_400 })
    assert.equal((await world.of('hello', world.inWorkspace(other))).fate.kind, 'goes')
    assert.equal((await world.of('hello')).fate.kind, 'kept')
    assert.deepEqual((await world.of('hello', world.inWorkspace())).total, 2)
  })

  it('a file that a workspace has no more is told as such, whatever others have', async () => {
    await using world = await whyWorld(openFresh)
    await removed(world)
    await world.retainFrom(3)
    await world.dropArtifacts()
    const other = await world.emptyWorkspace()
    const spooled = await world.storage.spool.create()
    await spooled.append([makeDeb({ name: 'hello', version: '1.0' })])
    await world.artifacts.ingestBinary(other, await spooled.finish(), 'hello.deb', { userId: null })
    assert.equal((await world.of('hello')).fate.kind, 'kept')
    const { fate, heldBy, total } = await world.of('hello', world.inWorkspace())
    assert.deepEqual([heldBy, total], [[], 0])
    const rule = 'nothing in local/main needs it'
    assert.deepEqual(fate, { kind: 'goes', at: null, sentence: `Goes when a vacuum comes by: ${rule}.`, rule })
  })

  it('stores of other scopes are not told of', async () => {
    await using world = await whyWorld(openFresh)
    await world.deb('hello', '1.0')
    await world.db.write(async (trx) => {
      const scope = await trx.insertInto('scope').values({ name: 'else', created_at: 0 }).returning('id').execute()
      await trx
        .updateTable('file_store')
        .set({ scope_id: scope[0]?.id ?? null })
        .execute()
    })
    assert.deepEqual((await world.of('hello', world.inWorkspace())).files[0]?.copies, [])
    assert.equal((await world.of('hello')).files[0]?.copies.length, 1)
  })

  it('a tenant is told nothing of what another did with the same bytes', async () => {
    await using world = await storageWorld(openFresh, { ages: { graceMs: 1e9 } })
    const bytes = Buffer.from('what both of them have')
    const subject = digestOf(bytes)
    const view: View = { kind: 'workspace', workspace: world.workspace }
    // Announced before, which is not to have it.
    const own = await world.announce('generic', { own: bytes })
    const wish = { category: 'generic', files: announced({ theirs: bytes }) }
    const [foreign] = await world.artifacts.create(world.foreign, [wish], { userId: null })
    assert.ok(foreign)
    await world.artifacts.upload(world.foreign, foreign.id, 'theirs', {
      bytes: pieces(bytes),
      start: 0,
      total: bytes.length,
    })
    await world.artifacts.delete(world.foreign, foreign.id)
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['local condemned'])
    await world.send(own, 'own', bytes)
    const copy = { store: 'local', generation: null, since: null, reason: null, verifiedAt: null }
    const copiesTold = async () => (await world.maintenance.why(subject, view)).files[0]?.copies
    assert.deepEqual(await copiesTold(), [{ ...copy, state: 'present' }])
    const whole = await world.maintenance.why(subject, everything)
    assert.deepEqual(
      whole.files[0]?.copies.map(({ state, generation }) => [state, generation]),
      [
        ['condemned', 0],
        ['present', 1],
      ],
    )
    // What a rule did since then is told, but not whose rule it is.
    const now = await world.db.now()
    const condemned = { state: 'condemned', state_at: now } as const
    const reasonTold = async (state_reason: string) => {
      await world.db.write((trx) =>
        trx
          .updateTable('file_copy')
          .set({ ...condemned, state_reason })
          .where('generation', '=', 1)
          .execute(),
      )
      return await copiesTold()
    }
    const neutral = 'it is on its way out by a policy of the store'
    assert.deepEqual(await reasonTold('other is above its soft maximum in local'), [
      { ...copy, state: 'condemned', since: now, reason: neutral },
    ])
    for (const reason of ['nothing needs it', 'local is above its soft maximum in local']) {
      assert.deepEqual((await reasonTold(reason))?.[0]?.reason, reason)
    }
  })

  it('nonsense is refused', async () => {
    await using world = await whyWorld(openFresh)
    await assert.rejects(world.why('hello', world.inWorkspace()), refused('request-invalid', /neither/))
    await assert.rejects(world.why('pool/main/h', everything), refused('request-invalid', /neither/))
  })
})
