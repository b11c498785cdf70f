import assert from 'node:assert/strict'
import { appendFile, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts'
import { FolderMemory } from './folder-memory.ts'
import type { FolderPackage } from './folder-packages.ts'

const SUITE = 'local/main/stable'

function pkg(packageId: number, mtimeMs = 1.5): FolderPackage {
  const fingerprint = `${packageId}:${mtimeMs}`
  return { fingerprint, mtimeMs, artifactId: packageId, packageId, name: 'ä\u2028', version: '1', architecture: 'all' }
}

/** All that is remembered, to be compared. */
function contentOf(memory: FolderMemory): unknown {
  const packages = [...memory.packages.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const owned = [...memory.owned].toSorted((a, b) => a - b)
  return { root: memory.root, mounts: [...memory.mounts].toSorted(), owned, packages }
}

async function journalIn(directory: string): Promise<string> {
  const names = await readdir(directory)
  assert.equal(names.length, 1, names.join())
  return join(directory, names[0] ?? '')
}

async function memoryOfOne(directory: string): Promise<FolderMemory> {
  const memory = await FolderMemory.load(directory, SUITE)
  memory.setRoot('1:2')
  memory.setMounts(new Set(['usb']))
  memory.setPackage('a.deb', pkg(7))
  memory.own([7, 8])
  await memory.save()
  return memory
}

test('what is saved is loaded, for its own suite only', async () => {
  await using data = await temporaryDirectory()
  const memory = await memoryOfOne(data.path)
  assert.deepEqual(contentOf(await FolderMemory.load(data.path, SUITE)), contentOf(memory))
  assert.equal((await FolderMemory.load(data.path, 'local/main/testing')).root, undefined)
})

test('only the owner may read it, and no half of it is left beside it', async () => {
  await using data = await temporaryDirectory()
  await memoryOfOne(data.path)
  assert.equal((await stat(await journalIn(data.path))).mode & 0o777, 0o600)
})

test('a change is appended as what it is', async () => {
  await using data = await temporaryDirectory()
  const memory = await memoryOfOne(data.path)
  const file = await journalIn(data.path)
  const before = await readFile(file, 'utf8')
  memory.forgetPackage('a.deb')
  memory.disown([7, 9])
  await memory.save()
  assert.equal(await readFile(file, 'utf8'), `${before}["forget","a.deb"]\n["disown",7]\n`)
})

test('a line that a crash has torn counts as not written, and the next one is whole', async () => {
  await using data = await temporaryDirectory()
  const saved = contentOf(await memoryOfOne(data.path))
  const file = await journalIn(data.path)
  for (const torn of ['["own",12', '["own",12]', '\0\0\0']) {
    const { size } = await stat(file)
    await appendFile(file, torn)
    const memory = await FolderMemory.load(data.path, SUITE)
    assert.deepEqual(contentOf(memory), saved, torn)
    memory.own([99])
    await memory.save()
    const again = await FolderMemory.load(data.path, SUITE)
    assert.deepEqual([...again.owned], [7, 8, 99])
    await truncate(file, size)
  }
})

test('what cannot be understood counts as nothing, and is replaced', async () => {
  await using data = await temporaryDirectory()
  const saved = contentOf(await memoryOfOne(data.path))
  const file = await journalIn(data.path)
  const header = '{"format":2}\n'
  for (const text of [
    '',
    '{',
    '[]\n',
    '{"format":3}\n',
    `${header}{}\n`,
    `${header}["unheard-of"]\n`,
    `${header}["own","7"]\n["own",7]\n`,
    `${header}["root","1:2"]\n["package","a.deb"]\n`,
  ]) {
    await writeFile(file, text)
    assert.equal((await FolderMemory.load(data.path, SUITE)).root, undefined, text)
    assert.deepEqual(contentOf(await memoryOfOne(data.path)), saved, text)
    assert.deepEqual(contentOf(await FolderMemory.load(data.path, SUITE)), saved, text)
  }
})

test('a journal that is deleted or cut under way is written anew', async () => {
  await using data = await temporaryDirectory()
  const memory = await memoryOfOne(data.path)
  const file = await journalIn(data.path)
  await rm(file)
  memory.own([9])
  await memory.save()
  assert.deepEqual(contentOf(await FolderMemory.load(data.path, SUITE)), contentOf(memory))
  await truncate(file, 20)
  memory.own([10])
  await memory.save()
  assert.deepEqual(contentOf(await FolderMemory.load(data.path, SUITE)), contentOf(memory))
})

test('it does not grow much beyond twice what it holds', async () => {
  await using data = await temporaryDirectory()
  const memory = await memoryOfOne(data.path)
  const file = await journalIn(data.path)
  let [largest, rewrites, before] = [0, 0, 0]
  for (let i = 1; i <= 150; i += 1) {
    for (let j = 0; j < 20; j += 1) memory.setPackage(`${j}.deb`, pkg(i * 20 + j))
    await memory.save()
    const { size } = await stat(file)
    if (size < before) rewrites += 1
    before = size
    largest = Math.max(largest, size)
  }
  assert.ok(rewrites >= 2, `${rewrites} times`)
  assert.ok(largest < 1200 * 100, `${largest} bytes`)
  assert.deepEqual(contentOf(await FolderMemory.load(data.path, SUITE)), contentOf(memory))
})

const path = fc.constantFrom('a', 'b', 'c/d', 'e', 'f/g h', 'ü')
const id = fc.integer({ min: 1, max: 6 })
const ids = fc.oneof(
  fc.array(id),
  // Enough to make an entry of several lines, and the journal be rewritten.
  fc.constant(Array.from({ length: 1500 }, (_, i) => i + 1)),
)
const step = fc.oneof(
  fc.record({ deed: fc.constant('set' as const), path, id, mtimeMs: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ deed: fc.constant('forget' as const), path }),
  fc.record({ deed: fc.constant('own' as const), ids }),
  fc.record({ deed: fc.constant('disown' as const), ids }),
  fc.record({ deed: fc.constant('root' as const), text: fc.constantFrom('1:1', '1:2') }),
  fc.record({ deed: fc.constant('mounts' as const), paths: fc.array(path) }),
  fc.record({ deed: fc.constant('clear' as const) }),
  fc.record({ deed: fc.constant('save' as const) }),
  fc.record({ deed: fc.constant('crash' as const), torn: fc.constantFrom('', '["own",1', '["forget","a"]') }),
)

function take(memory: FolderMemory, each: typeof step extends fc.Arbitrary<infer Step> ? Step : never): void {
  if (each.deed === 'set') memory.setPackage(each.path, pkg(each.id, each.mtimeMs))
  else if (each.deed === 'forget') memory.forgetPackage(each.path)
  else if (each.deed === 'own') memory.own(each.ids)
  else if (each.deed === 'disown') memory.disown(each.ids)
  else if (each.deed === 'root') memory.setRoot(each.text)
  else if (each.deed === 'mounts') memory.setMounts(new Set(each.paths))
  else if (each.deed === 'clear') memory.clear()
}

test('whatever is done, a restart finds what was saved last', async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    await using data = await temporaryDirectory()
    let memory = await FolderMemory.load(data.path, SUITE)
    let saved = contentOf(memory)
    for (const each of steps) {
      take(memory, each)
      if (each.deed === 'save') {
        await memory.save()
        saved = contentOf(memory)
      } else if (each.deed === 'crash') {
        const [name] = await readdir(data.path)
        if (name !== undefined) await appendFile(join(data.path, name), each.torn)
        memory = await FolderMemory.load(data.path, SUITE)
        assert.deepEqual(contentOf(memory), saved)
      }
    }
    await memory.save()
    const again = await FolderMemory.load(data.path, SUITE)
    assert.deepEqual(contentOf(again), contentOf(memory))
    assert.deepEqual([...again.packages.keys()].toSorted(), [...memory.packages.keys()].toSorted())
    for (const key of again.packages.keys()) {
      assert.deepEqual(again.packages.wanted(key), memory.packages.wanted(key))
    }
  })
  await fc.assert(property, { numRuns: 150 })
})
