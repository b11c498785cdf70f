/**
 * A client that believes nothing: it verifies the signature of a suite with gpgv, fetches every index that the Release
 * lists in every form, by its name and by its digest, compares the forms, and fetches every pool file that is listed.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { xz } from '@napi-rs/lzma'
import { run } from './apt-root.ts'
import { sha256 } from './upload.ts'

export interface CheckedSuite {
  readonly dateSeconds: number
  /** Index path, such as `main/binary-amd64/Packages` -> its stanzas. */
  readonly indexes: ReadonlyMap<string, readonly Stanza[]>
  /** `name version architecture` of all binary packages and `name version source` of sources, sorted. */
  readonly packages: readonly string[]
}

export type Stanza = ReadonlyMap<string, string>

export interface CheckOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Digests of pool files and indexes that were fetched before and need not be again. */
  readonly proven?: Set<string>
}

/**
 * Checks again from the start if the suite was published anew meanwhile: a client that asks by name is then late.
 *
 * @param base the address of the archive or of a snapshot, with a slash at its end.
 * @throws AssertionError that says what does not fit
 */
export async function checkSuite(base: string, suite: string, options: CheckOptions = {}): Promise<CheckedSuite> {
  for (;;) {
    const before = await issueOf(base, suite, options)
    try {
      return await checkOnce(base, suite, options)
    } catch (error) {
      if ((await issueOf(base, suite, options)) === before) throw error
    }
  }
}

/** Which Release is the current one. */
async function issueOf(base: string, suite: string, { headers = {} }: CheckOptions): Promise<string | null> {
  const answer = await fetch(new URL(`dists/${suite}/InRelease`, base), { method: 'HEAD', headers })
  return answer.headers.get('etag')
}

async function checkOnce(base: string, suite: string, options: CheckOptions): Promise<CheckedSuite> {
  const fetched = async (path: string): Promise<Buffer> => {
    const url = new URL(path.split('/').map(encodeURIComponent).join('/'), base)
    const answer = await fetch(url, { headers: options.headers ?? {} })
    assert.equal(answer.status, 200, `${url.href}: ${answer.status}`)
    return Buffer.from(await answer.arrayBuffer())
  }
  const release = await verified(await fetched(`dists/${suite}/InRelease`), await fetched('archive-key.gpg'))
  const [fields] = stanzas(release)
  assert.ok(fields !== undefined)
  assert.equal(fields.get('Acquire-By-Hash'), 'yes')
  const texts = new Map<string, Buffer>()
  for (const line of (fields.get('SHA256') ?? '').split('\n').filter((each) => each.trim() !== '')) {
    const [digest = '', size = '', path = ''] = line.trim().split(/ +/)
    const folder = path.slice(0, path.lastIndexOf('/') + 1)
    const bytes = await fetched(`dists/${suite}/${path}`)
    assert.deepEqual([sha256(bytes), bytes.length], [digest, Number(size)], `${path} is not what the Release lists`)
    if (options.proven?.has(digest) !== true) {
      const same = await fetched(`dists/${suite}/${folder}by-hash/SHA256/${digest}`)
      assert.ok(same.equals(bytes), `${path} by its digest has other bytes`)
      options.proven?.add(digest)
    }
    const name = path.replace(/\.(xz|gz|zst)$/, '')
    const text = plain(path, bytes)
    const other = texts.get(name)
    if (other !== undefined) assert.ok(other.equals(text), `${path} has another text than its other forms`)
    texts.set(name, text)
  }
  const indexes = new Map([...texts].map(([path, text]) => [path, stanzas(text.toString())]))
  const packages = new Set<string>()
  for (const [path, list] of indexes) {
    for (const stanza of list) {
      if (path.endsWith('/Packages')) packages.add(await checkBinary(stanza, fetched, options.proven))
      if (path.endsWith('/Sources')) packages.add(await checkSource(stanza, fetched, options.proven))
    }
  }
  const dateSeconds = Date.parse(fields.get('Date') ?? '') / 1000
  assert.ok(Number.isInteger(dateSeconds), 'the Release has no Date')
  return { dateSeconds, indexes, packages: [...packages].toSorted() }
}

type Fetch = (path: string) => Promise<Buffer>

async function checkBinary(stanza: Stanza, fetched: Fetch, proven: Set<string> | undefined): Promise<string> {
  const path = stanza.get('Filename') ?? ''
  const listed = stanza.get('SHA256') ?? ''
  await checkPool({ path, size: Number(stanza.get('Size')), digest: listed }, fetched, proven)
  return `${stanza.get('Package')} ${stanza.get('Version')} ${stanza.get('Architecture')}`
}

async function checkSource(stanza: Stanza, fetched: Fetch, proven: Set<string> | undefined): Promise<string> {
  const lines = (stanza.get('Checksums-Sha256') ?? '').split('\n').filter((line) => line.trim() !== '')
  assert.ok(lines.length >= 2, 'a source package is a .dsc and more')
  for (const line of lines) {
    const [digest = '', size = '', name = ''] = line.trim().split(/ +/)
    await checkPool({ path: `${stanza.get('Directory')}/${name}`, size: Number(size), digest }, fetched, proven)
  }
  return `${stanza.get('Package')} ${stanza.get('Version')} source`
}

async function checkPool(
  file: { readonly path: string; readonly size: number; readonly digest: string },
  fetched: Fetch,
  proven: Set<string> | undefined,
): Promise<void> {
  const name = `${file.path} ${file.digest}`
  if (proven?.has(name) === true) return
  const bytes = await fetched(file.path)
  assert.deepEqual([sha256(bytes), bytes.length], [file.digest, file.size], `${file.path} is not what the index lists`)
  proven?.add(name)
}

/** The text that was signed. */
async function verified(inRelease: Buffer, key: Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ashlar-gpgv-'))
  try {
    await writeFile(join(folder, 'InRelease'), inRelease)
    await writeFile(join(folder, 'key.gpg'), key)
    const words = ['--keyring', join(folder, 'key.gpg'), '--output', '-', join(folder, 'InRelease')]
    const { code, stdout, output } = await run('gpgv', words)
    assert.equal(code, 0, output)
    return stdout
  } finally {
    await rm(folder, { recursive: true })
  }
}

function plain(path: string, bytes: Buffer): Buffer {
  if (path.endsWith('.xz')) return Buffer.from(xz.decompressSync(bytes))
  if (path.endsWith('.gz')) return gunzipSync(bytes)
  return path.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes
}

/** Deb822 paragraphs: field -> value, continuation lines included. */
export function stanzas(text: string): Stanza[] {
  return text
    .split(/\n\n+/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) => {
      const fields = new Map<string, string>()
      for (const field of paragraph.split(/\n(?=[^ \t])/)) {
        const colon = field.indexOf(':')
        if (colon > 0) fields.set(field.slice(0, colon), field.slice(colon + 1).trim())
      }
      return fields
    })
}
