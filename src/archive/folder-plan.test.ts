import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountsIn, planEdit, vanishedPaths } from './folder-plan.ts'
import type { FolderPackage, HeldPackage } from './folder-plan.ts'
import type { FileLook, FolderLook } from './folder-scan.ts'

function pkg(packageId: number, name: string, options: { version?: string; mtimeMs?: number } = {}): FolderPackage {
  const { version = '1.0', mtimeMs = 0 } = options
  return { packageId, artifactId: packageId, name, version, architecture: 'all', mtimeMs, fingerprint: `${packageId}` }
}

function held(packageId: number, name: string, version = '1.0'): HeldPackage {
  return { packageId, name, version, architecture: 'all' }
}

function folder(packages: Record<string, FolderPackage>): Map<string, FolderPackage> {
  return new Map(Object.entries(packages))
}

test('what the suite lacks is added, and what the folder put there and lost is removed', () => {
  const edit = planEdit(
    folder({ 'a.deb': pkg(1, 'aa'), 'b.deb': pkg(2, 'bb') }),
    [held(2, 'bb'), held(3, 'cc')],
    new Set([2, 3]),
  )
  assert.deepEqual(edit.add, [1])
  assert.deepEqual(edit.remove, [3])
})

test('what others put into the suite stays', () => {
  const edit = planEdit(folder({ 'a.deb': pkg(1, 'aa') }), [held(1, 'aa'), held(9, 'zz')], new Set([1]))
  assert.deepEqual({ add: edit.add, remove: edit.remove }, { add: [], remove: [] })
})

test('a package of others gives way where apt could not tell it from one of the folder', () => {
  const edit = planEdit(folder({ 'a.deb': pkg(1, 'aa') }), [held(9, 'aa')], new Set())
  assert.deepEqual({ add: edit.add, remove: edit.remove }, { add: [1], remove: [9] })
})

test('the same package at two paths counts once', () => {
  const edit = planEdit(folder({ 'a.deb': pkg(1, 'aa'), 'copy/a.deb': pkg(1, 'aa') }), [], new Set())
  assert.deepEqual(edit.add, [1])
  assert.deepEqual(edit.shadowed, [])
})

test('of two files that claim the same version the one modified last is published', () => {
  const edit = planEdit(
    folder({ 'old.deb': pkg(1, 'aa', { mtimeMs: 1 }), 'new.deb': pkg(2, 'aa', { mtimeMs: 2 }) }),
    [held(1, 'aa')],
    new Set([1]),
  )
  assert.deepEqual({ add: edit.add, remove: edit.remove }, { add: [2], remove: [1] })
  assert.deepEqual(edit.shadowed, [{ path: 'old.deb', by: 'new.deb' }])
})

test('versions of one package stand side by side', () => {
  const edit = planEdit(folder({ 'a.deb': pkg(1, 'aa'), 'b.deb': pkg(2, 'aa', { version: '2.0' }) }), [], new Set())
  assert.deepEqual(edit.add, [1, 2])
})

function file(path: string): FileLook {
  return { path, sizeBytes: 0, mtimeMs: 0, ctimeMs: 0, fingerprint: '' }
}

function look(options: { files?: string[]; directories?: Record<string, string>; unreadable?: string[] }): FolderLook {
  return {
    root: '1:1',
    files: new Map((options.files ?? []).map((path) => [path, file(path)])),
    directories: new Map(Object.entries({ '': '1:1', ...options.directories })),
    unreadable: new Map((options.unreadable ?? []).map((path) => [path, 'EACCES'])),
  }
}

const known = folder({ 'a.deb': pkg(1, 'aa'), 'usb/b.deb': pkg(2, 'bb'), 'usb/deep/c.deb': pkg(3, 'cc') })

test('files that are gone from directories that could be read are gone', () => {
  const seen = look({ files: ['usb/deep/c.deb'], directories: { usb: '1:2' } })
  assert.deepEqual(vanishedPaths(known, seen, new Set()).gone, ['a.deb', 'usb/b.deb'])
})

test('files below a directory that could not be read are not gone', () => {
  const seen = look({ files: ['a.deb'], unreadable: ['usb'] })
  assert.deepEqual(vanishedPaths(known, seen, new Set()).gone, [])
})

test('files below a directory whose file system is gone are not gone', () => {
  const mounts = mountsIn(look({ directories: { usb: '2:1', 'usb/deep': '2:2', plain: '1:7' } }))
  assert.deepEqual(mounts, new Set(['usb', 'usb/deep']))
  const unmounted = look({ files: ['a.deb'], directories: { usb: '1:2' } })
  assert.deepEqual(vanishedPaths(known, unmounted, mounts), { gone: [], unmounted: ['usb'] })
})

test('a directory that was mounted and now holds packages itself is believed', () => {
  const replaced = look({ files: ['a.deb', 'usb/b.deb'], directories: { usb: '1:2' } })
  assert.deepEqual(vanishedPaths(known, replaced, new Set(['usb'])), { gone: ['usb/deep/c.deb'], unmounted: [] })
})
