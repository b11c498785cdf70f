import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { forEachDialect } from '../../test/support/databases.ts'
import type { Sha256 } from '../common/digest.ts'
import { recordPackages } from './record-packages.ts'

forEachDialect((_dialect, open) => {
  it('records more packages at once than one statement can have parameters for', async () => {
    const { db, drop } = await open()
    const digests = Array.from({ length: 6000 }, (_, i) => createHash('sha256').update(`${i}`).digest('hex') as Sha256)
    const ids = await db.write(async (trx) => {
      const files: { readonly id: number; readonly sha256: string }[] = []
      for (let start = 0; start < digests.length; start += 1000) {
        const rows = digests.slice(start, start + 1000).map((sha256) => ({ sha256, size: 1, created_at: 1 }))
        files.push(...(await trx.insertInto('file').values(rows).returning(['id', 'sha256']).execute()))
      }
      const packages = files.map((file) => ({
        fileId: file.id,
        fileIds: new Map([[file.sha256 as Sha256, file.id]]),
        reading: {
          kind: 'deb' as const,
          name: `package-${file.id}`,
          version: '1',
          versionKey: '1',
          architecture: 'all',
          sourceName: 'many',
          sourceVersion: '1',
          section: null,
          priority: null,
          debugSymbols: false,
          stanza: 'Package: x\n',
          files: [{ name: `package-${file.id}_1_all.deb`, sha256: file.sha256 as Sha256 }],
          paths: new Uint8Array(1),
        },
      }))
      const first = await recordPackages(trx, packages, 1)
      assert.deepEqual(await recordPackages(trx, packages, 2), first)
      return first
    })
    assert.equal(new Set(ids.values()).size, 6000)
    const { count } = await db.read
      .selectFrom('package_file')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    assert.equal(count, 6000)
    await drop()
  })
})
