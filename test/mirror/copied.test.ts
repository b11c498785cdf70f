/** What a lazy mirror has, copied to another workspace: from upstream, and proven from its bytes. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { it } from 'node:test'
import type { Workspace } from '../../src/access/access.ts'
import { refused, servedBytes } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false

/** As the server does it once it has asked whether it may be done. */
async function copyTo({ world }: MirrorWorld, target: Workspace): Promise<void> {
  const { archives, artifacts, workspace } = world
  const chosen = await archives.chooseFrom(workspace, { suite: 'test' }, {}, { workspace: target, suite: 'stable' })
  const ids = chosen.packages.map(({ packageId }) => packageId)
  await archives.bringPackages(workspace, ids, AbortSignal.timeout(60_000))
  const { packageIds } = await artifacts.copyPackages(target, workspace, ids, { userId: null })
  const packages = chosen.packages.map((one) => ({ ...one, packageId: packageIds.get(one.packageId) ?? 0 }))
  await archives.submit(target, { kind: 'add', suite: 'stable', packages }, { userId: null })
}

async function targetOf({ world }: MirrorWorld): Promise<Workspace> {
  const target = await world.emptyWorkspace()
  await world.archives.submit(target, { kind: 'suite-create', suite: 'stable', settings: {} }, { userId: null })
  return target
}

async function bytesAt({ world }: MirrorWorld, target: Workspace, path: string): Promise<Buffer> {
  return servedBytes(world, await world.archives.resolve(target, path), target)
}

forEachDialect((_dialect, openFresh) => {
  it('a copy has its files from upstream, and stays when that has them no more', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    const path = await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.source('tools', '1.0')
    const bytes = await upstream.read(path)
    await upstream.publish()
    await given.mirror({ sources: true })
    await given.update()
    const target = await targetOf(given)
    await copyTo(given, target)
    await upstream.delete(path)
    assert.ok((await bytesAt(given, target, path)).equals(bytes))
    const { items } = await world.artifacts.list(target, {})
    assert.deepEqual(items.map((item) => item.category).toSorted(), ['debian:binary-package', 'debian:source-package'])
    await copyTo(given, target)
    assert.equal((await world.artifacts.list(target, {})).items.length, 2)
  })

  it('an index that lists the digest of what others have here does not bring it to a third', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    const victim = await world.emptyWorkspace()
    const path = await upstream.deb({ name: 'secret', version: '1.0' })
    const writer = await world.storage.spool.create()
    await writer.append([await upstream.read(path)])
    await world.artifacts.ingestBinary(victim, await writer.finish(), 'secret.deb', { userId: null })
    await upstream.publish()
    await upstream.delete(path)
    await given.mirror()
    await given.update()
    const target = await targetOf(given)
    await assert.rejects(copyTo(given, target), refused('upstream-failed', /404/))
    assert.deepEqual((await world.artifacts.list(target, {})).items, [])
  })

  it(
    'what the index said of a package is not what is said of its copy: that is read from the bytes',
    { skip },
    async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream } = given
      await upstream.deb({ name: 'hello', version: '1.0' })
      await upstream.publish({ forms: [] })
      const index = 'dists/test/main/binary-amd64/Packages'
      const packages = (await upstream.read(index)).toString()
      await writeFile(
        `${upstream.directory}/${index}`,
        packages.replace('Package: hello', 'Package: hello\nDepends: backdoor'),
      )
      await upstream.resign()
      await given.mirror()
      await given.update()
      const target = await targetOf(given)
      await copyTo(given, target)
      const copied = (await bytesAt(given, target, 'dists/stable/main/binary-amd64/Packages')).toString()
      assert.match(copied, /^Package: hello$/m)
      assert.doesNotMatch(copied, /backdoor/)
    },
  )

  it('an index that tells of one package where another lies does not bring that elsewhere', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.publish({ forms: [] })
    const index = 'dists/test/main/binary-amd64/Packages'
    const packages = (await upstream.read(index)).toString()
    await writeFile(`${upstream.directory}/${index}`, packages.replace('Version: 1.0', 'Version: 9.0'))
    await upstream.resign()
    await given.mirror()
    await given.update()
    const target = await targetOf(given)
    const other = refused('upload-inconsistent', /hello 9\.0 \(all\) is another package than the mirror's index says/)
    await assert.rejects(copyTo(given, target), other)
    assert.deepEqual((await world.artifacts.list(target, {})).items, [])
  })
})
