/** What an upstream said of a file and says no more goes once no suite and no history tells of it. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { age } from '../support/archive-past.ts'
import { forEachDialect } from '../support/databases.ts'
import { type MirrorWorld, mirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false
const day = 86_400

/** Upstream says another section of each package, as its overrides change; the files stay. */
async function overridden({ upstream }: MirrorWorld, section: string): Promise<void> {
  await upstream.publish({ forms: ['gz'] })
  const path = join(upstream.directory, 'dists/test/main/binary-amd64/Packages')
  const text = (await readFile(path, 'utf8')).replaceAll(/^Section: .*$/gm, `Section: ${section}`)
  await writeFile(path, text)
  await writeFile(`${path}.gz`, gzipSync(text))
  await upstream.resign()
}

async function claims({ world }: MirrorWorld): Promise<string[]> {
  const rows = await world.db.read
    .selectFrom('package')
    .select(['name', 'section'])
    .where('claimed_in', '!=', 0)
    .orderBy('id')
    .execute()
  return rows.map((row) => `${row.name} ${row.section}`)
}

async function vacuum({ world }: MirrorWorld, unneededMs: number): Promise<string[]> {
  const { db: database, storage, archives } = world
  await using maintenance = new Maintenance({ database, storage, archives, ages: { unneededMs } })
  const rules: string[] = []
  for await (const event of maintenance.vacuum()) {
    if (event.kind === 'line' && event.line.subject.startsWith('what mirrors')) rules.push(event.line.subject)
    assert.notEqual(event.kind, 'failure')
  }
  return rules
}

forEachDialect((_dialect, openFresh) => {
  it('what an index said of a file goes with the record of the revisions that listed it', { skip }, async () => {
    await using given = await mirrorWorld(openFresh)
    const { world, upstream } = given
    await upstream.deb({ name: 'hello', version: '1.0' })
    await overridden(given, 'misc')
    await given.mirror()
    await given.update()
    await overridden(given, 'net')
    await given.update()
    await overridden(given, 'web')
    await given.update()
    assert.deepEqual(await claims(given), ['hello misc', 'hello net', 'hello web'])
    assert.deepEqual(await vacuum(given, 0), [])

    await world.db.write((trx) =>
      trx.updateTable('workspace').set({ keep_revisions_seconds: day, keep_history_seconds: day }).execute(),
    )
    await age(world, 10 * day)
    assert.deepEqual(await vacuum(given, 3_600_000), [])
    assert.deepEqual(await vacuum(given, 0), ['what mirrors listed of a package'])
    // What the oldest revision that is kept took out is on record with that.
    assert.deepEqual(await claims(given), ['hello net', 'hello web'])
    assert.match(await world.text('dists/test/main/binary-amd64/Packages'), /^Section: web$/m)

    // What comes back is claimed anew.
    await overridden(given, 'misc')
    await given.update()
    assert.match(await world.text('dists/test/main/binary-amd64/Packages'), /^Section: misc$/m)
  })
})
