/** A client that brings indexes up to date by patches alone: everything is checked as apt does, and ed(1) edits. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type FileDigest, type Pdiff, parsePdiffIndex } from '../../src/debian/pdiff-index.ts'
import { sha256Of } from './archive-world.ts'

/** Reads what lies at a path below a suite's directory. */
export type Read = (path: string) => Promise<Buffer>

/** The patches that an index of patches names, the oldest first; none if the Release does not list it. */
export async function pdiffsOf(read: Read, index: string): Promise<readonly Pdiff[]> {
  const release = (await read('Release')).toString()
  if (!release.includes(` ${index}.diff/Index\n`)) return []
  const { current, patches } = parsePdiffIndex(await read(`${index}.diff/Index`))
  assert.ok(release.includes(` ${current.sha256} ${String(current.sizeBytes).padStart(8)} ${index}\n`), index)
  assert.ok(patches.length > 0, 'an index of patches has patches')
  return patches
}

/**
 * The newest state of an index, made of an older one with the patches of the suite.
 * @returns undefined if its patches do not lead so far back
 */
export async function patched(read: Read, index: string, old: Buffer): Promise<Buffer | undefined> {
  const patches = await pdiffsOf(read, index)
  const start = patches.findIndex((patch) => fits(old, patch.before))
  if (start === -1) return undefined
  let text = old
  for (const { name, before, script, download } of patches.slice(start)) {
    assert.ok(fits(text, before), `${name} follows on the patch before it`)
    const packed = await read(`${index}.diff/${name}.gz`)
    assert.ok(fits(packed, download), `${name}.gz is what the index says`)
    const commands = gunzipSync(packed)
    assert.ok(fits(commands, script), `${name} is what the index says`)
    text = edited(text, commands)
  }
  return text
}

function fits(bytes: Uint8Array, digest: FileDigest): boolean {
  return bytes.length === digest.sizeBytes && sha256Of(bytes) === digest.sha256
}

function edited(text: Uint8Array, commands: Uint8Array): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'ashlar-ed-'))
  try {
    const file = join(directory, 'index')
    writeFileSync(file, text)
    const input = Buffer.concat([commands, Buffer.from('w\nq\n')])
    const { status, stdout, stderr } = spawnSync('ed', ['-s', file], { input })
    assert.equal(status, 0, String(stdout) + String(stderr))
    return readFileSync(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
