import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileLook, FolderLook } from './folder-scan.ts'
import { mountsIn, vanishedPaths } from './folder-vanished.ts'

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

const known = ['a.deb', 'usb/b.deb', 'usb/deep/c.deb']

test('files that are gone from directories that could be read are gone', async () => {
  const seen = look({ files: ['usb/deep/c.deb'], directories: { usb: '1:2' } })
  assert.deepEqual((await vanishedPaths(known, seen, new Set())).gone, ['a.deb', 'usb/b.deb'])
})

test('files below a directory that could not be read are not gone', async () => {
  const seen = look({ files: ['a.deb'], unreadable: ['usb'] })
  assert.deepEqual((await vanishedPaths(known, seen, new Set())).gone, [])
})

test('files below a directory whose file system is gone are not gone', async () => {
  const mounts = mountsIn(look({ directories: { usb: '2:1', 'usb/deep': '2:2', plain: '1:7' } }))
  assert.deepEqual(mounts, new Set(['usb', 'usb/deep']))
  const unmounted = look({ files: ['a.deb'], directories: { usb: '1:2' } })
  assert.deepEqual(await vanishedPaths(known, unmounted, mounts), { gone: [], unmounted: ['usb'] })
})

test('a directory that was mounted and now holds packages itself is believed', async () => {
  const replaced = look({ files: ['a.deb', 'usb/b.deb'], directories: { usb: '1:2' } })
  assert.deepEqual(await vanishedPaths(known, replaced, new Set(['usb'])), { gone: ['usb/deep/c.deb'], unmounted: [] })
})
