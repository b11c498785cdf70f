/** Real packages of Debian, as our indexes describe them and as Debian's own tools do. */
import assert from 'node:assert/strict'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '../support/apt-root.ts'
import { checkSuite, type Stanza, stanzas } from '../support/check-archive.ts'
import { realPackages } from '../support/real-packages.ts'
import { serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const found = await realPackages()
const skip = 'missing' in found ? `no packages of Debian: ${found.missing}` : false

test('of real packages our index says what dpkg-scanpackages and apt-ftparchive say', { skip }, async () => {
  if (!('path' in found)) return
  await using home = await temporaryDirectory()
  const folder = join(home.path, 'debs')
  await mkdir(folder)
  for (const name of await readdir(found.path)) await copyFile(join(found.path, name), join(folder, name))
  await using server = await serve({ home: home.path, words: [folder] })
  const { indexes } = await checkSuite(server.apt, 'stable')
  const ours = byName(indexes.get('main/binary-amd64/Packages') ?? [])
  assert.equal(ours.size, (await readdir(folder)).length)

  const scanned = await run('dpkg-scanpackages', ['--multiversion', '.'], { cwd: folder })
  assert.equal(scanned.code, 0, scanned.output)
  compare(ours, byName(stanzas(scanned.stdout)))
  const archived = await run('apt-ftparchive', ['--md5', '--sha256', 'packages', '.'], { cwd: folder })
  assert.equal(archived.code, 0, archived.output)
  compare(ours, byName(stanzas(archived.stdout)))
})

function byName(list: readonly Stanza[]): Map<string, Stanza> {
  return new Map(list.map((stanza) => [`${stanza.get('Package')} ${stanza.get('Version')}`, stanza]))
}

/** What depends on who publishes: where the file lies, and which further digests are listed. */
const ownWays = new Set(['Filename', 'SHA1', 'SHA512'])

function compare(ours: ReadonlyMap<string, Stanza>, theirs: ReadonlyMap<string, Stanza>): void {
  assert.deepEqual([...ours.keys()].toSorted(), [...theirs.keys()].toSorted())
  for (const [name, their] of theirs) {
    const our = ours.get(name)
    for (const [field, value] of their) {
      if (!ownWays.has(field)) assert.equal(flat(our?.get(field)), flat(value), `${field} of ${name}`)
    }
    const others = [...(our?.keys() ?? [])].filter((field) => !their.has(field))
    assert.deepEqual(
      others.filter((field) => field !== 'Description-md5'),
      [],
      `fields of ${name}`,
    )
  }
}

/** Folded fields may be folded elsewhere. */
function flat(value: string | undefined): string | undefined {
  return value?.replaceAll(/\s+/g, ' ')
}
