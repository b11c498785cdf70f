import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FolderPackages, identityKey } from './folder-packages.ts'
import type { FolderPackage } from './folder-packages.ts'
import { planEdit } from './folder-plan.ts'
import type { SuiteContent } from './folder-plan.ts'

function pkg(packageId: number, name: string, options: { version?: string; mtimeMs?: number } = {}): FolderPackage {
  const { version = '1.0', mtimeMs = 0 } = options
  return { packageId, artifactId: packageId, name, version, architecture: 'all', mtimeMs, fingerprint: `${packageId}` }
}

function folder(files: Record<string, FolderPackage>): FolderPackages {
  const packages = new FolderPackages()
  for (const [path, each] of Object.entries(files)) packages.set(path, each)
  return packages
}

/** A suite with these packages. */
function suite(...held: readonly FolderPackage[]): SuiteContent {
  return {
    has: (packageId) => held.some((each) => each.packageId === packageId),
    strangers: (key) => held.filter((each) => identityKey(each) === key).map((each) => each.packageId),
  }
}

async function edited(
  packages: FolderPackages,
  held: SuiteContent,
  owned: readonly number[],
  scope: 'everything' | 'changes' = 'everything',
): Promise<{ add: readonly number[]; remove: readonly number[] }> {
  const { add, remove } = await planEdit(packages, { held, owned: new Set(owned) }, scope)
  return { add, remove }
}

test('what the suite lacks is added, and what the folder put there and lost is removed', async () => {
  const packages = folder({ 'a.deb': pkg(1, 'aa'), 'b.deb': pkg(2, 'bb') })
  const held = suite(pkg(2, 'bb'), pkg(3, 'cc'))
  assert.deepEqual(await edited(packages, held, [2, 3]), { add: [1], remove: [3] })
})

test('what others put into the suite stays', async () => {
  const held = suite(pkg(1, 'aa'), pkg(9, 'zz'))
  assert.deepEqual(await edited(folder({ 'a.deb': pkg(1, 'aa') }), held, [1]), { add: [], remove: [] })
})

test('a package of others gives way where apt could not tell it from one of the folder', async () => {
  const held = suite(pkg(9, 'aa'))
  assert.deepEqual(await edited(folder({ 'a.deb': pkg(1, 'aa') }), held, []), { add: [1], remove: [9] })
})

test('what is owned and not wanted goes even if the suite is not known to have it', async () => {
  assert.deepEqual(await edited(folder({}), suite(), [7]), { add: [], remove: [7] })
})

test('a plan of the changes looks at nothing else', async () => {
  const packages = folder({ 'a.deb': pkg(1, 'aa'), 'b.deb': pkg(2, 'bb') })
  packages.settle()
  packages.set('c.deb', pkg(3, 'cc'))
  packages.delete('b.deb')
  assert.deepEqual(await edited(packages, suite(), [1, 2], 'changes'), { add: [3], remove: [2] })
})

test('a package that goes and comes back before it is published stays', async () => {
  const packages = folder({ 'a.deb': pkg(1, 'aa') })
  packages.settle()
  packages.delete('a.deb')
  packages.set('other.deb', pkg(1, 'aa'))
  assert.deepEqual(await edited(packages, suite(pkg(1, 'aa')), [1], 'changes'), { add: [], remove: [] })
})

test('the same package at two paths counts once, and stays while one of them does', async () => {
  const packages = folder({ 'a.deb': pkg(1, 'aa'), 'copy/a.deb': pkg(1, 'aa') })
  const edit = await planEdit(packages, { held: suite(), owned: new Set() }, 'everything')
  assert.deepEqual([edit.add, edit.shadowed], [[1], []])
  packages.settle()
  packages.delete('copy/a.deb')
  assert.deepEqual(await edited(packages, suite(pkg(1, 'aa')), [1], 'changes'), { add: [], remove: [] })
})

test('of two files that claim the same version the one modified last is published, in whatever order they come', async () => {
  const [old, young] = [pkg(1, 'aa', { mtimeMs: 1 }), pkg(2, 'aa', { mtimeMs: 2 })]
  for (const packages of [folder({ old, young }), folder({ young, old })]) {
    const edit = await planEdit(packages, { held: suite(old), owned: new Set([1]) }, 'everything')
    assert.deepEqual([edit.add, edit.remove], [[2], [1]])
    assert.deepEqual(edit.shadowed, [{ path: 'old', by: 'young' }])
    packages.settle()
    packages.delete('young')
    assert.deepEqual(await edited(packages, suite(young), [2], 'changes'), { add: [1], remove: [2] })
  }
})

test('versions of one package stand side by side', async () => {
  const packages = folder({ 'a.deb': pkg(1, 'aa'), 'b.deb': pkg(2, 'aa', { version: '2.0' }) })
  assert.deepEqual((await edited(packages, suite(), [])).add, [1, 2])
})
