/** What is said to be kept is what a vacuum keeps, whatever came before. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { type ArchiveWorld, archiveWorld } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { makeDeb } from '../../test/support/make-deb.ts'
import type { Workspace } from '../access/access.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { Maintenance } from './maintenance.ts'

const names = ['one', 'two']
const name = fc.constantFrom(...names)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('publish' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('withdraw' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ingest elsewhere' as const), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('drop artifacts' as const), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('announce' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('expire revisions' as const), back: fc.nat(2) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What is refused, since it was purged, is a step like any other. */
async function take(world: ArchiveWorld, maintenance: Maintenance, other: Workspace, wish: Step): Promise<void> {
  try {
    await tryTo(world, maintenance, other, wish)
  } catch (error) {
    if (!(error instanceof AshlarError) || error.code !== 'gone') throw error
  }
}

async function tryTo(world: ArchiveWorld, maintenance: Maintenance, other: Workspace, wish: Step): Promise<void> {
  const { db, artifacts, storage } = world
  switch (wish.do) {
    case 'publish': {
      const packageId = await world.deb(wish.name, '1.0')
      await world.submit({ kind: 'add', suite: 'stable', packages: [{ packageId }] })
      return
    }
    case 'withdraw': {
      const { items } = await world.archives.packages(world.workspace, { suite: 'stable' }, { limit: 100 })
      if (!items.some((item) => item.name === wish.name)) return
      await world.submit({ kind: 'remove', suite: 'stable', packages: [{ name: wish.name }] })
      return
    }
    case 'ingest elsewhere': {
      const spooled = await storage.spool.create()
      await spooled.append([makeDeb({ name: wish.name, version: '1.0' })])
      await artifacts.ingestBinary(other, await spooled.finish(), `${wish.name}.deb`, { userId: null })
      return
    }
    case 'announce': {
      const files = [{ path: 'a', size: 1, sha256: 'a'.repeat(64) }]
      await artifacts.create(other, [{ category: 'generic', files }], { userId: null })
      return
    }
    case 'drop artifacts':
      await db.write(async (trx) => {
        const rows = await trx
          .deleteFrom('artifact_file')
          .where('path', '=', `${wish.name}.deb`)
          .returning('artifact_id')
          .execute()
        for (const { artifact_id: id } of rows) await trx.deleteFrom('artifact').where('id', '=', id).execute()
      })
      return
    case 'purge': {
      const row = await db.read
        .selectFrom('package')
        .innerJoin('file', 'file.id', 'package.file_id')
        .select('file.sha256')
        .where('package.name', '=', wish.name)
        .executeTakeFirst()
      if (row === undefined) return
      await maintenance.purge({ sha256: row.sha256 as Sha256, reason: 'a test', userId: null })
      return
    }
    case 'expire revisions':
      await db.write(async (trx) => {
        const { head, retained_from: from } = await trx
          .selectFrom('archive')
          .select(['head', 'retained_from'])
          .executeTakeFirstOrThrow()
        const retained_from = Math.max(from, head - wish.back)
        await trx.updateTable('archive').set({ retained_from }).execute()
      })
  }
}

forEachDialect((_dialect, openFresh) => {
  it('whatever happens, what is said to be kept is exactly what a vacuum keeps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 16 }), async (steps) => {
        await using world = await archiveWorld(openFresh)
        const { db, storage } = world
        const ages = { leftoverMs: 0, unneededMs: 0, graceMs: 0 }
        await using maintenance = new Maintenance({ database: db, storage, ages })
        await world.suite('stable')
        const other = await world.emptyWorkspace()
        for (const wish of steps) await take(world, maintenance, other, wish)
        const files = await db.read.selectFrom('file').select(['id', 'sha256']).execute()
        const said = new Map<number, string>()
        for (const { id, sha256 } of files) {
          said.set(id, (await maintenance.why(sha256, { kind: 'instance' })).fate.kind)
        }
        for await (const event of maintenance.vacuum()) assert.notEqual(event.kind, 'failure')
        const copies = await db.read.selectFrom('file_copy').select(['file_id', 'state']).execute()
        const present = new Set(copies.filter(({ state }) => state === 'present').map((copy) => copy.file_id))
        for (const [id, kind] of said)
          assert.equal(present.has(id), kind === 'kept', `file ${id} is said to be ${kind}`)
        for (const { id, sha256 } of files) {
          const after = await maintenance.why(sha256, { kind: 'instance' }).catch(() => undefined)
          assert.equal(after === undefined || after.fate.kind === 'gone', said.get(id) !== 'kept')
        }
      }),
      { numRuns: 8 },
    )
  })
})
