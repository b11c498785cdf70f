/**
 * An archive of somebody else, made by Debian's own tools: a pool, indexes by apt-ftparchive, signatures by gpg, and a
 * small static server on 127.0.0.1 that knows ranges. Nothing of Ashlar has a part in it.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { xz } from '@napi-rs/lzma'
import { type DebRecipe, makeDeb, makeSource } from './make-deb.ts'

const run = promisify(execFile)

export interface PublishWish {
  /** Fields of the Release, beside Origin, Label, Suite and Codename. */
  readonly release?: Readonly<Record<string, string>>
  /** Default `test`. */
  readonly suite?: string
  readonly codename?: string
  /** Compressed forms of the indexes; default `xz` and `gz`. */
  readonly forms?: readonly ('xz' | 'gz' | 'zst')[]
  readonly byHash?: boolean
  /** Files beside the indexes of packages: `main/i18n/Translation-en.xz`. */
  readonly extras?: Readonly<Record<string, Buffer>>
  /** Which signatures there are; default both. */
  readonly signed?: 'InRelease' | 'Release.gpg' | 'both' | 'none'
  readonly key?: UpstreamKey
  /** When it is signed; default now. */
  readonly signedAt?: Date
}

export interface UpstreamKey {
  /** Armored. */
  readonly publicKey: string
  readonly fingerprint: string
}

export interface Upstream extends AsyncDisposable {
  /** With a slash at its end. */
  readonly url: string
  readonly directory: string
  readonly key: UpstreamKey
  /** What was asked for, in order: `GET /pool/…`. */
  readonly requests: string[]
  /** Puts a .deb into the pool; gives its path. */
  deb(recipe: DebRecipe, component?: string): Promise<string>
  /** Puts a file that there is into the pool. */
  file(path: string, from: string): Promise<void>
  /** Puts a .dsc and its files into the pool; gives its directory. */
  source(name: string, version: string): Promise<string>
  /** Deletes a file of the pool. */
  delete(path: string): Promise<void>
  /** Makes and signs the indexes of all that is in the pool. */
  publish(wish?: PublishWish): Promise<void>
  /** Makes and signs a flat archive of these packages, in a directory (with a slash at its end, or the root). */
  publishFlat(
    place: string,
    packages: readonly DebRecipe[],
    forms?: readonly ('xz' | 'gz' | 'zst' | 'plain' | 'bz2')[],
  ): Promise<void>
  /** Signs the suite `test` again as it lies there now. */
  resign(): Promise<void>
  /** Another key, made by gpg. */
  newKey(options?: { readonly expires?: string; readonly at?: Date }): Promise<UpstreamKey>
  read(path: string): Promise<Buffer>
}

/** Why there can be none on this machine, if so. */
export async function upstreamMissing(): Promise<string | undefined> {
  for (const program of ['apt-ftparchive', 'gpg']) {
    const found = await run(program, ['--version']).catch(() => undefined)
    if (found === undefined) return `${program} is not installed`
  }
  return undefined
}

export async function makeUpstream(): Promise<Upstream> {
  const root = await mkdtemp(join(tmpdir(), 'ashlar-upstream-'))
  const directory = join(root, 'archive')
  const home = join(root, 'gnupg')
  await mkdir(directory)
  await mkdir(home, { mode: 0o700 })
  let keys = 0
  const gpg = async (...words: string[]): Promise<string> =>
    (await run('gpg', ['--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', ...words])).stdout
  const newKey: Upstream['newKey'] = async ({ expires = 'never', at } = {}) => {
    keys += 1
    const name = `upstream-${keys}`
    await gpg(...clockAt(at), '--passphrase', '', '--quick-generate-key', name, 'ed25519', 'sign', expires)
    const listing = await gpg('--with-colons', '--list-keys', name)
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listing)?.[1] ?? ''
    return { publicKey: await gpg('--armor', '--export', name), fingerprint }
  }
  const key = await newKey()
  const requests: string[] = []
  const server = await serveDirectory(directory, requests)
  let published = 0

  const put = async (path: string, bytes: Uint8Array): Promise<void> => {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), bytes)
  }

  return {
    url: server.url,
    directory,
    key,
    requests,
    newKey,
    async deb(recipe, component = 'main') {
      const { name, version, architecture = 'all' } = recipe
      const path = `pool/${component}/${name[0] ?? ''}/${name}/${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`
      await put(path, makeDeb(recipe))
      return path
    },
    async file(path, from) {
      await put(path, await readFile(from))
    },
    async source(name, version) {
      const path = `pool/main/${name[0] ?? ''}/${name}`
      for (const [file, bytes] of Object.entries(makeSource({ name, version }))) await put(`${path}/${file}`, bytes)
      return path
    },
    delete: (path) => unlink(join(directory, path)),
    read: (path) => readFile(join(directory, path)),
    async publish(wish = {}) {
      const { suite = 'test', forms = ['xz', 'gz'], extras = {} } = wish
      const dist = `dists/${suite}`
      const components = await readdir(join(directory, 'pool'))
      const ftparchive = async (...words: string[]): Promise<string> =>
        (
          await run('apt-ftparchive', ['-q', '--md5', '--sha256', '--no-sha1', '--no-sha512', ...words], {
            cwd: directory,
            maxBuffer: 64 * 2 ** 20,
          })
        ).stdout
      for (const component of components) {
        const packages = await ftparchive('packages', `pool/${component}`)
        const sources = await ftparchive('sources', `pool/${component}`)
        const indexes: [string, string][] = [
          [`${component}/binary-amd64/Packages`, packages],
          [`${component}/source/Sources`, sources],
        ]
        for (const [path, text] of indexes) {
          await put(`${dist}/${path}`, Buffer.from(text))
          for (const form of forms) await put(`${dist}/${path}.${form}`, await packed(Buffer.from(text), form))
        }
      }
      for (const [path, bytes] of Object.entries(extras)) await put(`${dist}/${path}`, bytes)
      await sign(wish, components)
    },
    async publishFlat(place, packages, forms = ['plain', 'gz']) {
      for (const recipe of packages) {
        const { name, version, architecture = 'all' } = recipe
        await put(`${place}${name}_${version}_${architecture}.deb`, makeDeb(recipe))
      }
      const words = ['-q', '--sha256', 'packages', place === '' ? '.' : place.replace(/\/$/, '')]
      const { stdout } = await run('apt-ftparchive', words, { cwd: directory })
      const lines: string[] = []
      for (const form of forms) {
        const text = Buffer.from(stdout)
        const bytes = form === 'plain' ? text : form === 'bz2' ? Buffer.from('BZh9') : await packed(text, form)
        const file = form === 'plain' ? 'Packages' : `Packages.${form}`
        await put(`${place}${file}`, bytes)
        lines.push(` ${createHash('sha256').update(bytes).digest('hex')} ${bytes.length} ./${file}`)
      }
      published += 1
      const date = dateText(Date.now() / 1000 - 3600 + published)
      await put(`${place}Release`, Buffer.from(`Origin: Vendor\nDate: ${date}\nSHA256:\n${lines.join('\n')}\n`))
      const release = join(directory, place, 'Release')
      await rm(`${release}.gpg`, { force: true })
      await gpg('--local-user', key.fingerprint, '--armor', '--detach-sign', '--output', `${release}.gpg`, release)
    },
    resign: async () => sign({}, await readdir(join(directory, 'pool'))),
    async [Symbol.asyncDispose]() {
      await server.close()
      await run('gpgconf', ['--homedir', home, '--kill', 'all']).catch(() => {})
      await rm(root, { recursive: true, force: true })
    },
  }

  async function sign(wish: PublishWish, components: readonly string[]): Promise<void> {
    const { suite = 'test', codename = suite, byHash = true, signed = 'both', signedAt } = wish
    const dist = `dists/${suite}`
    // Old digests stay, as they do on a real mirror for a while.
    for (const name of ['InRelease', 'Release', 'Release.gpg']) await rm(join(directory, dist, name), { force: true })
    published += 1
    const fields: Record<string, string> = {
      Origin: 'Upstream',
      Label: 'Upstream packages',
      Suite: suite,
      Codename: codename,
      Architectures: 'amd64',
      Components: components.join(' '),
      Date: dateText(Date.now() / 1000 - 3600 + published),
      ...(byHash && { 'Acquire-By-Hash': 'yes' }),
      ...wish.release,
    }
    await put(`${dist}/Release`, Buffer.from(await releaseText(join(directory, dist), fields)))
    if (byHash) await linkByHash(join(directory, dist))
    const release = join(directory, dist, 'Release')
    const as = [...clockAt(signedAt), '--local-user', (wish.key ?? key).fingerprint]
    if (signed === 'InRelease' || signed === 'both') {
      await gpg(...as, '--clearsign', '--output', join(directory, dist, 'InRelease'), release)
    }
    if (signed === 'Release.gpg' || signed === 'both') {
      await gpg(...as, '--armor', '--detach-sign', '--output', `${release}.gpg`, release)
    }
  }
}

/** gpg as if it were another time. */
function clockAt(date: Date | undefined): string[] {
  return date === undefined ? [] : ['--faked-system-time', `${Math.floor(date.getTime() / 1000)}!`]
}

async function packed(bytes: Buffer, form: 'xz' | 'gz' | 'zst'): Promise<Buffer> {
  if (form === 'gz') return gzipSync(bytes)
  if (form === 'xz') return Buffer.from(await xz.compress(bytes))
  const { zstdCompressSync } = await import('node:zlib')
  return zstdCompressSync(bytes)
}

/** apt-ftparchive's own `release` writes no Valid-Until, and lists what lies in by-hash. */
async function releaseText(directory: string, fields: Readonly<Record<string, string>>): Promise<string> {
  const lines: string[] = []
  for (const path of await indexesIn(directory)) {
    const bytes = await readFile(path)
    const digest = createHash('sha256').update(bytes).digest('hex')
    lines.push(` ${digest} ${String(bytes.length).padStart(16)} ${relative(directory, path)}`)
  }
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`)
  return `${head.join('')}SHA256:\n${lines.join('\n')}\n`
}

async function indexesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('by-hash') && !entry.name.includes('Release'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

async function linkByHash(directory: string): Promise<void> {
  for (const path of await indexesIn(directory)) {
    const digest = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
    const place = join(dirname(path), 'by-hash', 'SHA256')
    await mkdir(place, { recursive: true })
    await copyFile(path, join(place, digest))
  }
}

export function dateText(seconds: number): string {
  return new Date(seconds * 1000).toUTCString().replace('GMT', 'UTC')
}

async function serveDirectory(
  directory: string,
  requests: string[],
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname)
    requests.push(`${request.method ?? ''} ${path}`)
    const answer = async (): Promise<void> => {
      const file = join(directory, path)
      const found = await stat(file).catch(() => undefined)
      if (found === undefined || !found.isFile()) return void response.writeHead(404).end('There is no such file.')
      const [, from] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? []
      const start = Number(from ?? 0)
      const length = found.size - start
      response.writeHead(from === undefined ? 200 : 206, {
        'content-length': length,
        ...(from !== undefined && { 'content-range': `bytes ${start}-${found.size - 1}/${found.size}` }),
      })
      if (request.method === 'HEAD' || length === 0) return void response.end()
      createReadStream(file, { start }).pipe(response)
    }
    answer().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
