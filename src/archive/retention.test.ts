import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { age, everythingAt, spread } from '../../test/support/archive-past.ts'
import { type ArchiveWorld, archiveWorld, listedIn, refused } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { type Faults, faultsFrom } from '../common/faults.ts'
import { unpackIds } from './chunk-table.ts'
import { endHistory, planHistoryEnd } from './history-end.ts'
import { expireRevisions, planRevisionExpiry, type RetentionOptions, type RevisionExpiry } from './retention.ts'

const day = 86_400
const soon: RetentionOptions = { minimumAgeSeconds: 0 }

interface Settings {
  readonly keepRevisions?: number | null
  readonly keepHistory?: number | null
}

async function keep({ db, workspace }: Pick<ArchiveWorld, 'db' | 'workspace'>, settings: Settings): Promise<void> {
  await db.write((trx) =>
    trx
      .updateTable('workspace')
      .set({
        keep_revisions_seconds: settings.keepRevisions ?? null,
        keep_history_seconds: settings.keepHistory ?? null,
      })
      .where('id', '=', workspace.id)
      .execute(),
  )
}

async function planned({ db }: Pick<ArchiveWorld, 'db'>, options: RetentionOptions = {}): Promise<RevisionExpiry[]> {
  return Array.fromAsync(planRevisionExpiry(db.read, await db.now(), options))
}

async function expire(world: Pick<ArchiveWorld, 'db'>, options: RetentionOptions = soon): Promise<number> {
  let expired = 0
  for (const { archiveId, to } of await planned(world, options)) {
    expired += (await expireRevisions(world.db, archiveId, to, options)).expired
  }
  return expired
}

async function head({ db }: Pick<ArchiveWorld, 'db'>): Promise<number> {
  return (await db.read.selectFrom('archive').select('head').executeTakeFirstOrThrow()).head
}

/** All that can be fetched of each revision from one on, and of the head, by a process that remembers nothing. */
async function capture(world: ArchiveWorld, from: number): Promise<Map<string, Map<string, string>>> {
  await using fresh = await world.another()
  const states = new Map([['head', await everythingAt(fresh, world.workspace)]])
  for (let number = from; number <= (await head(world)); number += 1) {
    states.set(`r${number}`, await everythingAt(fresh, world.workspace, `r${number}`))
  }
  return states
}

/** What can be fetched now, by a process that remembers nothing. */
async function now(world: ArchiveWorld): Promise<Map<string, string>> {
  await using fresh = await world.another()
  return await everythingAt(fresh, world.workspace)
}

async function counts({ db }: Pick<ArchiveWorld, 'db'>): Promise<Record<string, number>> {
  const tables = ['chunk', 'index_map', 'suite_map', 'index_file', 'release_index', 'suite_item', 'pool_name'] as const
  const found: Record<string, number> = {}
  for (const table of tables) {
    const { count } = await db.read
      .selectFrom(table)
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    found[table] = count
  }
  return found
}

/** Every row that is left is needed by another, or by a revision that is retained; and has what it needs. */
async function assertSwept({ db }: Pick<ArchiveWorld, 'db'>): Promise<void> {
  const { retained_from: from } = await db.read.selectFrom('archive').select('retained_from').executeTakeFirstOrThrow()
  for (const table of ['release_index', 'suite_map'] as const) {
    const ended = await db.read.selectFrom(table).select('suite_id').where('until_revision', '<=', from).execute()
    assert.deepEqual(ended, [], table)
  }
  const indexes = await db.read.selectFrom('index_file').select(['id', 'maps_json', 'file_id']).execute()
  const listed = await db.read.selectFrom('release_index').select('index_file_id').distinct().execute()
  assert.deepEqual(sorted(indexes.map(({ id }) => id)), sorted(listed.map((row) => row.index_file_id)))

  const maps = await db.read.selectFrom('index_map').select(['id', 'chunks']).execute()
  const had = await db.read.selectFrom('suite_map').select('map_id').execute()
  const made = indexes.flatMap((row) => JSON.parse(row.maps_json) as number[])
  assert.deepEqual(sorted(maps.map(({ id }) => id)), sorted([...had.map((row) => row.map_id), ...made]))

  const chunks = await db.read.selectFrom('chunk').select(['id', 'pack_file_id']).execute()
  assert.deepEqual(sorted(chunks.map(({ id }) => id)), sorted(maps.flatMap((map) => unpackIds(map.chunks))))
  const packs = await db.read
    .selectFrom('revision')
    .select('pack_file_id')
    .where('number', '<', from)
    .where('pack_file_id', 'is not', null)
    .execute()
  const used = new Set([...chunks.map((chunk) => chunk.pack_file_id), ...indexes.map((index) => index.file_id)])
  assert.ok(packs.every((row) => used.has(row.pack_file_id ?? 0)))
}

function sorted(ids: readonly number[]): number[] {
  return [...new Set(ids)].toSorted((a, b) => a - b)
}

/** Two suites whose revisions share maps, indexes and chunks, go back to what was, and leave places empty. */
async function longHistory(world: ArchiveWorld): Promise<void> {
  const stable = await world.suite('stable', { architectures: ['amd64', 'arm64'], validUntilDays: 7 })
  const quiet = await world.suite('quiet', { architectures: ['amd64'] }, ['still'])
  await quiet.add('quiet', '1')
  for (let number = 1; number <= 6; number += 1) await stable.add('hello', `${number}`)
  await stable.addSource('source', '1')
  await stable.remove({ name: 'hello', version: '3' }, { name: 'hello', version: '4' })
  await stable.rollback('r6')
  await stable.set({ description: 'Set anew' })
  await stable.add('other', '1', { architecture: 'arm64' })
  await stable.remove({ name: 'other' })
  await world.submit({ kind: 'copy', suite: 'stable', from: { suite: 'stable', at: 'r8' } })
}

forEachDialect((dialect, open) => {
  it('nothing expires unless its workspace says so, nor within three days of having been current', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    for (const version of ['1', '2', '3']) await stable.add('hello', version)
    await age(world, 3 * day - 60)
    assert.deepEqual(await planned(world), [])
    await keep(world, { keepRevisions: 0 })
    assert.deepEqual(await planned(world), [])
    await age(world, 120)
    const [plan] = await planned(world)
    assert.deepEqual([plan?.workspace, plan?.from, plan?.to], ['local/main', 1, 3])
    assert.match(plan?.rule ?? '', /superseded more than 3 days ago/)
    await keep(world, { keepRevisions: 30 * day })
    assert.deepEqual(await planned(world), [])
    // Asked to all the same, it looks at the rule itself.
    const { expired } = await expireRevisions(world.db, plan?.archiveId ?? 0, 3)
    assert.equal(expired, 0)
    assert.equal(await expire(world, {}), 0)
  })

  it('what is retained stays as it was, byte for byte, and what only expired revisions used is gone', async () => {
    await using world = await archiveWorld(open)
    await longHistory(world)
    await keep(world, { keepRevisions: 0 })
    const last = await head(world)
    const all = await capture(world, 1)
    let before = await counts(world)
    for (const to of [4, 9, 10, last - 1]) {
      const [archive] = await planned(world, soon)
      assert.equal(archive?.to, last - 1)
      await expireRevisions(world.db, archive.archiveId, to, soon)
      const states = await capture(world, to + 1)
      assert.deepEqual(states.get('head'), all.get('head'))
      for (const [name, files] of states) assert.deepEqual(files, all.get(name), name)
      assert.deepEqual(await everythingAt(world, world.workspace), all.get('head'))
      const after = await counts(world)
      assert.equal(after['suite_item'], before['suite_item'])
      assert.equal(after['pool_name'], before['pool_name'])
      assert.ok((after['release_index'] ?? 0) <= (before['release_index'] ?? 0))
      before = after
    }
    assert.deepEqual(await planned(world, soon), [])
    await assertSwept(world)
    // The suites go on from there, also with what had been there before.
    await world.submit({ kind: 'remove', suite: 'stable', packages: [{ name: 'hello' }] })
    await world.submit({ kind: 'rollback', suite: 'stable', to: `r${last}` })
    await now(world)
  })

  it('an expired revision is gone, with a sentence, from every side, and history still tells of it', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    for (const version of ['1', '2', '3']) await stable.add('hello', version)
    await spread(world, 10)
    const { sealed_at: sealedAt } = await world.db.read
      .selectFrom('revision')
      .select('sealed_at')
      .where('number', '=', 2)
      .executeTakeFirstOrThrow()
    const then = new Date(sealedAt / 1000).toISOString()
    await using other = await world.another()
    const paths = ['dists/stable/InRelease', 'dists/stable/main/binary-amd64/Packages', 'pool/x', 'anything']
    const digest = listedIn(await world.text('snapshot/r2/dists/stable/Release')).get(
      'main/binary-amd64/Packages',
    )?.sha256
    for (const { archives } of [world, other]) {
      await archives.resolve(world.workspace, 'snapshot/r2/dists/stable/InRelease')
    }
    await keep(world, { keepRevisions: 1 })
    assert.equal(await expire(world), 3)

    const isGone = refused('gone', /r2 has expired; the oldest that is kept is r4/)
    for (const { archives } of [world, other]) {
      for (const path of paths) await assert.rejects(archives.resolve(world.workspace, `snapshot/r2/${path}`), isGone)
      await assert.rejects(archives.packages(world.workspace, { suite: 'stable', at: 'r2' }, { limit: 1 }), isGone)
      await assert.rejects(archives.suite(world.workspace, 'stable', 'r2'), isGone)
      await assert.rejects(archives.suites(world.workspace, 'r2'), isGone)
      await assert.rejects(archives.sources(world.workspace, { suite: 'stable', at: 'r2' }), isGone)
      const [then, now] = [{ suite: 'stable', at: 'r2' }, { suite: 'stable' }]
      await assert.rejects(archives.diff(world.workspace, then, now), isGone)
      await assert.rejects(archives.diff(world.workspace, now, then), isGone)
      const snapshots = await archives.snapshots(world.workspace, 10)
      assert.deepEqual(
        snapshots.map((each) => each.revision),
        [4],
      )
    }
    await assert.rejects(stable.rollback('r2'), isGone)
    const copy = { kind: 'copy', suite: 'stable', from: { suite: 'stable', at: 'r2' } } as const
    await assert.rejects(world.submit(copy), isGone)
    await assert.rejects(world.archives.suite(world.workspace, 'stable', then), refused('gone', /oldest that is kept/))
    const byHash = `dists/stable/main/binary-amd64/by-hash/SHA256/${digest}`
    await assert.rejects(world.bytes(byHash), refused('not-found', /before r4 listed has expired/))

    const history = await world.archives.history(world.workspace, 'stable', { limit: 10 })
    assert.deepEqual(
      history.map(({ revision, state, changes }) => [revision, state, changes[0]?.added]),
      [
        [4, 'sealed', 1],
        [3, 'expired', 1],
        [2, 'expired', 1],
        [1, 'expired', 0],
      ],
    )
    // The bytes of the pool path are others' for ever.
    await assert.rejects(
      stable.add('hello', '1', { files: { 'usr/share/other': 'other' } }),
      refused('pool-name-taken'),
    )
  })

  it('an interrupted expiry harms nothing at any step, and the next one ends it', async () => {
    await using world = await archiveWorld(open)
    await longHistory(world)
    await keep(world, { keepRevisions: 0 })
    const last = await head(world)
    const all = await capture(world, 1)
    const [archive] = await planned(world, soon)
    assert.ok(archive !== undefined)
    let interruptions = 0
    for (const point of ['expire.revisions', 'expire.sweep']) {
      for (let nth = 1; ; nth += 1) {
        const options = { ...soon, faults: faultsFrom(`${point}:eio:${nth}`) }
        // Some remain that expire later.
        const to = point === 'expire.revisions' ? 5 : last - 2
        try {
          await expireRevisions(world.db, archive.archiveId, to, options)
          break
        } catch (error) {
          refused('storage-failed')(error)
          interruptions += 1
        }
        const { retained_from: from } = await world.db.read
          .selectFrom('archive')
          .select('retained_from')
          .executeTakeFirstOrThrow()
        for (const [name, files] of await capture(world, from)) assert.deepEqual(files, all.get(name), name)
      }
    }
    assert.ok(interruptions > 3)
    for (const { archiveId, to } of await planned(world, soon)) await expireRevisions(world.db, archiveId, to, soon)
    assert.deepEqual(await planned(world, soon), [])
    await assertSwept(world)
  })

  it('what an interrupted expiry left is planned again', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    for (const version of ['1', '2', '3']) await stable.add('hello', version)
    await keep(world, { keepRevisions: 0 })
    const faults = faultsFrom('expire.sweep:eio:1')
    await assert.rejects(expire(world, { ...soon, faults }))
    const [left, ...more] = await planned(world, soon)
    assert.deepEqual(more, [])
    assert.deepEqual([left?.from, left?.to], [4, 3])
    assert.match(left?.rule ?? '', /not removed completely/)
    assert.equal(await expire(world), 0)
    assert.deepEqual(await planned(world, soon), [])
  })

  it('seals and expiries go on at the same time, from two processes', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64', 'arm64'] })
    await keep(world, { keepRevisions: 0 })
    const packages: number[] = []
    for (let number = 0; number < 6; number += 1) {
      const architecture = number % 2 === 0 ? 'amd64' : 'all'
      packages.push(await world.deb(`package-${number}`, '1', { architecture }))
    }
    await stable.addPackages(...packages)
    // SQLite has one process that seals.
    await using other = dialect === 'postgres' ? await world.another() : undefined
    const rooms = [world.archives, ...(other === undefined ? [] : [other.archives])]
    const stop = new AbortController()
    const expiring = (async () => {
      let expired = 0
      while (!stop.signal.aborted) expired += await expire(world)
      return expired
    })()
    const sealing = rooms.map(async (archives, own) => {
      for (let round = 0; round < 8; round += 1) {
        // Comes and goes, so that texts return which only expired revisions had.
        const name = `package-${own * 3 + (round % 3)}`
        const submit = (request: Parameters<typeof archives.submit>[1]) =>
          archives.submit(world.workspace, request, { userId: null })
        await submit({ kind: 'remove', suite: 'stable', packages: [{ name }] })
        await submit({ kind: 'add', suite: 'stable', packages: [{ packageId: packages[own * 3 + (round % 3)] ?? 0 }] })
        const files = await everythingAt(world, world.workspace).catch((error: unknown) => {
          // By its name, a file of the moment before may be gone.
          if (error instanceof Error && /is not what the Release lists/.test(error.message)) return new Map()
          refused('not-found')(error)
          return new Map()
        })
        assert.ok(files.size >= 0)
      }
    })
    await Promise.all(sealing)
    stop.abort()
    const expired = await expiring
    assert.ok(expired > 5, `${expired} revisions expired`)
    assert.deepEqual(world.errors, [])
    assert.deepEqual(
      (await stable.packages()).toSorted(),
      packages.map((_, i) => `package-${i} 1`),
    )
    const whole = await now(world)
    assert.ok(whole.size > 10)
    await expire(world)
    assert.deepEqual(await now(world), whole)
    await assertSwept(world)
  })

  it('a seal between any two steps may bring back what only expired revisions had', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    const packageId = await world.deb('hello', '1')
    await keep(world, { keepRevisions: 0 })
    for (let nth = 1, isReached = true; isReached; nth += 1) {
      await stable.addPackages(packageId)
      await stable.remove({ name: 'hello' })
      // Of now, so that what the package brings is what only expired revisions have.
      await stable.set({ description: `Set ${nth}` })
      let reached = 0
      const faults: Faults = {
        async reach(point) {
          if (point !== 'expire.sweep') return
          reached += 1
          if (reached === nth) await stable.addPackages(packageId)
        },
      }
      await expire(world, { ...soon, faults })
      isReached = reached >= nth
      if (isReached) assert.deepEqual(await stable.packages(), ['hello 1'])
      await now(world)
      await expire(world)
      await now(world)
      await assertSwept(world)
      if (isReached) await stable.remove({ name: 'hello' })
      assert.ok(nth < 100)
    }
  })

  it('a seal that has found old chunks to use again is waited for, and one that was held up too long begins again', async () => {
    let beforeCommit = async (): Promise<void> => {}
    const faults: Faults = {
      async reach(point) {
        if (point !== 'seal.before-commit') return
        const deed = beforeCommit
        beforeCommit = async () => {}
        await deed()
      },
    }
    await using world = await archiveWorld(open, { faults })
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    const packageId = await world.deb('hello', '1')
    await keep(world, { keepRevisions: 0 })
    const comeAndGo = async (): Promise<void> => {
      await stable.addPackages(packageId)
      await stable.remove({ name: 'hello' })
    }

    await comeAndGo()
    let expiring: Promise<number> | undefined
    beforeCommit = async () => {
      expiring = expire(world)
      await sleep(300)
    }
    await stable.addPackages(packageId)
    assert.ok(((await expiring) ?? 0) > 0)
    await now(world)

    await stable.remove({ name: 'hello' })
    await comeAndGo()
    beforeCommit = async () => {
      // As after a long pause of the process: nobody has kept the lease.
      await world.db.write((trx) => trx.updateTable('lease').set({ expires_at: 0 }).execute())
      assert.ok((await expire(world)) > 0)
    }
    await stable.addPackages(packageId)
    assert.deepEqual(await stable.packages(), ['hello 1'])
    await now(world)
    await expire(world)
    await now(world)
    await assertSwept(world)
  })

  it('a copy from a revision that expires meanwhile is refused', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const target = await world.suite('target')
    await stable.add('hello', '1')
    await stable.remove({ name: 'hello' })
    await keep(world, { keepRevisions: 0 })
    await using slow = await world.another({
      faults: {
        async reach(point) {
          if (point === 'change.record') await expire(world)
        },
      },
    })
    const copy = { kind: 'copy', suite: target.name, from: { suite: 'stable', at: 'r3' } } as const
    await assert.rejects(
      slow.archives.submit(world.workspace, copy, { userId: null }),
      refused('gone', /r3 has expired/),
    )
    assert.deepEqual(await target.packages(), [])
  })

  it('the record of expired revisions ends in its own time', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    for (const version of ['1', '2', '3']) await stable.add('hello', version)
    await stable.remove({ name: 'hello', version: '1' })
    await stable.remove({ name: 'hello', version: '2' })
    await stable.add('other', '1')
    await spread(world, 60)
    await age(world, 5 * day)
    await keep(world, { keepRevisions: day, keepHistory: 10 * day })
    assert.equal(await expire(world), 6)
    const plan = async () => Array.fromAsync(planHistoryEnd(world.db.read, await world.db.now(), soon))
    assert.deepEqual(await plan(), [])
    await age(world, 20 * day)
    const [end] = await plan()
    assert.deepEqual([end?.workspace, end?.from, end?.to], ['local/main', 1, 6])
    const items = await counts(world)
    const faults = faultsFrom('expire.sweep:eio:1')
    await assert.rejects(endHistory(world.db, end?.archiveId ?? 0, 6, { ...soon, faults }))
    assert.equal(await endHistory(world.db, end?.archiveId ?? 0, 6, soon), 2)
    assert.equal((await counts(world))['suite_item'], (items['suite_item'] ?? 0) - 2)
    assert.equal((await counts(world))['pool_name'], items['pool_name'])
    assert.deepEqual(await plan(), [])
    const history = await world.archives.history(world.workspace, 'stable', { limit: 10 })
    assert.deepEqual(
      history.map((each) => each.revision),
      [7],
    )
    await now(world)
    assert.deepEqual(await stable.packages(), ['hello 3', 'other 1'])
  })
})
