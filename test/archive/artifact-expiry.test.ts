import assert from 'node:assert/strict'
import { it } from 'node:test'
import { age } from '../support/archive-past.ts'
import { archiveWorld, refused, type ArchiveWorld } from '../support/archive-world.ts'
import { artifactRoom, pieces, type ArtifactRoom } from '../support/artifact-room.ts'
import { forEachDialect } from '../support/databases.ts'
import { expireRevisions, planRevisionExpiry } from '../../src/archive/retention.ts'
import { faultsFrom } from '../../src/common/faults.ts'
import type { Database } from '../../src/database/database.ts'
import type { ArtifactRelationTable } from '../../src/database/schema.ts'
import { planArtifactExpiry } from '../../src/artifact/expiry-plan.ts'
import { expireArtifact } from '../../src/artifact/expiry.ts'

const day = 86_400
const log = 'generic'

async function planned(db: Database): Promise<number[]> {
  const plan = await Array.fromAsync(planArtifactExpiry(db, await db.now()))
  return plan.map((each) => each.artifactId).toSorted((a, b) => a - b)
}

/** Removes what is planned. @returns what went */
async function expire(db: Database): Promise<number[]> {
  const gone: number[] = []
  for await (const { artifactId } of planArtifactExpiry(db, await db.now())) {
    const outcome = await expireArtifact(db, artifactId)
    if (outcome !== 'kept') gone.push(...outcome.artifactIds)
  }
  return gone.toSorted((a, b) => a - b)
}

async function setDefault(db: Database, seconds: number | null): Promise<void> {
  await db.write((trx) => trx.updateTable('workspace').set({ expire_after_seconds: seconds }).execute())
}

/** As if all artifacts had been made so much earlier. */
async function grow(db: Database, days: number): Promise<void> {
  const micros = days * day * 1_000_000
  await db.write(async (trx) => {
    await trx
      .updateTable('artifact')
      .set((eb) => ({ completed_at: eb('completed_at', '-', micros), created_at: eb('created_at', '-', micros) }))
      .execute()
    await trx
      .updateTable('upload')
      .set((eb) => ({ touched_at: eb('touched_at', '-', micros) }))
      .execute()
  })
}

let made = 0

/** A complete artifact with a file of its own. */
async function artifact(room: ArtifactRoom, expireAfterDays?: number | null): Promise<number> {
  made += 1
  const bytes = Buffer.from(`log ${made}`)
  const delay =
    expireAfterDays === undefined || expireAfterDays === null ? {} : { expireAfterSeconds: expireAfterDays * day }
  const { id } = await room.announce(log, { [`build-${made}.log`]: bytes }, delay)
  await room.send(await room.artifacts.get(room.workspace, id), `build-${made}.log`, bytes)
  return id
}

async function relate(
  db: Database,
  from: number,
  to: number,
  type: ArtifactRelationTable['type'] = 'relates-to',
): Promise<void> {
  await db.write((trx) =>
    trx.insertInto('artifact_relation').values({ artifact_id: from, target_id: to, type }).execute(),
  )
}

async function artifactOf(world: ArchiveWorld, packageId: number): Promise<number> {
  const row = await world.db.read
    .selectFrom('package')
    .innerJoin('artifact_file', 'artifact_file.file_id', 'package.file_id')
    .select('artifact_file.artifact_id as id')
    .where('package.id', '=', packageId)
    .executeTakeFirst()
  return row?.id ?? 0
}

async function expireAllRevisions(world: ArchiveWorld): Promise<void> {
  await world.db.write((trx) => trx.updateTable('workspace').set({ keep_revisions_seconds: 0 }).execute())
  await age(world, 4 * day)
  for await (const { archiveId, to } of planRevisionExpiry(world.db.read, await world.db.now())) {
    await expireRevisions(world.db, archiveId, to)
  }
}

forEachDialect((_dialect, open) => {
  it('an artifact goes after its own delay, or its workspace’s, counted from when it was complete', async () => {
    await using room = await artifactRoom(open)
    const [own, never, plain] = [await artifact(room, 10), await artifact(room, 0), await artifact(room)]
    await grow(room.db, 9)
    assert.deepEqual(await planned(room.db), [])
    await grow(room.db, 2)
    assert.deepEqual(await planned(room.db), [own])
    await setDefault(room.db, 12 * day)
    assert.deepEqual(await planned(room.db), [own])
    await grow(room.db, 2)
    const plan = await Array.fromAsync(planArtifactExpiry(room.db, await room.db.now()))
    assert.deepEqual(
      plan.map(({ artifactId, workspace, category, files, rule }) => ({
        artifactId,
        workspace,
        category,
        files,
        rule,
      })),
      [
        {
          artifactId: plain,
          workspace: 'local/main',
          category: log,
          files: 1,
          rule: 'the delay of its workspace, 12 days, is over',
        },
        { artifactId: own, workspace: 'local/main', category: log, files: 1, rule: 'its own delay of 10 days is over' },
      ],
    )
    assert.ok(plan.every((each) => each.bytes >= 5))
    assert.deepEqual(await expire(room.db), [own, plain])
    await room.artifacts.get(room.workspace, never)
    await assert.rejects(room.artifacts.get(room.workspace, own), refused('not-found'))
  })

  it('says when it expires', async () => {
    await using room = await artifactRoom(open)
    await setDefault(room.db, 30 * day)
    const [own, never, plain] = [await artifact(room, 1), await artifact(room, 0), await artifact(room)]
    const times = await Promise.all(
      [own, never, plain].map(async (id) => {
        const { completedAt, expiresAt, expireAfterSeconds } = await room.artifacts.get(room.workspace, id)
        return [expireAfterSeconds, expiresAt === null ? null : (expiresAt - (completedAt ?? 0)) / 1_000_000]
      }),
    )
    assert.deepEqual(times, [
      [day, day],
      [0, null],
      [null, 30 * day],
    ])
    await assert.rejects(
      room.announce(log, { a: Buffer.from('a') }, { expireAfterSeconds: -1 }),
      refused('request-invalid'),
    )
  })

  it('an artifact that nobody completes goes a week after it was touched', async () => {
    await using room = await artifactRoom(open)
    const wish = { expireAfterSeconds: 0 }
    const { id: left } = await room.announce(log, { a: Buffer.from('a') }, wish)
    const bytes = Buffer.alloc(3 << 20)
    const { id: slow } = await room.announce(log, { b: bytes }, wish)
    await grow(room.db, 6)
    const part = pieces(bytes.subarray(0, 2 << 20))
    await room.artifacts.upload(room.workspace, slow, 'b', { bytes: part, start: 0, total: bytes.length })
    assert.deepEqual(await planned(room.db), [])
    await grow(room.db, 2)
    assert.deepEqual(await expire(room.db), [left])
    await grow(room.db, 6)
    const [plan] = await Array.fromAsync(planArtifactExpiry(room.db, await room.db.now()))
    assert.equal(plan?.rule, 'it was left incomplete for 7 days')
    const outcome = await expireArtifact(room.db, slow)
    assert.ok(outcome !== 'kept')
    assert.equal(outcome.uploads.length, 1)
  })

  it('what a suite has in a revision that is retained stays', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const [now, past, never] = [
      await world.deb('now', '1'),
      await world.deb('past', '1'),
      await world.deb('never', '1'),
    ]
    await stable.addPackages(now, past)
    await stable.remove({ name: 'past' })
    await setDefault(world.db, day)
    await grow(world.db, 2)
    const ids = {
      now: await artifactOf(world, now),
      past: await artifactOf(world, past),
      never: await artifactOf(world, never),
    }
    assert.deepEqual(await planned(world.db), [ids.never])
    await assert.rejects(world.artifacts.delete(world.workspace, ids.past), refused('conflict', /has not expired/))
    await expireAllRevisions(world)
    assert.deepEqual(await planned(world.db), [ids.past, ids.never])
    await world.artifacts.delete(world.workspace, ids.past)
    assert.deepEqual(await expire(world.db), [ids.never])
    assert.deepEqual(await stable.packages(), ['now 1'])
  })

  it('what a change is about to add or has removed without being sealed stays', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const packageId = await world.deb('hello', '1')
    await stable.addPackages(packageId)
    await setDefault(world.db, day)
    await grow(world.db, 2)
    for (const state of ['preparing', 'pending'] as const) {
      await world.db.write((trx) =>
        trx.updateTable('change').set({ state, revision: null }).where('kind', '=', 'add').execute(),
      )
      assert.deepEqual(await planned(world.db), [])
    }
  })

  it('a package whose bytes have gone is not added again by its number', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const packageId = await world.deb('hello', '1')
    await setDefault(world.db, day)
    await grow(world.db, 2)
    assert.equal((await expire(world.db)).length, 1)
    // As a vacuum leaves it.
    await world.db.write((trx) => trx.updateTable('file').set({ gone_at: 1, gone_reason: 'expired' }).execute())
    await assert.rejects(stable.addPackages(packageId), refused('gone', /hello 1 has expired.*send it again/))
  })

  it('what an artifact that stays relates to stays, over any number of steps', async () => {
    await using room = await artifactRoom(open)
    const ids: number[] = []
    for (let number = 0; number < 6; number += 1) ids.push(await artifact(room, 1))
    const [a = 0, b = 0, c = 0, alone = 0, first = 0, second = 0] = ids
    const keeper = await artifact(room, 0)
    await relate(room.db, keeper, c, 'built-using')
    await relate(room.db, c, b, 'extends')
    // Against the order of their making.
    await relate(room.db, b, a, 'built-using')
    await relate(room.db, first, second)
    await grow(room.db, 2)
    assert.deepEqual(await planned(room.db), [alone, first, second])
    assert.deepEqual(await expire(room.db), [alone, first, second])
    await room.db.write((trx) => trx.updateTable('artifact').set({ expire_after_seconds: day }).execute())
    assert.deepEqual(await expire(room.db), [a, b, c, keeper])
  })

  it('a copy does not keep what it was copied from, and stays without it', async () => {
    await using room = await artifactRoom(open)
    const [original, copy] = [await artifact(room, 1), await artifact(room, 0)]
    await relate(room.db, copy, original, 'copied-from')
    await grow(room.db, 2)
    assert.deepEqual(await expire(room.db), [original])
    assert.deepEqual((await room.artifacts.get(room.workspace, copy)).relations, [])
  })

  it('artifacts that relate to each other in a circle go together, or stay together', async () => {
    await using room = await artifactRoom(open)
    const [a, b, c] = [await artifact(room, 1), await artifact(room, 1), await artifact(room, 1)]
    const tail = await artifact(room, 1)
    const keeper = await artifact(room, 0)
    await relate(room.db, a, b)
    await relate(room.db, b, c)
    await relate(room.db, c, a)
    await relate(room.db, a, a)
    await relate(room.db, c, tail)
    await grow(room.db, 2)
    await relate(room.db, keeper, b)
    assert.deepEqual(await planned(room.db), [])
    await room.artifacts.delete(room.workspace, keeper)
    assert.deepEqual(await planned(room.db), [a, b, c, tail])
    const outcome = await expireArtifact(room.db, b)
    assert.deepEqual(outcome, { artifactIds: [a, b, c], uploads: [] })
    assert.deepEqual(await expireArtifact(room.db, b), { artifactIds: [], uploads: [] })
    assert.deepEqual(await expireArtifact(room.db, tail), { artifactIds: [tail], uploads: [] })
  })

  it('looks at everything again before it removes anything', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const packages = await Promise.all(['aa', 'bb', 'cc', 'dd', 'ee'].map((name) => world.deb(name, '1')))
    await setDefault(world.db, day)
    await grow(world.db, 2)
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = await Promise.all(packages.map((id) => artifactOf(world, id)))
    await relate(world.db, b, a)
    assert.equal((await planned(world.db)).length, 5)
    // Meanwhile a suite takes what relates to another; one is to stay for ever; one is related to anew.
    await stable.addPackages(packages[1] ?? 0)
    await world.db.write((trx) =>
      trx.updateTable('artifact').set({ expire_after_seconds: 0 }).where('id', '=', c).execute(),
    )
    const [keeper] = await world.artifacts.create(
      world.workspace,
      [{ category: log, files: [], relations: [{ type: 'relates-to', target: d }] }],
      { userId: null },
    )
    for (const id of [a, b, c, d]) assert.equal(await expireArtifact(world.db, id), 'kept')
    const faults = faultsFrom('expire.artifact:eio:1')
    await assert.rejects(expireArtifact(world.db, e, { faults }), refused('storage-failed'))
    assert.deepEqual(await expireArtifact(world.db, e, { faults }), { artifactIds: [e], uploads: [] })
    assert.ok(keeper !== undefined)
    // What is planned can be deleted all the same.
    await planned(world.db)
    await world.artifacts.delete(world.workspace, keeper.id)
    await world.artifacts.delete(world.workspace, d)
  })

  it('what is created while proven files and related artifacts expire never rests on what is gone', async () => {
    await using room = await artifactRoom(open)
    const bytes = Buffer.from('the same')
    const wish = { category: log, files: [{ path: 'same.log', size: bytes.length, sha256: '' }] }
    for (let round = 0; round < 15; round += 1) {
      const old = await room.announce(log, { 'same.log': bytes }, { expireAfterSeconds: day })
      if (!old.complete) await room.send(old, 'same.log', bytes)
      await grow(room.db, 2)
      assert.ok((await planned(room.db)).includes(old.id))
      const [created] = await Promise.all([
        room.artifacts
          .create(
            room.workspace,
            [
              {
                ...wish,
                files: old.files.map(({ path, size, sha256 }) => ({ path, size, sha256 })),
                expireAfterSeconds: 0,
                relations: [{ type: 'relates-to', target: old.id }],
              },
            ],
            { userId: null },
          )
          .catch((error: unknown) => {
            refused('not-found', /relate/)(error)
            return []
          }),
        expireArtifact(room.db, old.id),
      ])
      for (const each of created) {
        const now = await room.artifacts.get(room.workspace, each.id)
        if (!now.complete) continue
        const opened = await room.artifacts.openFile(room.workspace, now.id, 'same.log')
        assert.equal(opened.sizeBytes, bytes.length)
        opened.stream.destroy()
        await room.artifacts.get(room.workspace, old.id)
        await room.artifacts.delete(room.workspace, each.id)
        await room.artifacts.delete(room.workspace, old.id)
      }
    }
  })
})
