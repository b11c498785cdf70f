/** Several changes of any suites as one: in one revision, or none of them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ArchiveWorld, archiveWorld, refused } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import type { Faults } from '../common/faults.ts'
import type { StepRequest } from './archives.ts'

async function listed(world: ArchiveWorld, suite: string, at?: string): Promise<string[]> {
  const { items } = await world.archives.packages(world.workspace, { suite, at }, { limit: 1000 })
  return items.map((item) => `${item.name} ${item.version}`)
}

function submit(world: ArchiveWorld, steps: readonly StepRequest[], idempotencyKey?: string) {
  const key = idempotencyKey === undefined ? {} : { idempotencyKey }
  return world.archives.submitBatch(world.workspace, steps, { userId: null, ...key })
}

/** How many changes have been asked for and written down, a batch being one. */
async function asked({ db }: ArchiveWorld): Promise<number> {
  const changes = db.read.selectFrom('change').select('id').where('state', '!=', 'preparing')
  const rows = await changes.where('batch_id', 'is', null).execute()
  return rows.length
}

forEachDialect((_dialect, open) => {
  it('a batch makes suites, fills them, and copies on what its earlier steps brought, in one revision', async () => {
    await using world = await archiveWorld(open)
    const unstable = await world.suite('unstable')
    await unstable.add('old', '1')
    const hello = await world.deb('hello', '1')
    const batch = await submit(world, [
      { kind: 'suite-create', suite: 'testing', settings: { components: ['main'] }, aliases: ['next'] },
      { kind: 'add', suite: 'unstable', packages: [{ packageId: hello }] },
      { kind: 'remove', suite: 'unstable', packages: [{ name: 'old' }] },
      { kind: 'add', suite: 'next', packages: [{ packageId: await world.deb('other', '1') }] },
      { kind: 'copy', suite: 'next', from: { suite: 'unstable' } },
      { kind: 'suite-update', suite: 'testing', settings: { label: 'Tested' } },
    ])
    assert.equal(batch.revision, 3)
    assert.deepEqual(
      batch.steps.map((step) => [step.suite, step.revision, step.addedCount, step.removedCount]),
      [
        ['testing', 3, 0, 0],
        ['unstable', 3, 1, 0],
        ['unstable', 3, 0, 1],
        ['next', 3, 1, 0],
        ['next', 3, 1, 0],
        ['testing', 3, 0, 0],
      ],
    )
    assert.deepEqual([batch.addedCount, batch.removedCount, batch.unchanged], [3, 1, false])
    assert.deepEqual(await listed(world, 'unstable'), ['hello 1'])
    assert.deepEqual(await listed(world, 'testing'), ['hello 1', 'other 1'])
    assert.match(await world.text('dists/testing/Release'), /^Label: Tested$/m)
    assert.match(await world.text('dists/testing/main/binary-amd64/Packages'), /^Package: hello$/m)
    assert.ok((await world.bytes('pool/main/h/hello/hello_1_all.deb')).length > 0)
  })

  it('the history of each suite shows the steps that concern it, and which batch they are of', async () => {
    await using world = await archiveWorld(open)
    await world.suite('unstable')
    await world.suite('testing')
    const packages = [{ packageId: await world.deb('hello', '1') }]
    const { change } = await submit(world, [
      { kind: 'add', suite: 'unstable', packages },
      { kind: 'copy', suite: 'testing', from: { suite: 'unstable' } },
    ])
    const newest = async (suite: string) => {
      const [entry] = await world.archives.history(world.workspace, suite, { limit: 1 })
      return [entry?.revision, ...(entry?.changes ?? []).map((one) => [one.kind, one.batch, one.added, one.removed])]
    }
    assert.deepEqual(await newest('unstable'), [3, ['add', change, 1, 0]])
    assert.deepEqual(await newest('testing'), [3, ['copy', change, 1, 0]])
    const status = await world.archives.change(world.workspace, change)
    assert.ok(status.state === 'sealed' && 'batch' in status && status.batch.steps.length === 2)
  })

  it('a step that cannot be leaves no trace of the others, and is named', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    await stable.add('kept', '1')
    const before = await world.text('dists/stable/InRelease')
    const packages = [{ packageId: await world.deb('hello', '1') }]
    const steps: StepRequest[] = [
      { kind: 'suite-create', suite: 'testing', settings: {} },
      { kind: 'add', suite: 'testing', packages },
      { kind: 'add', suite: 'stable', packages },
      { kind: 'rollback', suite: 'stable', to: 'r1' },
      { kind: 'copy', suite: 'testing', from: { suite: 'stable' }, packages: [{ name: 'absent' }] },
    ]
    await assert.rejects(submit(world, steps, 'key'), (error) => {
      assert.ok(refused('not-found', /^Step 5 \(copy of testing\) .*absent/)(error))
      assert.equal(Reflect.get(Reflect.get(error as object, 'extra') as object, 'step'), 5)
      return true
    })
    // The answer to its key for ever, as for any refusal.
    await assert.rejects(submit(world, steps, 'key'), refused('not-found', /^Step 5 /))
    assert.equal(await world.text('dists/stable/InRelease'), before)
    assert.deepEqual(await listed(world, 'stable'), ['kept 1'])
    await assert.rejects(listed(world, 'testing'), refused('suite-unknown'))
    // Nor is the pool path taken: other bytes of the version may come.
    const other = await world.deb('hello', '1', { files: { 'usr/bin/hello': 'rebuilt\n' } })
    await stable.addPackages(other)
    const testing = await world.suite('testing')
    assert.deepEqual(await testing.packages(), [])
  })

  it('what no state would allow is refused before its turn, with the step that asks for it', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable')
    const packages = [{ packageId: await world.deb('hello', '1'), component: 'contrib' }]
    const asked = submit(world, [
      { kind: 'suite-create', suite: 'testing', settings: {} },
      { kind: 'add', suite: 'testing', packages },
    ])
    await assert.rejects(asked, refused('component-unknown', /^Step 2 \(add of testing\) .*contrib/))
    await assert.rejects(submit(world, []), refused('request-invalid', /1 to 200 steps/))
    const twice = [
      { kind: 'suite-create', suite: 'testing', settings: {} },
      { kind: 'suite-create', suite: 'testing', settings: {} },
    ] as const
    await assert.rejects(submit(world, twice), refused('conflict', /^Step 2 /))
  })

  it('of two bytes of one version in a batch one is refused, or laid at its second path', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable')
    await world.suite('testing')
    const first = [{ packageId: await world.deb('hello', '1') }]
    const second = [{ packageId: await world.deb('hello', '1', { files: { 'usr/bin/hello': 'rebuilt\n' } }) }]
    const steps = (onPoolConflict: 'refuse' | 'second-path'): StepRequest[] => [
      { kind: 'add', suite: 'stable', packages: first },
      { kind: 'add', suite: 'testing', packages: second, onPoolConflict },
    ]
    await assert.rejects(submit(world, steps('refuse')), refused('pool-name-taken', /^Step 2 /))
    assert.equal((await submit(world, steps('second-path'))).addedCount, 2)
  })

  it('a batch asked for again under its key is the same change', async () => {
    await using world = await archiveWorld(open)
    const packages = [{ packageId: await world.deb('hello', '1') }]
    const steps: StepRequest[] = [
      { kind: 'suite-create', suite: 'stable', settings: {} },
      { kind: 'add', suite: 'stable', packages },
    ]
    const first = await submit(world, steps, 'key')
    assert.equal(first.revision, 1)
    assert.deepEqual(await submit(world, steps, 'key'), first)
    const other = [...steps, { kind: 'remove', suite: 'stable', packages: [{ name: 'hello' }] } as const]
    await assert.rejects(submit(world, other, 'key'), refused('idempotency-key-reused'))
    const again = await submit(world, steps.slice(1))
    assert.deepEqual([again.unchanged, again.revision], [true, 1])
  })

  it('batches and changes that come at once are each whole', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable')
    await world.suite('testing')
    const packages = await Promise.all(
      ['a0', 'a1', 'a2', 'a3'].map(async (name) => [{ packageId: await world.deb(name, '1') }]),
    )
    await Promise.all(
      packages.map(async (one, i) => {
        if (i === 3) return world.submit({ kind: 'add', suite: 'stable', packages: one })
        const add = (suite: string) => ({ kind: 'add', suite, packages: one }) as const
        return submit(world, [add('stable'), add('testing')])
      }),
    )
    assert.deepEqual(await listed(world, 'stable'), ['a0 1', 'a1 1', 'a2 1', 'a3 1'])
    assert.deepEqual(await listed(world, 'testing'), ['a0 1', 'a1 1', 'a2 1'])
    assert.deepEqual(world.errors, [])
  })

  it('of a batch that is refused nothing is in the revision of what is sealed with it', async () => {
    let beforeSeal = async (): Promise<void> => {}
    const faults: Faults = { reach: async (point) => (point === 'seal.prepare' ? beforeSeal() : undefined) }
    await using world = await archiveWorld(open, { faults })
    const stable = await world.suite('stable')
    const [first, bad, good, last] = await Promise.all(
      ['first', 'bad', 'good', 'last'].map((name) => world.deb(name, '1', { architecture: 'amd64' })),
    )
    const add = (packageId: number | undefined): StepRequest => {
      return { kind: 'add', suite: 'stable', packages: [{ packageId: packageId ?? 0 }] }
    }
    const absent: StepRequest = { kind: 'remove', suite: 'stable', packages: [{ name: 'absent' }] }
    // The first change is sealed when all have been asked for, so that the others are sealed together.
    const before = await asked(world)
    beforeSeal = async () => {
      beforeSeal = async () => {}
      while ((await asked(world)) < before + 4) await sleep(5)
    }
    const outcomes = await Promise.allSettled([
      world.submit(add(first)),
      submit(world, [add(bad), absent]),
      world.submit(add(good)),
      world.submit(add(last)),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    )
    assert.deepEqual(await stable.packages(), ['first 1', 'good 1', 'last 1'])
    const index = await world.text('dists/stable/main/binary-amd64/Packages')
    assert.deepEqual(
      [...index.matchAll(/^Package: (.*)$/gm)].map(([, name]) => name),
      ['first', 'good', 'last'],
    )
  })
})
