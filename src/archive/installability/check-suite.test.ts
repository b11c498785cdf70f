/** What a suite's packages need is looked for in the suite, in others that are named, and in the state that is meant. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld, type ArchiveWorld, refused } from '../../../test/support/archive-world.ts'
import { forEachDialect } from '../../../test/support/databases.ts'
import type { SuiteCheck } from './check-suite.ts'

/** `amd64: 3 checked; app 1 all: missing`. */
function inWords({ architectures }: SuiteCheck): string[] {
  return architectures.map(({ architecture, checked, packages }) => {
    const told = packages.map((each) => {
      const kinds = each.reasons.map((reason) => reason.kind).join(' ')
      return `${each.name} ${each.version} ${each.architecture}: ${kinds}`
    })
    return [`${architecture}: ${checked} checked`, ...told].join('; ')
  })
}

async function check(
  world: ArchiveWorld,
  suite: string,
  wish: { with?: string[]; architectures?: string[]; at?: string; limit?: number } = {},
): Promise<string[]> {
  const { with: others = [], architectures, at, limit = 10 } = wish
  const found = await world.archives.checkInstallability(
    world.workspace,
    { suite, at },
    { with: others, architectures, limit },
  )
  return inWords(found)
}

forEachDialect((_dialect, open) => {
  it('a check tells what cannot be installed, with the packages of other suites, now and at a revision', async () => {
    await using world = await archiveWorld(open)
    const base = await world.suite('base')
    const apps = await world.suite('apps')
    await base.add('libc6', '2.36', { architecture: 'amd64' })
    await apps.add('app', '1', { architecture: 'amd64', depends: 'libc6 (>= 2.30), tool | other' })
    await apps.add('tool', '1', { extraControl: 'Conflicts: libc6 (<< 3)\n' })
    await apps.addSource('app', '1')
    assert.deepEqual(await check(world, 'base'), ['amd64: 1 checked'])
    assert.deepEqual(await check(world, 'apps'), ['amd64: 2 checked; app 1 amd64: missing'])
    assert.deepEqual(await check(world, 'apps', { with: ['base'] }), ['amd64: 2 checked; app 1 amd64: conflict'])
    await base.add('other', '1')
    assert.deepEqual(await check(world, 'apps', { with: ['base'] }), ['amd64: 2 checked'])
    const before = world.archives.checkInstallability(
      world.workspace,
      { suite: 'apps', at: 'r5' },
      { with: ['base'], limit: 0 },
    )
    assert.deepEqual((await before).architectures, [
      { architecture: 'amd64', checked: 2, broken: 1, undecided: 0, packages: [] },
    ])
    await assert.rejects(check(world, 'apps', { with: ['nothing'] }), refused('suite-unknown', /nothing/))
  })

  it('each architecture is looked at by itself, with the packages for all', async () => {
    await using world = await archiveWorld(open)
    const suite = await world.suite('stable')
    await suite.add('lib', '1', { architecture: 'amd64' })
    await suite.add('lib', '2', { architecture: 'arm64' })
    await suite.add('app', '1', { depends: 'lib (>= 2)' })
    assert.deepEqual(await check(world, 'stable'), ['amd64: 2 checked; app 1 all: missing', 'arm64: 2 checked'])
  })

  it('an architecture of which no suite knows is refused, one that is listed is looked at', async () => {
    await using world = await archiveWorld(open)
    const suite = await world.suite('stable', { architectures: ['amd64', 'riscv64'] })
    await suite.add('app', '1', { depends: 'lib' })
    assert.deepEqual(await check(world, 'stable', { architectures: ['riscv64'] }), [
      'riscv64: 1 checked; app 1 all: missing',
    ])
    const mistyped = check(world, 'stable', { architectures: ['adm64'] })
    await assert.rejects(
      mistyped,
      refused('not-found', /'stable' has no architecture 'adm64'; it has amd64, riscv64\.$/),
    )
    await world.suite('ports', { architectures: ['sparc64'] })
    assert.deepEqual(await check(world, 'stable', { with: ['ports'], architectures: ['sparc64'] }), [
      'sparc64: 1 checked; app 1 all: missing',
    ])
  })
})
