/** Disks that are really full: a small file system in memory, which takes the rights of root to mount. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '../support/apt-root.ts'
import { checkSuite } from '../support/check-archive.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

async function mounted(path: string, size: string): Promise<AsyncDisposable | string> {
  await mkdir(path, { recursive: true })
  const { code, output } = await run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', path])
  if (code !== 0) return `a file system cannot be mounted: ${output.trim()}`
  return {
    async [Symbol.asyncDispose]() {
      await run('umount', ['-l', path])
    },
  }
}

for (const what of ['of the packages', 'of the database'] as const) {
  test(`a full disk ${what} refuses uploads, goes on serving, and takes them when there is room`, async (t) => {
    await using home = await temporaryDirectory()
    const disk = join(home.path, 'disk')
    await using small = asDisposable(await mounted(disk, '16m'), (reason) => t.skip(reason))
    if (small === undefined) return
    // Both lie in the data directory, or the database alone on the small disk.
    const database = what === 'of the database' ? `sqlite:${join(disk, 'ashlar.db')}` : undefined
    const wish = { home: database === undefined ? disk : home.path, ...(database === undefined ? {} : { database }) }
    await using server = await serve(wish)
    await server.workspace.createSuite({ name: 'stable' })
    const deb = (name: string, sizeBytes: number): Promise<string> => packageFile(home.path, name, sizeBytes)
    const upload = async (file: string) => server.ashlar('upload', '--suite', 'stable', file)
    assert.equal((await upload(await deb('kept', 1000))).code, 0)

    // Leaves no room even for small things.
    const ballast = join(disk, 'ballast')
    const { bavail, bsize } = await statfs(disk)
    await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 64 * 1024)))
    const refused = await upload(await deb('refused', 2_000_000))
    assert.equal(refused.code, 1, refused.stderr)
    assert.match(refused.stderr, /no room|disk .* full/)
    assert.deepEqual((await checkSuite(server.apt, 'stable')).packages, ['kept 1.0 all'])
    const { status } = await fetch(`${server.url}/healthz`)
    assert.ok(status === 200 || status === 503, `${status}`)

    await rm(ballast)
    const taken = await upload(await deb('refused', 2_000_000))
    assert.equal(taken.code, 0, taken.stderr)
    await server.kill()
    await using again = await serve(wish)
    assert.deepEqual((await checkSuite(again.apt, 'stable')).packages, ['kept 1.0 all', 'refused 1.0 all'])
  })
}

function asDisposable(mount: AsyncDisposable | string, skip: (reason: string) => void): AsyncDisposable | undefined {
  if (typeof mount !== 'string') return mount
  skip(mount)
  return undefined
}

/** Many paths, so that the database has something to keep too. */
async function packageFile(folder: string, name: string, sizeBytes: number): Promise<string> {
  const file = join(folder, `${name}_1.0_all.deb`)
  const paths = Array.from({ length: sizeBytes / 1000 }, (_, i) => [`usr/share/${name}/${'d'.repeat(60)}/${i}`, 'x'])
  const files = { [`usr/share/${name}/large`]: randomBytes(sizeBytes), ...Object.fromEntries(paths) }
  await writeFile(file, makeDeb({ name, version: '1.0', files: files as Record<string, Buffer | string> }))
  return file
}
