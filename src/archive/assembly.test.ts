import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { it } from 'node:test'
import type { ByteRange } from '../storage/storage.ts'
import { archiveWorld } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { readAll } from '../../test/support/read-all.ts'
import { chunkPieces, type IndexForm, indexPieces, pieceLength } from './assembly.ts'
import { ChunkTable } from './chunk-table.ts'
import { currentMaps } from './release-table.ts'

const tools: Readonly<Record<Exclude<IndexForm, 'plain'>, string>> = { xz: 'xz', gz: 'gzip', zst: 'zstd' }

function decompress(form: IndexForm, input: Buffer): Buffer {
  if (form === 'plain') return input
  return execFileSync(tools[form], ['-dc'], { input, maxBuffer: 64 * 1024 * 1024, stdio: ['pipe', 'pipe', 'inherit'] })
}

const long = (i: number): string => `X-Long: ${'0123456789abcdef '.repeat(9000)}${i}\n`

forEachDialect((_dialect, open) => {
  it('xz, gzip and zstd make the same text of an index, be it empty or of many chunks', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64', 'arm64'] })
    const names = Array.from({ length: 9 }, (_, i) => `long-${i}`)
    const ids = await Promise.all(
      names.map((name, i) =>
        world.deb(name, '1', { extraControl: long(i), architecture: i % 3 === 0 ? 'amd64' : 'all' }),
      ),
    )
    await stable.addPackages(...ids)
    for (const [index, count] of [
      ['binary-amd64/Packages', 9],
      ['binary-arm64/Packages', 6],
      ['source/Sources', 0],
    ] as const) {
      const path = `dists/stable/main/${index}`
      const text = await world.text(path)
      assert.equal([...text.matchAll(/^Package: long-\d$/gm)].length, count)
      for (const form of ['xz', 'gz', 'zst'] as const) {
        const bytes = await world.bytes(`${path}.${form}`)
        assert.equal(decompress(form, bytes).toString(), text, `${path}.${form}`)
      }
    }
  })

  it('a range of an index is that part of it, wherever it begins and ends', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    for (let i = 0; i < 4; i += 1) await stable.add(`long-${i}`, '1', { extraControl: long(i) })
    for (const form of ['', '.xz', '.gz', '.zst']) {
      const served = await world.archives.resolve(world.workspace, `dists/stable/main/binary-amd64/Packages${form}`)
      assert.ok(served.kind === 'pieces')
      const whole = await readAll(world.archives.readPieces(served.pieces))
      assert.equal(whole.length, served.sizeBytes)
      const read = (range: ByteRange): Promise<Buffer> => readAll(world.archives.readPieces(served.pieces, range))
      let position = 0
      const borders = new Set([0, 1, whole.length - 1, whole.length])
      for (const piece of served.pieces) {
        for (const border of [position - 1, position, position + 1]) if (border >= 0) borders.add(border)
        position += pieceLength(piece)
      }
      assert.equal(position, whole.length)
      for (const start of borders) {
        for (const end of borders) {
          if (start <= end)
            assert.ok((await read({ start, end })).equals(whole.subarray(start, end)), `${start}-${end}`)
        }
      }
      assert.ok((await read({ start: 5, end: whole.length + 99 })).equals(whole.subarray(5)))
    }
  })

  it('pieces that lie one after the other in a pack are read as one', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    await stable.add('single', '1', { architecture: 'amd64' })
    const suite = await world.db.read.selectFrom('suite').select('id').executeTakeFirstOrThrow()
    const [map] = [...(await currentMaps(world.db.read, suite.id)).values()]
    const [chunk] = await new ChunkTable(world.db).ofMap(map?.mapId ?? 0)
    assert.ok(chunk !== undefined)
    const next = { ...chunk, packOffset: chunk.packOffset + chunk.xzBytes }
    const apart = { ...chunk, packOffset: chunk.packOffset + 99_999 }
    const kinds = (all: readonly (typeof chunk)[]): string[] => indexPieces('xz', all).map((piece) => piece.kind)
    assert.deepEqual(kinds([chunk, next]), ['bytes', 'stored', 'bytes'])
    assert.deepEqual(kinds([chunk, apart]), ['bytes', 'stored', 'stored', 'bytes'])
    assert.equal(chunkPieces('plain', [chunk])[0]?.kind, 'packed')
  })
})
