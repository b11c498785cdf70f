/** A disk that is really full: a small tmpfs, which takes root to mount. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAll } from '../../test/support/read-all.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { openDatabase } from '../database/database.ts'
import { openStorage } from './storage.ts'

const skip =
  process.getuid?.() === 0 || process.env['CI'] === 'true'
    ? false
    : 'only root can mount the small file system it needs'

test(
  'a disk that fills up refuses the file, harms nothing, and takes files again when there is room',
  { skip },
  async () => {
    await using directory = await temporaryDirectory()
    const mountPoint = join(directory.path, 'small')
    mkdirSync(mountPoint)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mountPoint])
    try {
      await using database = await openDatabase(`sqlite:${join(directory.path, 'ashlar.db')}`)
      const storage = await openStorage({ database, dataDirectory: mountPoint })
      const small = randomBytes(1 << 20)
      const writer = await storage.spool.create()
      await writer.append([small])
      const kept = await storage.keep(await writer.finish(), 1)

      const large = await storage.spool.create()
      const flood = (function* () {
        for (;;) yield randomBytes(300_000)
      })()
      await assert.rejects(large.append(flood), { code: 'storage-full' })
      await large.discard()

      assert.equal((await database.read.selectFrom('file').selectAll().execute()).length, 1)
      const opened = await storage.open(kept, 1)
      assert.ok((await readAll(opened.stream)).equals(small))

      const next = await storage.spool.create()
      await next.append([randomBytes(1 << 20)])
      assert.notEqual((await storage.keep(await next.finish(), 1)).id, kept.id)
    } finally {
      execFileSync('umount', [mountPoint])
    }
  },
)
