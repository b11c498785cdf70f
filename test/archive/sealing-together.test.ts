/** Several servers, or several callers of one, that publish at the same time: nothing doubled, nothing lost. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { SealedChange } from '../../src/archive/archives.ts'
import { sealLeaseName } from '../../src/archive/held-lease.ts'
import { refuseChange } from '../../src/archive/record-change.ts'
import { AshlarError } from '../../src/common/errors.ts'
import { type FaultPoint, type Faults, faultsFrom } from '../../src/common/faults.ts'
import {
  type ArchiveWorld,
  archiveWorld,
  openRooms,
  type OpenRooms,
  refused,
  type WorldOptions,
} from '../support/archive-world.ts'
import { startProgram } from '../support/child.ts'
import { type DialectName, forEachDialect } from '../support/databases.ts'

/** Stops whoever reaches a point for the first time, until it is told to go on. */
class Gate implements Faults {
  readonly #point: FaultPoint
  readonly #reached = Promise.withResolvers<void>()
  readonly #opened = Promise.withResolvers<void>()
  readonly #afterwards: Faults
  #isShut = true

  constructor(point: FaultPoint, afterwards: Faults = faultsFrom('')) {
    this.#point = point
    this.#afterwards = afterwards
  }

  async reach(point: FaultPoint): Promise<void> {
    if (point !== this.#point || !this.#isShut) return
    this.#isShut = false
    this.#reached.resolve()
    await this.#opened.promise
    await this.#afterwards.reach(point)
  }

  reached(): Promise<void> {
    return this.#reached.promise
  }

  open(): void {
    this.#opened.resolve()
  }
}

/** Another server on PostgreSQL, with its own connections; on SQLite, which one process has, other rooms in it. */
async function another(dialect: DialectName, world: ArchiveWorld, options: WorldOptions = {}): Promise<OpenRooms> {
  return dialect === 'postgres' ? world.another(options) : openRooms(world.db, world.dataDirectory, options)
}

function add(world: ArchiveWorld, rooms: OpenRooms, packageId: number, idempotencyKey?: string): Promise<SealedChange> {
  return rooms.archives.submit(
    world.workspace,
    { kind: 'add', suite: 'stable', packages: [{ packageId }] },
    { userId: null, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
  )
}

async function packageIds(world: ArchiveWorld, names: readonly string[]): Promise<number[]> {
  return Promise.all(names.map((name) => world.deb(name, '1', { architecture: 'amd64' })))
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`)
}

/** Each revision has one number and a time of its own, and lists what was sealed up to it. */
async function assertSound(world: ArchiveWorld, changes: readonly SealedChange[]): Promise<void> {
  const revisions = await world.db.read.selectFrom('revision').selectAll().orderBy('number').execute()
  assert.deepEqual(
    revisions.map((row) => row.number),
    Array.from(revisions, (_, i) => i + 1),
  )
  for (const [i, row] of revisions.entries()) assert.ok(i === 0 || row.sealed_at > (revisions[i - 1]?.sealed_at ?? 0))
  for (const { number } of revisions) {
    const text = await world.text(`snapshot/r${number}/dists/stable/main/binary-amd64/Packages`)
    const listed = [...text.matchAll(/^Package: (.*)$/gm)].map((match) => match[1] ?? '').toSorted()
    const sealed = changes.filter((change) => change.revision <= number)
    const expected = sealed.flatMap((change) => change.added.map((line) => line.name)).toSorted()
    assert.deepEqual(listed, expected, `r${number}`)
  }
}

/** Makes the lease of the archive free, as if its holder had been stopped for longer than it lasts. */
async function expireLease(world: ArchiveWorld): Promise<void> {
  const archive = await world.db.read.selectFrom('archive').select('id').executeTakeFirstOrThrow()
  await world.db.write((trx) =>
    trx.updateTable('lease').set({ expires_at: 0 }).where('name', '=', sealLeaseName(archive.id)).execute(),
  )
}

forEachDialect((dialect, open) => {
  it('two servers publish at once: no number twice, no gap, nothing lost', async () => {
    await using world = await archiveWorld(open)
    await using other = await another(dialect, world)
    await world.suite('stable')
    const ids = await packageIds(world, numbered('pkg', 24))
    const changes = await Promise.all(ids.map((id, i) => add(world, i % 2 === 0 ? world : other, id)))
    await assertSound(world, changes)
    assert.equal(new Set(changes.map((change) => change.change)).size, 24)
    assert.deepEqual([...world.errors, ...other.errors], [])
  })

  it('changes that come while one is sealed are sealed together', async () => {
    const gate = new Gate('seal.pack')
    await using world = await archiveWorld(open)
    await using slow = await another(dialect, world, { faults: gate })
    await world.suite('stable')
    const [first = 0, ...others] = await packageIds(world, numbered('pkg', 51))
    const sealing = add(world, slow, first)
    await gate.reached()
    const waiting = others.map((id) => add(world, slow, id))
    const pending = () => world.db.read.selectFrom('change').select('id').where('state', '=', 'pending').execute()
    while ((await pending()).length < 51) await new Promise(setImmediate)
    gate.open()
    const changes = await Promise.all([sealing, ...waiting])
    assert.deepEqual(new Set(changes.map((change) => change.revision)), new Set([2, 3]))
    await assertSound(world, changes)
  })

  it('of two uploads of one version with different bytes exactly one is published, whichever server it reaches', async () => {
    await using world = await archiveWorld(open)
    await using other = await another(dialect, world)
    await world.suite('stable')
    const changes: SealedChange[] = []
    for (let round = 0; round < 6; round += 1) {
      const name = `pkg${round}`
      const ids = await Promise.all(
        ['a', 'b', 'c'].map((text) => world.deb(name, '1', { architecture: 'amd64', files: { 'usr/x': text } })),
      )
      const answers = await Promise.allSettled(ids.map((id, i) => add(world, i === 1 ? other : world, id)))
      const won = answers.filter((answer) => answer.status === 'fulfilled')
      assert.equal(won.length, 1, name)
      changes.push(...won.map((answer) => answer.value))
      for (const answer of answers) {
        if (answer.status === 'rejected') refused('pool-name-taken', /pkg\d_1_amd64\.deb/)(answer.reason)
      }
    }
    await assertSound(world, changes)
  })

  it('the same request under one key, many times at once, is one change', async () => {
    await using world = await archiveWorld(open)
    await using other = await another(dialect, world)
    await world.suite('stable')
    const [id = 0] = await packageIds(world, ['pkg'])
    const changes = await Promise.all(
      Array.from({ length: 12 }, (_, i) => add(world, i % 2 === 0 ? world : other, id, 'key')),
    )
    assert.equal(new Set(changes.map((change) => change.change)).size, 1)
    const rows = await world.db.read.selectFrom('change').select('id').where('kind', '=', 'add').execute()
    assert.equal(rows.length, 1)
  })

  it('one key for different requests at once belongs to one of them', async () => {
    await using world = await archiveWorld(open)
    await using other = await another(dialect, world)
    await world.suite('stable')
    const ids = await packageIds(world, ['pkg0', 'pkg1'])
    const answers = await Promise.allSettled(ids.map((id, i) => add(world, i === 0 ? world : other, id, 'key')))
    const lost = answers.filter((answer) => answer.status === 'rejected')
    assert.equal(lost.length, 1)
    refused('idempotency-key-reused')(lost[0]?.reason)
  })

  for (const point of ['seal.prepare', 'seal.pack', 'seal.sign', 'seal.before-commit'] as const) {
    it(`a server that was stopped at ${point} for longer than its lease commits nothing`, async () => {
      const gate = new Gate(point)
      await using world = await archiveWorld(open)
      await using stopped = await another(dialect, world, { faults: gate })
      await world.suite('stable')
      const [first = 0, second = 0] = await packageIds(world, ['pkg0', 'pkg1'])
      const left = add(world, stopped, first)
      await gate.reached()
      await expireLease(world)
      const taken = await add(world, world, second)
      gate.open()
      await assertSound(world, [await left, taken])
      assert.deepEqual([...world.errors, ...stopped.errors], [])
    })

    it(`a server that was stopped at ${point} and then fails refuses nothing that another published`, async () => {
      const gate = new Gate(point, faultsFrom(`${point}:eio:1`))
      await using world = await archiveWorld(open)
      await using stopped = await another(dialect, world, { faults: gate })
      await world.suite('stable')
      const [first = 0, second = 0] = await packageIds(world, ['pkg0', 'pkg1'])
      const left = add(world, stopped, first)
      await gate.reached()
      await expireLease(world)
      const taken = await add(world, world, second)
      gate.open()
      await assertSound(world, [await left, taken])
    })
  }

  it('a rollback that another server took over is done once', async () => {
    const gate = new Gate('seal.prepare')
    await using world = await archiveWorld(open)
    await using stopped = await another(dialect, world, { faults: gate })
    const stable = await world.suite('stable')
    const [id = 0] = await packageIds(world, ['pkg'])
    await stable.addPackages(id)
    await stable.remove({ name: 'pkg' })
    const left = stopped.archives.submit(
      world.workspace,
      { kind: 'rollback', suite: 'stable', to: 'r2' },
      { userId: null },
    )
    await gate.reached()
    await expireLease(world)
    await stable.set({ label: 'Another' })
    gate.open()
    assert.equal((await left).addedCount, 1)
    assert.deepEqual(await stable.packages(), ['pkg 1'])
    const rows = await world.db.read.selectFrom('suite_item').select('id').where('removed_by', 'is', null).execute()
    assert.equal(rows.length, 1)
  })

  it('what was refused while it was being sealed is in no revision', async () => {
    const gate = new Gate('seal.before-commit')
    await using world = await archiveWorld(open)
    await using slow = await another(dialect, world, { faults: gate })
    await world.suite('stable')
    const [first = 0, second = 0] = await packageIds(world, ['pkg0', 'pkg1'])
    const left = add(world, slow, first)
    await gate.reached()
    const { id } = await world.db.read
      .selectFrom('change')
      .select('id')
      .where('state', '=', 'pending')
      .executeTakeFirstOrThrow()
    // Who waits for it may be told before the gate opens.
    const told = assert.rejects(left, refused('busy', /given up/))
    await refuseChange(world.db, id, new AshlarError('busy', 'It was given up.'))
    gate.open()
    await told
    await assertSound(world, [await add(world, world, second)])
  })

  it('an alias that moves while a change to it waits leaves the change in neither suite', async () => {
    const gate = new Gate('seal.prepare')
    await using world = await archiveWorld(open)
    await using slow = await another(dialect, world, { faults: gate })
    await world.suite('stable', {}, ['lts'])
    await world.suite('testing')
    const [id = 0] = await packageIds(world, ['pkg'])
    const moving = slow.archives.submit(
      world.workspace,
      { kind: 'alias', name: 'lts', suite: 'testing' },
      { userId: null },
    )
    await gate.reached()
    const request = { kind: 'add', suite: 'lts', packages: [{ packageId: id }] } as const
    const adding = slow.archives.submit(world.workspace, request, { userId: null })
    const pending = () => world.db.read.selectFrom('change').select('id').where('state', '=', 'pending').execute()
    while ((await pending()).length < 2) await new Promise(setImmediate)
    gate.open()
    const [moved, added] = await Promise.allSettled([moving, adding])
    assert.equal(moved.status, 'fulfilled')
    assert.ok(added.status === 'rejected')
    refused('conflict', /lts/)(added.reason)
    for (const suite of ['stable', 'testing']) {
      const { items } = await world.archives.packages(world.workspace, { suite }, { limit: 10 })
      assert.deepEqual(items, [])
    }
  })

  if (dialect === 'postgres') {
    it('two processes publish at once, one of them is stopped in between: nothing doubled, nothing lost', async () => {
      await using world = await archiveWorld(open, { leaseTtlMs: 300 })
      await world.suite('stable')
      const names = numbered('pkg', 20)
      const ids = await packageIds(world, names)
      const program = new URL('../support/programs/publish.ts', import.meta.url)
      const start = (own: readonly number[]) =>
        startProgram(program, [world.databaseUrl, world.dataDirectory, 'stable', '300', ...own.map(String)])
      await using left = start(ids.slice(0, 10))
      await using right = start(ids.slice(10))
      assert.deepEqual([await left.line(), await right.line()], ['open', 'open'])
      const lines = [(await left.line()) ?? '']
      process.kill(left.pid, 'SIGSTOP')
      for (let line = await right.line(); line !== undefined; line = await right.line()) lines.push(line)
      process.kill(left.pid, 'SIGCONT')
      for (let line = await left.line(); line !== undefined; line = await left.line()) lines.push(line)
      assert.deepEqual([await left.ended(), await right.ended()], [0, 0])
      assert.equal(lines.length, 20)
      const changes = await world.db.read
        .selectFrom('change')
        .innerJoin('suite_item', 'suite_item.added_by', 'change.id')
        .select(['change.id', 'change.revision', 'suite_item.name'])
        .orderBy('change.id')
        .execute()
      assert.deepEqual(lines.toSorted(), changes.map((row) => `${row.id} ${row.revision}`).toSorted())
      assert.deepEqual(changes.map((row) => row.name).toSorted(), names.toSorted())
      const newest = await world.text('dists/stable/main/binary-amd64/Packages')
      assert.equal([...newest.matchAll(/^Package: /gm)].length, 20)
    })
  }
})
