/** The keys of a mirror may come from several files, as with debmirror and aptly. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as openpgp from 'openpgp'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { ashlar, ashlarJson, type Serving, startServing } from './serving.ts'

const home = await temporaryDirectory()
let serving: Serving
before(async () => {
  serving = await startServing(home.path)
})
after(async () => {
  await serving[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

/** A new key in a file; its fingerprint. */
async function keyIn(file: string, format: 'armored' | 'binary'): Promise<string> {
  const { publicKey } = await openpgp.generateKey({ userIDs: [{ name: file }], format: 'object' })
  await writeFile(join(home.path, file), format === 'armored' ? publicKey.armor() : publicKey.write())
  return publicKey.getFingerprint().toUpperCase()
}

for (const format of ['armored', 'binary'] as const) {
  test(`the keys of several ${format} keyrings count together`, async () => {
    const files = [`old-${format}`, `new-${format}`]
    const fingerprints = [await keyIn(`old-${format}`, format), await keyIn(`new-${format}`, format)]
    const keyrings = files.flatMap((file) => ['--keyring', join(home.path, file)])
    const create = ['mirror', 'create', format, 'http://127.0.0.1:9/', 'stable', '--into', format, ...keyrings]
    const made = await ashlarJson(create, serving.beside)
    const keys = (made['keys'] as { fingerprint: string }[]).map((key) => key.fingerprint)
    assert.deepEqual(keys.toSorted(), fingerprints.toSorted())
  })
}

test('armored keyrings and others are not mixed', async () => {
  await keyIn('one.asc', 'armored')
  await keyIn('one.gpg', 'binary')
  const keyrings = ['--keyring', join(home.path, 'one.asc'), '--keyring', join(home.path, 'one.gpg')]
  const create = ['mirror', 'create', 'mixed', 'http://127.0.0.1:9/', 'stable', ...keyrings]
  const { code, stderr } = await ashlar(create, serving.beside)
  assert.equal(code, 2)
  assert.match(stderr, /Some keyrings are armored and some are not/)
})
