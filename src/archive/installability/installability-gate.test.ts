/** Suites that want to stay installable refuse what breaks them, or tell of it. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld, type ArchiveWorld, refused } from '../../../test/support/archive-world.ts'
import { forEachDialect } from '../../../test/support/databases.ts'
import type { SealedChange } from '../change-request.ts'

const amd64 = { architecture: 'amd64' }

/** `app 1 amd64 in stable: missing`. */
function flagged({ uninstallable }: SealedChange): string[] {
  return uninstallable.map((each) => {
    const kinds = each.reasons.map((reason) => reason.kind).join(' ')
    return `${each.name} ${each.version} ${each.architecture} in ${each.suite} on ${each.machine}: ${kinds}`
  })
}

async function names(world: ArchiveWorld, suite: string): Promise<string[]> {
  const { items } = await world.archives.packages(world.workspace, { suite }, { limit: 100 })
  return items.map((item) => `${item.name} ${item.version}`)
}

forEachDialect((_dialect, open) => {
  it('what cannot be installed does not come in, and what others need does not go', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { installability: 'refuse' })
    const app = await world.deb('app', '1', { ...amd64, depends: 'lib (>= 2)' })
    await assert.rejects(
      stable.addPackages(app),
      refused('uninstallable', /app 1 on amd64 \(app 1 needs lib \(>= 2\), which nothing meets\)/),
    )
    await stable.addPackages(app, await world.deb('lib', '2', amd64))
    await assert.rejects(stable.remove({ name: 'lib' }), refused('uninstallable', /'stable': app 1 on amd64/))
    await assert.rejects(
      stable.add('foe', '1', { ...amd64, depends: 'app', extraControl: 'Breaks: lib\n' }),
      refused('uninstallable', /foe 1 conflicts with lib 2/),
    )
    await stable.remove({ name: 'lib' }, { name: 'app' })
    assert.deepEqual(await names(world, 'stable'), [])
  })

  it('a newer version that others cannot use is refused where it takes the place of the older one', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { installability: 'refuse', versions: 'newest' })
    await stable.add('lib', '1', amd64)
    await stable.add('app', '1', { ...amd64, depends: 'lib (<< 2)' })
    await assert.rejects(stable.add('lib', '2', amd64), refused('uninstallable', /app 1 needs lib \(<< 2\)/))
    await stable.add('lib', '1.5', amd64)
    assert.deepEqual(await names(world, 'stable'), ['app 1', 'lib 1.5'])
  })

  it('a suite that is to be told has it in the answer and in its history; what was broken before is not counted', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    await stable.add('old', '1', { ...amd64, depends: 'gone' })
    await stable.set({ installability: 'flag' })
    const change = await stable.add('app', '1', { ...amd64, depends: 'lib' })
    assert.deepEqual(flagged(change), ['app 1 amd64 in stable on amd64: missing'])
    assert.deepEqual(flagged(await stable.add('other', '1', amd64)), [])
    const history = await world.archives.history(world.workspace, 'stable', { limit: 9 })
    assert.deepEqual(
      history.map(({ changes }) => changes[0]?.uninstallable),
      [0, 1, 0, 0, 0],
    )
  })

  it('packages may come from the suites that are named, and a change of these is looked at too', async () => {
    await using world = await archiveWorld(open)
    const base = await world.suite('base', {}, ['foundation'])
    await base.add('lib', '1', amd64)
    const apps = await world.suite('apps', { installability: 'refuse', installabilityWith: ['foundation'] })
    await apps.add('app', '1', { ...amd64, depends: 'lib' })
    await assert.rejects(base.remove({ name: 'lib' }), refused('uninstallable', /in 'apps': app 1/))
    await base.add('more', '1', { ...amd64, depends: 'gone' })
    await base.add('lib', '2', amd64)
    await base.remove({ name: 'lib', version: '1' })
    await apps.set({ installabilityWith: ['nowhere'] })
    await assert.rejects(apps.add('tool', '1', amd64), refused('conflict', /'apps' is checked with 'nowhere'/))
  })

  it('of changes that are sealed together only those that break something are refused', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { installability: 'refuse' })
    const outcomes = await Promise.allSettled([
      stable.add('fine', '1', amd64),
      stable.add('app', '1', { ...amd64, depends: 'gone' }),
      stable.add('good', '1', { ...amd64, depends: 'fine | never' }),
      stable.add('odd', '1', { ...amd64, depends: 'app' }),
    ])
    const become = outcomes.map(({ status }) => status)
    assert.deepEqual([become[0], become[1], become[3]], ['fulfilled', 'rejected', 'rejected'])
    const now = await names(world, 'stable')
    assert.ok(now.includes('fine 1') && !now.includes('app 1') && !now.includes('odd 1'), now.join())
  })

  it('steps that only together leave a suite installable are one change, and a preview tells what would be refused', async () => {
    await using world = await archiveWorld(open)
    const testing = await world.suite('testing')
    await testing.add('app', '1', { ...amd64, depends: 'lib' })
    await testing.add('lib', '1', amd64)
    await world.suite('stable', { installability: 'refuse' })
    const copy = (name: string) =>
      ({ kind: 'copy', suite: 'stable', from: { suite: 'testing' }, packages: [{ name }] }) as const
    await assert.rejects(world.archives.preview(world.workspace, [copy('app')]), refused('uninstallable', /needs lib/))
    await world.archives.submitBatch(world.workspace, [copy('app'), copy('lib')], { userId: null })
    assert.deepEqual(await names(world, 'stable'), ['app 1', 'lib 1'])
    const back = await world.submit({ kind: 'rollback', suite: 'stable', to: 'r4' })
    assert.deepEqual([back.removedCount, flagged(back)], [2, []])
  })
})
