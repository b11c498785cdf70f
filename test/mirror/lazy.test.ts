/** A lazy mirror: files come when they are asked for, once, proven; and nobody gets what another has here. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { it } from 'node:test'
import type { Sha256 } from '../../src/common/digest.ts'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { refused } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false

async function completeness(given: MirrorWorld): Promise<string> {
  const { completeness: found } = await given.mirrors.show(given.world.workspace, 'up')
  return `${found?.filesHere} of ${found?.files}`
}

/** Downloads of the pool, not of indexes. */
function poolRequests({ upstream }: MirrorWorld): string[] {
  return upstream.requests.filter((request) => request.startsWith('GET /pool/'))
}

forEachDialect((_dialect, openFresh) => {
  it(
    'a file comes from upstream when it is first asked for, once, and stays when upstream deletes it',
    { skip },
    async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream } = given
      const path = await upstream.deb({ name: 'hello', version: '1.0' })
      const other = await upstream.deb({ name: 'other', version: '1.0' })
      const bytes = await upstream.read(path)
      await upstream.publish()
      await given.mirror()
      await given.update()
      assert.deepEqual(poolRequests(given), [])
      assert.equal(await completeness(given), '0 of 2')
      const asked = await Promise.all([given.download(path), given.download(path)])
      for (const got of asked) assert.ok(got.equals(bytes))
      assert.deepEqual(poolRequests(given), [`GET /${path}`])
      await upstream.delete(path)
      await upstream.delete(other)
      assert.ok((await given.download(path)).equals(bytes))
      await assert.rejects(given.download(other), refused('upstream-failed', /has it no more \(404\)/))
    },
  )

  it('filling fetches what is left, also of past revisions, and tells what does not come', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream } = given
    const old = await upstream.deb({ name: 'old', version: '1.0' })
    const lost = await upstream.deb({ name: 'lost', version: '1.0' })
    await upstream.source('tools', '1.0')
    await upstream.publish()
    await given.mirror({ sources: true })
    await given.update()
    const indexed = await upstream.read(old)
    await upstream.delete(old)
    await upstream.publish()
    await given.update()
    await upstream.deb({ name: 'old', version: '1.0' })
    await upstream.delete(lost)
    const filled = await given.fill()
    assert.deepEqual([filled.fetched, filled.failed], [3, 1])
    await upstream.delete(old)
    assert.ok((await given.download(old)).equals(indexed))
    const { completeness: found } = await given.mirrors.show(given.world.workspace, 'up')
    assert.deepEqual([found?.files, found?.filesHere], [3, 2])
    assert.deepEqual((await given.fill()).fetched, 0)
  })

  it(
    'bytes that another workspace has are not given for their digest: upstream has to give them',
    { skip },
    async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream, world } = given
      // The victim has a package; the other only knows its digest and size, and lists it in an archive of their own.
      const victim = await world.emptyWorkspace()
      const path = await upstream.deb({ name: 'secret', version: '1.0' })
      const bytes = await upstream.read(path)
      const writer = await world.storage.spool.create()
      await writer.append([bytes])
      await world.artifacts.ingestBinary(victim, await writer.finish(), 'secret.deb', { userId: null })
      await upstream.publish()
      await upstream.delete(path)
      await given.mirror()
      await given.update()
      await assert.rejects(given.download(path), refused('upstream-failed', /404/))
      const held = (await world.db.read.selectFrom('archive_file').selectAll().execute()).length
      assert.equal(held, 0)
      // Filling gets no more.
      assert.deepEqual((await given.fill()).failed, 1)
      // And where policies copy what a scope needs, this is nothing that it needs.
      const digest = createHash('sha256').update(bytes).digest('hex') as Sha256
      await using maintenance = new Maintenance({ database: world.db, storage: world.storage })
      const view = { kind: 'workspace', workspace: world.workspace } as const
      const why = await maintenance.why(digest, view)
      assert.deepEqual(
        why.files[0]?.copies.map((copy) => copy.store),
        ['mirror-local-main-up'],
      )
      // Once upstream gives it, it is theirs too.
      await upstream.deb({ name: 'secret', version: '1.0' })
      assert.ok((await given.download(path)).equals(bytes))
      await upstream.delete(path)
      assert.ok((await given.download(path)).equals(bytes))
    },
  )

  it('what an index claims of a file changes nothing of what others have read from its bytes', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    const path = await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.publish({ forms: [] })
    // The index lies about the package.
    const packages = (await upstream.read('dists/test/main/binary-amd64/Packages')).toString()
    assert.match(packages, /^Package: hello$/m)
    const lying = Buffer.from(packages.replace('Package: hello', 'Package: hello\nDepends: backdoor'))
    await given.mirror()
    await given.world.suite('own')
    const packageId = await world.deb('hello', '1.0')
    await world.submit({ kind: 'add', suite: 'own', packages: [{ packageId }] })
    await writeFile(`${upstream.directory}/dists/test/main/binary-amd64/Packages`, lying)
    await upstream.resign()
    await given.update()
    assert.match(await world.text('dists/test/main/binary-amd64/Packages'), /^Depends: backdoor$/m)
    assert.doesNotMatch(await world.text('dists/own/main/binary-amd64/Packages'), /backdoor/)
    // Who uploads the same bytes afterwards gets what the bytes say.
    const again = await world.deb('hello', '1.0')
    assert.equal(again, packageId)
    assert.ok((await given.download(path)).length > 0)
  })

  it('what an index claims of a size keeps nobody else from the file', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    const index = 'dists/test/main/binary-amd64/Packages'
    const paths = [
      await upstream.deb({ name: 'hello', version: '1.0' }),
      await upstream.deb({ name: 'other', version: '1.0' }),
    ]
    await upstream.publish({ forms: [] })
    const packages = (await upstream.read(index)).toString()
    await writeFile(`${upstream.directory}/${index}`, packages.replaceAll(/^Size: \d+$/gm, 'Size: 77'))
    await upstream.resign()
    await given.mirror()
    await given.update()
    // Somebody else has the bytes, and a third mirrors who tells the truth.
    const writer = await world.storage.spool.create()
    await writer.append([await upstream.read(paths[0] ?? '')])
    const owner = await world.emptyWorkspace()
    await world.artifacts.ingestBinary(owner, await writer.finish(), 'hello.deb', { userId: null })
    await writeFile(`${upstream.directory}/${index}`, packages)
    await upstream.resign()
    const workspace = await world.emptyWorkspace()
    await given.mirror({}, { workspace })
    const { added, notices } = await given.update({ workspace })
    assert.deepEqual([added, notices], [2, []])
    for (const path of paths) assert.ok((await given.download(path, workspace)).equals(await upstream.read(path)))
    await using maintenance = new Maintenance({ database: world.db, storage: world.storage })
    for await (const event of maintenance.fsck({ deep: true })) {
      if (event.kind === 'finding' || event.kind === 'failure') assert.fail(JSON.stringify(event))
    }
  })

  it('a wrong size that an index claims later keeps nobody from the file either', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    const index = 'dists/test/main/binary-amd64/Packages'
    const paths = [
      await upstream.deb({ name: 'hello', version: '1.0' }),
      await upstream.deb({ name: 'other', version: '1.0' }),
    ]
    await upstream.publish({ forms: [] })
    await given.mirror()
    await given.update()
    const packages = (await upstream.read(index)).toString()
    for (const [path, size] of [
      [paths[0] ?? '', 77],
      [paths[1] ?? '', 7_000_000_000_000],
    ] as const) {
      await writeFile(`${upstream.directory}/${index}`, packages.replaceAll(/^Size: \d+$/gm, `Size: ${size}`))
      await upstream.resign()
      const workspace = await world.emptyWorkspace()
      await given.mirror({ maxFileBytes: 9e15 }, { workspace })
      await given.update({ workspace })
      assert.ok((await given.download(path)).equals(await upstream.read(path)))
    }
  })

  it('a vacuum keeps where listed files lie upstream, and a check calls nothing lost', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    const path = await upstream.deb({ name: 'hello', version: '1.0' })
    const other = await upstream.deb({ name: 'other', version: '1.0' })
    await upstream.publish()
    await given.mirror()
    await given.update()
    await given.download(path)
    const ages = { leftoverMs: 0, unneededMs: 0, graceMs: 0 }
    const { db: database, storage } = world
    await using maintenance = new Maintenance({ database, storage, ages })
    for (let run = 0; run < 2; run += 1) {
      for await (const event of maintenance.vacuum()) if (event.kind === 'line') assert.fail(JSON.stringify(event.line))
    }
    const findings: unknown[] = []
    for await (const event of maintenance.fsck({ deep: true })) {
      if (event.kind === 'finding' || event.kind === 'failure') findings.push(event)
    }
    assert.deepEqual(findings, [])
    assert.deepEqual(poolRequests(given), [`GET /${path}`])
    assert.ok((await given.download(other)).length > 0)
    const why = await maintenance.why(other, { kind: 'workspace', workspace: world.workspace })
    assert.match(why.fate.sentence, /suite test has other 1\.0/)
  })

  it('a purged file is gone for good, and the next update passes it over', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    const path = await upstream.deb({ name: 'leaked', version: '1.0' })
    const sha256 = createHash('sha256')
      .update(await upstream.read(path))
      .digest('hex') as Sha256
    await upstream.publish()
    await given.mirror()
    await given.update()
    await using maintenance = new Maintenance({ database: world.db, storage: world.storage })
    await maintenance.purge({ sha256, reason: 'a secret', userId: null })
    await assert.rejects(given.download(path), refused('gone'))
    await upstream.publish({ release: { Label: 'Another label' } })
    assert.equal((await given.update()).skipped, 0)
    await given.mirror({}, { name: 'second', into: 'second' })
    const second = await given.update({ name: 'second' })
    assert.deepEqual([second.added, second.skipped], [0, 1])
  })

  it('a removed mirror leaves its suite, whose files still come; it can be mirrored again', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { upstream, world } = given
    const path = await upstream.deb({ name: 'hello', version: '1.0' })
    await upstream.publish()
    await given.mirror()
    await given.update()
    const left = await given.mirrors.remove(world.workspace, 'up')
    assert.deepEqual([left?.files, left?.filesHere], [1, 0])
    assert.ok((await given.download(path)).length > 0)
    assert.deepEqual(await given.packages(), ['hello 1.0'])
    await world.submit({ kind: 'remove', suite: 'test', packages: [{ name: 'hello' }] })
    await given.mirror()
    await given.update()
    assert.deepEqual(await given.packages(), ['hello 1.0'])
  })
})
