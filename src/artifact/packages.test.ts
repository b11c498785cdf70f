import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { announced, artifactRoom, sha256Of, type ArtifactRoom } from '../../test/support/artifact-room.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { defaultStore } from '../../test/support/stores.ts'
import { makeDeb, makeSource } from '../../test/support/make-deb.ts'
import type { SpooledFile } from '../storage/storage.ts'
import type { Artifact } from './artifacts.ts'

const hello = makeDeb({
  name: 'hello',
  version: '1:2.10-3+b1',
  architecture: 'amd64',
  source: 'hello-src (2.10-3)',
  section: 'utils',
  files: { 'usr/bin/hello': 'x', 'usr/share/doc/hello/copyright': 'y' },
})
const helloData = {
  name: 'hello',
  version: '1:2.10-3+b1',
  architecture: 'amd64',
  source: 'hello-src',
  sourceVersion: '2.10-3',
}
const source = makeSource({ name: 'hello-src', version: '2.10-3' })
const dscName = 'hello-src_2.10-3.dsc'
const tarName = Object.keys(source).find((name) => name !== dscName) ?? ''

forEachDialect((_dialect, openFresh) => {
  it('the server writes the data of a binary package from its bytes, and records it', async () => {
    await using room = await artifactRoom(openFresh)
    const complete = await sendAll(room, 'debian:binary-package', { 'any name.deb': hello })
    assert.deepEqual(complete.data, helloData)
    const refs = await room.artifacts.packagesOf(room.workspace, [complete.id])
    assert.deepEqual(
      refs.map((ref) => ({ ...ref, packageId: 0 })),
      [
        {
          artifactId: complete.id,
          packageId: 0,
          kind: 'deb',
          name: 'hello',
          version: '1:2.10-3+b1',
          architecture: 'amd64',
          sourceName: 'hello-src',
          sourceVersion: '2.10-3',
          section: 'utils',
          priority: 'optional',
          debugSymbols: false,
        },
      ],
    )
    const files = await room.db.read.selectFrom('package_file').select('name').execute()
    assert.deepEqual(files, [{ name: 'hello_2.10-3+b1_amd64.deb' }])
    const contents = await room.db.read.selectFrom('package_contents').select('paths').executeTakeFirstOrThrow()
    assert.equal(zstdDecompressSync(contents.paths).toString(), 'usr/bin/hello\nusr/share/doc/hello/copyright')
    const { stanza } = await room.db.read.selectFrom('package').select('stanza').executeTakeFirstOrThrow()
    assert.ok(stanza.includes(`SHA256: ${sha256Of(hello)}\n`) && stanza.includes(`Size: ${hello.length}\n`))
  })

  it('claims that the bytes do not bear out are refused, and nothing is stored', async () => {
    await using room = await artifactRoom(openFresh)
    for (const [member, value] of Object.entries({ ...helloData, version: '9', name: 'other', source: 'x' })) {
      const claims = { ...helloData, [member]: `${value}x` }
      const artifact = await room.announce('debian:binary-package', { 'hello.deb': hello }, { data: claims })
      await assert.rejects(room.send(artifact, 'hello.deb', hello), { code: 'upload-inconsistent' })
    }
    await assertNothingStored(room)
    const right = await sendAll(room, 'debian:binary-package', { 'hello.deb': hello }, { data: helloData })
    assert.equal(right.complete, true)
    // Claims about bytes that need not be sent are compared too.
    await assert.rejects(room.announce('debian:binary-package', { 'hello.deb': hello }, { data: { name: 'other' } }), {
      code: 'upload-inconsistent',
    })
  })

  for (const [what, bytes, code] of [
    ['what is no .deb', randomBytes(5000), 'package-invalid'],
    ['an empty file', Buffer.alloc(0), 'package-invalid'],
    ['half a .deb', hello.subarray(0, hello.length / 2), 'package-invalid'],
    ['a .deb with a bad name', makeDeb({ name: 'Bad_Name', version: '1' }), 'control-invalid'],
    ['a .deb with a bad version', makeDeb({ name: 'bad', version: 'a b' }), 'control-invalid'],
  ] as const) {
    it(`${what} is refused as ${code}, and nothing of it stays`, async () => {
      await using room = await artifactRoom(openFresh)
      const artifact = await room.announce('debian:binary-package', { 'bad.deb': bytes })
      await assert.rejects(room.send(artifact, 'bad.deb', bytes), { code })
      assert.equal((await room.artifacts.get(room.workspace, artifact.id)).complete, false)
      await assertNothingStored(room)
      const spooled = await room.spool(bytes)
      await assert.rejects(room.artifacts.ingestBinary(room.workspace, spooled, 'bad.deb', { userId: null }), { code })
      await room.storage.spool.remove(spooled.path.slice(-36))
      await assertNothingStored(room)
    })
  }

  it('the same .deb is one package, whoever holds it and however it is called', async () => {
    await using room = await artifactRoom(openFresh)
    const first = await sendAll(room, 'debian:binary-package', { 'hello.udeb': hello })
    const wish = { category: 'debian:binary-package', files: announced({ 'b.deb': hello }) }
    const [second] = await room.artifacts.create(room.foreign, [wish], { userId: null })
    assert.ok(second !== undefined && !second.complete)
    const body = {
      bytes: (async function* () {
        yield hello
      })(),
      start: 0,
      total: hello.length,
    }
    await room.artifacts.upload(room.foreign, second.id, 'b.deb', body)
    const [ours] = await room.artifacts.packagesOf(room.workspace, [first.id])
    const [theirs] = await room.artifacts.packagesOf(room.foreign, [second.id])
    assert.equal(ours?.packageId, theirs?.packageId)
    assert.equal(ours?.kind, 'deb')
    assert.equal((await room.db.read.selectFrom('package').selectAll().execute()).length, 1)
  })

  it('a .deb that was stored as something else is read when it becomes a package', async () => {
    await using room = await artifactRoom(openFresh)
    await sendAll(room, 'generic', { blob: hello })
    assert.equal((await room.db.read.selectFrom('package').selectAll().execute()).length, 0)
    const artifact = await room.announce('debian:binary-package', { 'hello.deb': hello })
    assert.deepEqual([artifact.complete, artifact.data], [true, helloData])
    assert.equal((await room.artifacts.packagesOf(room.workspace, [artifact.id])).length, 1)
    const { stanza } = await room.db.read.selectFrom('package').select('stanza').executeTakeFirstOrThrow()
    assert.match(stanza, /^MD5sum: [0-9a-f]{32}$/m)
  })

  for (const order of [
    [dscName, tarName],
    [tarName, dscName],
  ]) {
    it(`a source package is complete when ${order.join(' and then ')} came`, async () => {
      await using room = await artifactRoom(openFresh)
      const artifact = await room.announce('debian:source-package', source)
      let last: Artifact = artifact
      for (const path of order) last = await room.send(artifact, path, source[path] ?? Buffer.alloc(0))
      assert.deepEqual([last.complete, last.data], [true, { name: 'hello-src', version: '2.10-3' }])
      const [ref] = await room.artifacts.packagesOf(room.workspace, [artifact.id])
      assert.deepEqual([ref?.kind, ref?.name, ref?.architecture], ['dsc', 'hello-src', 'source'])
      const files = await room.db.read.selectFrom('package_file').select('name').orderBy('name').execute()
      assert.deepEqual(
        files.map((file) => file.name),
        [dscName, tarName].sort(),
      )
    })
  }

  it('a source package whose files come at once is complete, once', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('debian:source-package', source)
    await Promise.all(Object.entries(source).map(([path, bytes]) => room.send(artifact, path, bytes)))
    assert.equal((await room.artifacts.get(room.workspace, artifact.id)).complete, true)
    assert.equal((await room.artifacts.packagesOf(room.workspace, [artifact.id])).length, 1)
    // All proven: the second needs no upload, and has the same package.
    const again = await room.announce('debian:source-package', source)
    assert.equal(again.complete, true)
    assert.equal((await room.db.read.selectFrom('package').selectAll().execute()).length, 1)
  })

  it('a .dsc that does not fit the files announced beside it is refused', async () => {
    await using room = await artifactRoom(openFresh)
    const dsc = source[dscName] ?? Buffer.alloc(0)
    for (const files of [
      { [dscName]: dsc },
      { [dscName]: dsc, [tarName]: Buffer.from('another tarball') },
      { [dscName]: dsc, [tarName]: source[tarName] ?? Buffer.alloc(0), extra: Buffer.from('x') },
    ]) {
      const artifact = await room.announce('debian:source-package', files)
      await assert.rejects(room.send(artifact, dscName, dsc), { code: 'upload-inconsistent' })
    }
    await assertNothingStored(room)
  })

  it('binary packages of one source are one artifact, those of another do not join them', async () => {
    await using room = await artifactRoom(openFresh)
    const a = makeDeb({ name: 'liba', version: '1', source: 'src' })
    const b = makeDeb({ name: 'libb', version: '1', source: 'src', architecture: 'amd64' })
    const alien = makeDeb({ name: 'libc', version: '1', source: 'alien' })
    const good = await sendAll(room, 'debian:binary-packages', { 'a.deb': a, 'b.deb': b })
    assert.deepEqual([good.complete, good.data], [true, { source: 'src', sourceVersion: '1' }])
    const refs = await room.artifacts.packagesOf(room.workspace, [good.id])
    assert.deepEqual(
      refs.map((ref) => ref.name),
      ['liba', 'libb'],
    )
    const mixed = await room.announce('debian:binary-packages', { 'a.deb': a, 'z.deb': alien })
    assert.deepEqual(mixed.missing, ['z.deb'])
    await assert.rejects(room.send(mixed, 'z.deb', alien), { code: 'upload-inconsistent' })
  })

  it('an upload is compared with its .changes', async () => {
    await using room = await artifactRoom(openFresh)
    const changes = changesOf({ 'hello.deb': hello })
    const good = await sendAll(room, 'debian:upload', { 'hello.changes': changes, 'hello.deb': hello })
    assert.deepEqual(good.data, {
      source: 'hello-src',
      version: '2.10-3',
      distributions: ['unstable'],
      architectures: ['amd64'],
    })
    // The .changes is proven, so that what it lists is compared at once.
    const other = makeDeb({ name: 'other', version: '1' })
    await assert.rejects(room.announce('debian:upload', { 'hello.changes': changes, 'hello.deb': other }), {
      code: 'upload-inconsistent',
    })
  })

  it('what holds no package, is incomplete, or is not there has no packages', async () => {
    await using room = await artifactRoom(openFresh)
    const generic = await room.announce('generic', {})
    const incomplete = await room.announce('debian:binary-package', { 'hello.deb': hello })
    const of = (id: number): Promise<unknown> => room.artifacts.packagesOf(room.workspace, [id])
    await assert.rejects(of(generic.id), { code: 'category-invalid' })
    await assert.rejects(of(incomplete.id), { code: 'artifact-incomplete' })
    await assert.rejects(of(999), { code: 'not-found' })
    assert.deepEqual(await room.artifacts.packagesOf(room.workspace, []), [])
  })

  it('a spooled .deb becomes an artifact, and the same bytes the same one', async () => {
    await using room = await artifactRoom(openFresh)
    const take = async (): Promise<{ artifactId: number; packageId: number }> =>
      room.artifacts.ingestBinary(room.workspace, await room.spool(hello), 'hello.deb', { userId: null })
    const first = await take()
    const rest = await Promise.all(Array.from({ length: 5 }, take))
    for (const one of rest) assert.deepEqual(one, first)
    const artifact = await room.artifacts.get(room.workspace, first.artifactId)
    assert.deepEqual([artifact.complete, artifact.data], [true, helloData])
    const elsewhere = await room.artifacts.ingestBinary(room.foreign, await room.spool(hello), 'hello.deb', {
      userId: room.userId,
    })
    assert.notEqual(elsewhere.artifactId, first.artifactId)
    assert.equal(elsewhere.packageId, first.packageId)
    assert.deepEqual(await readdir(join(room.dataDirectory, 'spool')), [])
  })

  it('many different spooled .debs at once each become their own artifact', async () => {
    await using room = await artifactRoom(openFresh)
    const taken = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const bytes = makeDeb({ name: 'many', version: '1', files: { f: String(index) } })
        return await room.artifacts.ingestBinary(room.workspace, await room.spool(bytes), 'many.deb', { userId: null })
      }),
    )
    assert.equal(new Set(taken.map((one) => one.artifactId)).size, 30)
    assert.equal(new Set(taken.map((one) => one.packageId)).size, 30)
  })

  it('a spooled .dsc with its files becomes an artifact', async () => {
    await using room = await artifactRoom(openFresh)
    const take = async (): Promise<{ artifactId: number; packageId: number }> => {
      const files = new Map<string, SpooledFile>([[tarName, await room.spool(source[tarName] ?? Buffer.alloc(0))]])
      const dsc = await room.spool(source[dscName] ?? Buffer.alloc(0))
      return await room.artifacts.ingestSource(room.workspace, dsc, files, dscName, { userId: null })
    }
    const first = await take()
    assert.deepEqual(await take(), first)
    const [ref] = await room.artifacts.packagesOf(room.workspace, [first.artifactId])
    assert.deepEqual([ref?.packageId, ref?.kind], [first.packageId, 'dsc'])
    const wrong = new Map([[tarName, await room.spool(Buffer.from('other'))]])
    await assert.rejects(
      room.artifacts.ingestSource(
        room.workspace,
        await room.spool(source[dscName] ?? Buffer.alloc(0)),
        wrong,
        dscName,
        { userId: null },
      ),
      { code: 'upload-inconsistent' },
    )
  })

  it('a spooled package cannot be named out of its place', async () => {
    await using room = await artifactRoom(openFresh)
    const spooled = await room.spool(hello)
    await assert.rejects(room.artifacts.ingestBinary(room.workspace, spooled, '../hello.deb', { userId: null }), {
      code: 'request-invalid',
    })
    await assert.rejects(room.artifacts.ingestBinary(room.workspace, spooled, 'hello.txt', { userId: null }), {
      code: 'category-invalid',
    })
  })
})

async function sendAll(
  room: ArtifactRoom,
  category: string,
  files: Readonly<Record<string, Uint8Array>>,
  more = {},
): Promise<Artifact> {
  let artifact = await room.announce(category, files, more)
  for (const path of artifact.missing) artifact = await room.send(artifact, path, files[path] ?? Buffer.alloc(0))
  return artifact
}

async function assertNothingStored(room: ArtifactRoom): Promise<void> {
  assert.deepEqual(await room.db.read.selectFrom('file').selectAll().execute(), [])
  assert.deepEqual(await room.db.read.selectFrom('package').selectAll().execute(), [])
  assert.deepEqual(await Array.fromAsync((await defaultStore(room.storage)).store.list()), [])
  assert.deepEqual(await readdir(join(room.dataDirectory, 'spool')), [])
}

function changesOf(files: Readonly<Record<string, Buffer>>): Buffer {
  const lines = Object.entries(files)
  return Buffer.from(
    [
      'Format: 1.8',
      'Source: hello-src',
      'Architecture: amd64',
      'Version: 2.10-3',
      'Distribution: unstable',
      'Maintainer: Ashlar Tests <tests@example.org>',
      'Checksums-Sha256:',
      ...lines.map(([name, bytes]) => ` ${sha256Of(bytes)} ${bytes.length} ${name}`),
      'Files:',
      ...lines.map(([name, bytes]) => ` ${'0'.repeat(32)} ${bytes.length} utils optional ${name}`),
      '',
    ].join('\n'),
  )
}
