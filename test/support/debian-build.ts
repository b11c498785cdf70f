/** Uploads as developers build them: by dpkg-source, dpkg-deb, dpkg-genbuildinfo and dpkg-genchanges, signed by gpg. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GpgHome } from './gpg.ts'

export interface BuildRecipe {
  readonly name: string
  /** With a revision it is a 3.0 (quilt) package with an .orig, without one 3.0 (native). */
  readonly version: string
  readonly distribution?: string
  /** `source`: only that; `binary`: only the .deb. */
  readonly only?: 'source' | 'binary'
  /** Leave the .orig out of the .changes (`-sd`). */
  readonly withoutOrig?: boolean
  /** Who signs the .dsc and the .changes; default: nobody. */
  readonly signer?: { readonly home: GpgHome; readonly key: string; readonly at?: number }
}

export interface BuiltUpload {
  readonly directory: string
  /** Path of the .changes. */
  readonly changes: string
  /** Names of the files that it lists, in its order. */
  readonly files: readonly string[]
}

const dateText = 'Mon, 23 Nov 2026 08:00:00 +0000'

/** Builds in a directory; what an earlier build left there (an .orig) is used. */
export async function buildUpload(directory: string, recipe: BuildRecipe): Promise<BuiltUpload> {
  const { name, version, distribution = 'unstable', only, signer } = recipe
  const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '')
  const isNative = !version.includes('-')
  const tree = join(directory, `${name}-${upstream}`)
  await rm(tree, { recursive: true, force: true })
  await mkdir(tree, { recursive: true })
  await writeFile(join(tree, 'README'), `${name} ${upstream}\n`)
  const orig = join(directory, `${name}_${upstream}.orig.tar.gz`)
  const run = (program: string, words: readonly string[], cwd = tree): string =>
    execFileSync(program, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (!isNative && !existsSync(orig)) run('tar', ['czf', orig, '--mtime=@0', `${name}-${upstream}`], directory)
  await mkdir(join(tree, 'debian/source'), { recursive: true })
  await writeFile(join(tree, 'debian/source/format'), isNative ? '3.0 (native)\n' : '3.0 (quilt)\n')
  await writeFile(join(tree, 'debian/control'), controlOf(name))
  await writeFile(join(tree, 'debian/rules'), '#!/usr/bin/make -f\n')
  await chmod(join(tree, 'debian/rules'), 0o755)
  const entry = `${name} (${version}) ${distribution}; urgency=medium\n\n  * Made.\n\n -- Maker <maker@example.org>  ${dateText}\n`
  await writeFile(join(tree, 'debian/changelog'), entry)
  const plain = version.replace(/^\d+:/, '')
  if (only !== 'binary') {
    run('dpkg-source', ['-b', tree], directory)
    const dsc = join(directory, `${name}_${plain}.dsc`)
    if (signer !== undefined) await sign(dsc, signer)
  }
  if (only !== 'source') {
    const root = join(directory, 'root')
    await rm(root, { recursive: true, force: true })
    await mkdir(join(root, 'DEBIAN'), { recursive: true })
    await mkdir(join(root, 'usr/share/doc', name), { recursive: true })
    await writeFile(join(root, 'usr/share/doc', name, 'copyright'), `${name} ${version}\n`)
    await writeFile(join(tree, 'debian/files'), `${name}_${plain}_all.deb misc optional\n`)
    run('dpkg-gencontrol', [`-p${name}`, '-fdebian/files', `-P${root}`])
    run('dpkg-deb', ['--root-owner-group', '--build', root, join(directory, `${name}_${plain}_all.deb`)])
  }
  const kind = only === undefined ? 'full' : only
  const architecture = kind === 'source' ? 'source' : kind === 'binary' ? 'all' : 'amd64'
  const buildinfo = join(directory, `${name}_${plain}_${architecture}.buildinfo`)
  run('dpkg-genbuildinfo', [`--build=${kind}`, `-O${buildinfo}`])
  const selection = recipe.withoutOrig === true ? ['-sd'] : ['-sa']
  const changes = join(directory, `${name}_${plain}_${architecture}.changes`)
  run('dpkg-genchanges', [`--build=${kind}`, ...selection, `-O${changes}`])
  if (signer !== undefined) await sign(changes, signer)
  const text = await readFile(changes, 'utf8')
  const list = /^Files:\n((?: .*\n)+)/m.exec(text)?.[1] ?? ''
  const files = list
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' ').at(-1) ?? '')
  await rm(tree, { recursive: true })
  return { directory, changes, files }
}

/** Signs a file in place, as debsign does. */
export async function sign(path: string, { home, key, at }: NonNullable<BuildRecipe['signer']>): Promise<void> {
  const text = await readFile(path, 'utf8')
  await writeFile(path, home.clearsign(text, { by: key, ...(at === undefined ? {} : { at }) }))
}

/** The programs that builds need. @returns which is missing. */
export function buildToolMissing(): string | undefined {
  for (const tool of ['dpkg-source', 'dpkg-genchanges', 'dpkg-deb', 'gpg']) {
    try {
      execFileSync(tool, ['--version'], { stdio: 'ignore' })
    } catch {
      return `${tool} is not installed`
    }
  }
  return undefined
}

function controlOf(name: string): string {
  return `Source: ${name}
Section: misc
Priority: optional
Maintainer: Maker <maker@example.org>
Standards-Version: 4.6.2

Package: ${name}
Architecture: all
Description: made for a test
 Of an upload.
`
}
