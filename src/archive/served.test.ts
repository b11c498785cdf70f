import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { it } from 'node:test'
import { momentName } from './moment.ts'
import { type ArchiveWorld, archiveWorld, listedIn, refused } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'

const second = 1_000_000

/** Moves the archive's past, as if all of it had happened that much earlier (or later). */
async function shift(world: ArchiveWorld, micros: number): Promise<void> {
  await world.db.write(async (trx) => {
    await trx
      .updateTable('archive')
      .set((eb) => ({ sealed_at: eb('sealed_at', '+', micros) }))
      .execute()
    await trx
      .updateTable('revision')
      .set((eb) => ({ sealed_at: eb('sealed_at', '+', micros) }))
      .execute()
    await trx
      .updateTable('release_issue')
      .set((eb) => ({ date_seconds: eb('date_seconds', '+', Math.floor(micros / second)) }))
      .execute()
  })
}

/** Waits until a new second has just begun, by the clock of the database. */
async function nextSecond(world: ArchiveWorld): Promise<void> {
  const start = Math.floor((await world.db.now()) / second)
  while (Math.floor((await world.db.now()) / second) === start) await new Promise(setImmediate)
}

async function lastModified(world: ArchiveWorld, path: string) {
  const served = await world.archives.resolve(world.workspace, path)
  assert.ok(served.kind !== 'redirect')
  return served.lastModified
}

async function sealedAt(world: ArchiveWorld): Promise<number> {
  const { sealed_at: time } = await world.db.read.selectFrom('archive').select('sealed_at').executeTakeFirstOrThrow()
  return time
}

forEachDialect((_dialect, open) => {
  it('indexes that list nothing are served in every form', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable', { architectures: ['amd64'], components: ['main', 'contrib'] })
    const listed = listedIn(await world.text('dists/stable/Release'))
    assert.ok([...listed.keys()].includes('contrib/binary-amd64/Packages.zst'))
    for (const [path, { sha256 }] of listed) {
      assert.equal(hash('sha256', await world.bytes(`dists/stable/${path}`)), sha256, path)
    }
  })

  it('a snapshot keeps what it was, whatever comes later', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    await stable.add('hello', '1')
    const release = await world.text('snapshot/r2/dists/stable/Release')
    const packages = await world.text('snapshot/r2/dists/stable/main/binary-amd64/Packages')
    await stable.add('hello', '2')
    await stable.remove({ name: 'hello', version: '1' })
    assert.equal(await world.text('snapshot/r2/dists/stable/Release'), release)
    assert.equal(await world.text('snapshot/r2/dists/stable/main/binary-amd64/Packages'), packages)
    assert.match(packages, /^Version: 1$/m)
    assert.match(await world.text('dists/stable/main/binary-amd64/Packages'), /^Version: 2$/m)
    for (const { sha256 } of listedIn(release).values()) {
      await world.bytes(`dists/stable/main/binary-amd64/by-hash/SHA256/${sha256}`)
    }
  })

  it('says not-found for what was never there', async () => {
    await using world = await archiveWorld(open)
    await assert.rejects(world.bytes('dists/stable/InRelease'), refused('not-found'))
    await world.suite('stable')
    for (const path of [
      '',
      'dists',
      'dists/',
      'dists/stable',
      'dists/stable/',
      'dists/unknown/InRelease',
      'dists/stable/main/binary-amd64/Packages.bz2',
      `dists/stable/main/by-hash/SHA256/${'0'.repeat(64)}`,
      'dists/stable/main/by-hash/SHA256/../Packages',
      'pool/main/h/hello/hello_1_all.deb',
      'pool/../dists/stable/InRelease',
      'snapshot/r1',
      'snapshot/r1/snapshot/r1/dists/stable/InRelease',
      'archive-key',
    ]) {
      await assert.rejects(world.bytes(path), refused('not-found'), path)
    }
    for (const id of ['r0', 'r2', 'r1x', '20990101T000000Z', 'latest']) {
      await assert.rejects(world.bytes(`snapshot/${id}/dists/stable/InRelease`), refused('snapshot-unknown'), id)
    }
  })

  it('an index stays under its digest for those who came by a name that is gone', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    await stable.add('hello', '1')
    await world.submit({ kind: 'alias', name: 'current', suite: 'stable' })
    const listed = listedIn(await world.text('dists/current/Release'))
    await world.submit({ kind: 'alias', name: 'current', suite: null })
    await assert.rejects(world.bytes('dists/current/Release'), refused('not-found'))
    for (const { sha256 } of listed.values()) await world.bytes(`dists/current/main/by-hash/SHA256/${sha256}`)
  })

  it('a package is as old as its place in the archive, whoever has had the file before', async () => {
    await using world = await archiveWorld(open)
    const packageId = await world.deb('hello', '1')
    await world.db.write((trx) => trx.updateTable('file').set({ created_at: second }).execute())
    const before = Math.floor((await world.db.now()) / second)
    await world.suite('stable')
    await world.submit({ kind: 'add', suite: 'stable', packages: [{ packageId }] })
    const modified = await lastModified(world, 'pool/main/h/hello/hello_1_all.deb')
    assert.ok(modified.seconds >= before)
  })

  it('what is not sealed cannot be fetched', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable')
    const request = { kind: 'add', suite: 'stable', packages: [{ packageId: await world.deb('hello', '1') }] } as const
    await world.submit(request)
    await world.db.write((trx) =>
      trx.updateTable('change').set({ state: 'pending' }).where('kind', '=', 'add').execute(),
    )
    await assert.rejects(world.bytes('pool/main/h/hello/hello_1_all.deb'), refused('not-found'))
  })

  it('suites whose names begin alike do not hide each other', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    await stable.add('outer', '1')
    const inner = await world.suite('stable/main', { components: ['updates'] })
    await inner.add('inner', '1')
    assert.match(await world.text('dists/stable/main/binary-amd64/Packages'), /^Package: outer$/m)
    assert.match(await world.text('dists/stable/main/updates/binary-amd64/Packages'), /^Package: inner$/m)
    assert.match(await world.text('dists/stable/main/Release'), /^Suite: stable\/main$/m)
    for (const name of ['stable', 'stable/main']) {
      for (const path of listedIn(await world.text(`dists/${name}/Release`)).keys()) {
        await world.bytes(`dists/${name}/${path}`)
      }
    }
  })

  it('a moment means the last revision of its second, and the same one for ever', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    await stable.add('hello', '1')
    await nextSecond(world)
    await stable.add('hello', '2')
    await shift(world, -10 * second)
    const time = await sealedAt(world)
    const location = async (at: string): Promise<string> => {
      const served = await world.archives.resolve(world.workspace, `snapshot/${at}/dists/stable/InRelease`)
      return served.kind === 'redirect' ? served.location : served.kind
    }
    const names = [0, 1, 5, -1].map((seconds) => momentName(time + seconds * second))
    const before = await Promise.all(names.map(location))
    assert.deepEqual(before.slice(0, 3), Array(3).fill('/apt/local/main/snapshot/r3/dists/stable/InRelease'))
    assert.equal(before[3], '/apt/local/main/snapshot/r2/dists/stable/InRelease')
    await stable.add('hello', '3')
    assert.deepEqual(await Promise.all(names.map(location)), before)
    await assert.rejects(location('20010101T000000Z'), refused('snapshot-unknown', /Nothing had been published/))
  })

  it('the present second is no snapshot yet', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable')
    await nextSecond(world)
    const now = momentName(await world.db.now())
    await assert.rejects(world.bytes(`snapshot/${now}/dists/stable/InRelease`), refused('snapshot-unknown', /not past/))
  })

  it('while a clock runs behind the last revision by seconds, time goes on; by more, nothing is published', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    await shift(world, 3 * second)
    const before = await sealedAt(world)
    const change = await stable.add('hello', '1')
    assert.ok(change.sealedAt > before)
    await shift(world, 60 * second)
    await assert.rejects(stable.add('hello', '2'), refused('clock-behind', /\d+ s behind/))
    await assert.rejects(stable.add('hello', '3'), refused('clock-behind'))
    await shift(world, -90 * second)
    await stable.add('hello', '4')
    assert.deepEqual(await stable.packages(), ['hello 1', 'hello 4'])
  })

  it('the date of a Release goes on growing, and a second with two of them is not honoured', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const packageIds = [await world.deb('hello', '1'), await world.deb('hello', '2')]
    await shift(world, -10 * second)
    await nextSecond(world)
    for (const packageId of packageIds) await stable.addPackages(packageId)
    const [first, again] = [
      await lastModified(world, 'snapshot/r2/dists/stable/InRelease'),
      await lastModified(world, 'dists/stable/InRelease'),
    ]
    assert.ok(again.seconds >= first.seconds)
    for (const one of [first, again]) assert.equal(one.honoured, first.seconds !== again.seconds)
    assert.equal((await lastModified(world, 'snapshot/r1/dists/stable/InRelease')).honoured, true)
    const text = await world.text('dists/stable/Release')
    assert.equal(Date.parse(/^Date: (.*)$/m.exec(text)?.[1] ?? '') / 1000, again.seconds)
  })

  it('an alias that moves shows a Release that is not older, and no date of its second is honoured', async () => {
    await using world = await archiveWorld(open)
    await world.suite('testing')
    await shift(world, -5 * second)
    await world.suite('stable', {}, ['lts'])
    const before = await lastModified(world, 'dists/lts/InRelease')
    await world.submit({ kind: 'alias', name: 'lts', suite: 'testing' })
    const after = await lastModified(world, 'dists/lts/InRelease')
    assert.match(await world.text('dists/lts/Release'), /^Suite: testing$/m)
    assert.ok(after.seconds >= before.seconds)
    assert.equal(after.honoured, false)
    assert.match(await world.text('snapshot/r2/dists/lts/Release'), /^Suite: stable$/m)
  })

  it('the signing key is there in both forms, and is the one in the sources', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable')
    const armored = await world.text('archive-key.asc')
    assert.match(armored, /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n/)
    const key = await world.archives.publicKey(world.workspace)
    assert.equal(key?.armored, armored)
    assert.deepEqual(await world.bytes('archive-key.gpg'), Buffer.from(key?.binary ?? []))
    const sources = await world.archives.sources(world.workspace, { suite: 'stable' })
    for (const line of armored.trimEnd().split('\n')) assert.ok(sources.includes(`\n ${line === '' ? '.' : line}\n`))
  })
})
