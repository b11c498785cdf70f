/** Flat archives of vendors: no suites, no components, one index for all machines; and indexes in forms of old. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { refused } from '../support/archive-world.ts'
import { forEachDialect, openSqliteFresh } from '../support/databases.ts'
import { mirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false
const tool = { name: 'tool', version: '1.0', architecture: 'amd64', depends: 'tool-data' }
const data = { name: 'tool-data', version: '1.0' }
const arm = { name: 'tool', version: '1.0', architecture: 'arm64', depends: 'tool-data' }
const game = { name: 'game', version: '2.0', architecture: 'amd64' }

forEachDialect((_dialect, openFresh) => {
  for (const [suite, place] of [
    ['/', ''],
    ['./', ''],
    ['debian/vendor/', 'debian/vendor/'],
  ] as const) {
    it(`a flat archive at ${suite} is followed like a suite`, { skip }, async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream, world } = given
      await upstream.publishFlat(place, [tool, arm, data])
      await given.mirror({ upstreamSuite: suite, url: upstream.url }, { into: 'vendor' })
      await given.update()
      assert.deepEqual(await given.packages('vendor'), ['tool-data 1.0', 'tool 1.0', 'tool 1.0'])
      const index = await world.text('dists/vendor/main/binary-arm64/Packages')
      assert.match(index, /^Filename: pool\/main\/t\/tool\/tool_1\.0_arm64\.deb$/m)
      const bytes = await given.download('pool/main/t/tool/tool_1.0_arm64.deb')
      assert.ok(bytes.equals(await upstream.read(`${place}tool_1.0_arm64.deb`)))
      assert.equal((await given.update()).unchanged, true)
      await upstream.publishFlat(place, [game])
      assert.equal((await given.update()).added, 1)
    })
  }

  it('of a flat archive some machines, and what a filter needs, can be taken', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    await given.upstream.publishFlat('', [tool, arm, data, game])
    const settings = { upstreamSuite: './', architectures: ['amd64'], filter: 'tool', withDeps: true }
    await given.mirror(settings, { into: 'vendor' })
    assert.deepEqual((await given.update()).notices, [])
    assert.deepEqual(await given.packages('vendor'), ['tool-data 1.0', 'tool 1.0'])
    const { items } = await given.world.archives.packages(given.world.workspace, { suite: 'vendor' }, { limit: 9 })
    assert.deepEqual(items.map((item) => item.architecture).toSorted(), ['all', 'amd64'])
  })
})

it('each form of index that can be read is, alone; one that cannot is named', { skip }, async () => {
  for (const form of ['plain', 'gz', 'xz', 'zst', 'bz2'] as const) {
    await using given = await mirrorWorld(openSqliteFresh)
    await given.upstream.publishFlat('', [data], [form])
    await given.mirror({ upstreamSuite: '/' }, { into: 'vendor' })
    if (form === 'bz2') await assert.rejects(given.update(), refused('upstream-lacks', /Packages only as \.bz2/))
    else assert.equal((await given.update()).added, 1, form)
  }
})

it('a flat archive has no components, and needs a name here', { skip }, async () => {
  await using given = await mirrorWorld(openSqliteFresh)
  await assert.rejects(
    given.mirror({ upstreamSuite: './' }),
    refused('request-invalid', /name another one with --into/),
  )
  for (const settings of [{ components: ['main'] }, { udebs: true }, { upstreamSuite: '../x/' }]) {
    const mirror = given.mirror({ upstreamSuite: './', ...settings }, { into: 'vendor' })
    await assert.rejects(mirror, refused('request-invalid'))
  }
})
