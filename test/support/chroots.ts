/** Systems in a directory, made by debootstrap and mmdebstrap from a suite of a server. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './apt-root.ts'
import { minimalRelease } from './minimal-system.ts'

/** Where the packages come from. */
export interface Origin {
  /** The archive, or a snapshot of it: what stands before `dists/`. */
  readonly archive: string
  readonly suite: string
  /** The key that it has to be signed with. */
  readonly keyring: string
}

export interface Wish {
  /** Where it is made; must not exist. */
  readonly path: string
  /** Packages beside those that the tool takes by itself. */
  readonly include?: readonly string[]
}

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' }

/** Fetches the key of an archive into a folder. */
export async function fetchedKeyring(archive: string, folder: string): Promise<string> {
  const answer = await fetch(`${archive.replace(/snapshot\/[^/]+\/$/, '')}archive-key.gpg`)
  assert.equal(answer.status, 200)
  const path = join(folder, 'archive-key.gpg')
  await writeFile(path, Buffer.from(await answer.arrayBuffer()))
  return path
}

/** The smallest system that debootstrap makes, with all its packages configured; or only their files, downloaded. */
export async function debootstrap(origin: Origin, wish: Wish & { readonly downloadOnly?: boolean }): Promise<void> {
  const include = wish.include === undefined ? [] : [`--include=${wish.include.join(',')}`]
  const options = ['--variant=minbase', '--arch=amd64', '--force-check-gpg', `--keyring=${origin.keyring}`, ...include]
  if (wish.downloadOnly === true) options.push('--download-only')
  const script = `/usr/share/debootstrap/scripts/${minimalRelease}`
  const words = [...options, origin.suite, wish.path, origin.archive, script]
  const { code, output } = await run('debootstrap', words, { env })
  assert.equal(code, 0, `debootstrap ${words.join(' ')}: ${output.slice(-3000)}`)
}

/**
 * What mmdebstrap makes.
 *
 * @param variant `apt`: a system with apt, all of it configured; `extract`: only what is included, unpacked
 */
export async function mmdebstrap(origin: Origin, wish: Wish & { readonly variant: 'apt' | 'extract' }): Promise<void> {
  const include = wish.include === undefined ? [] : [`--include=${wish.include.join(',')}`]
  const options = ['--quiet', '--mode=root', '--format=directory', '--architectures=amd64', `--variant=${wish.variant}`]
  // Else it takes usrmerge, and all of perl with it.
  options.push('--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr')
  const source = `deb [signed-by=${origin.keyring}] ${origin.archive} ${origin.suite} main`
  const words = [...options, ...include, origin.suite, wish.path, source]
  const { code, output } = await run('mmdebstrap', words, { env })
  assert.equal(code, 0, `mmdebstrap ${words.join(' ')}: ${output.slice(-3000)}`)
}

/** What dpkg says in the system of each package: `name version`, for those that are installed whole. */
export async function installedIn(path: string): Promise<string[]> {
  const format = '${Package} ${Version}\\t${Status}\\n'
  const { code, stdout, output } = await run('chroot', [path, 'dpkg-query', '-W', '-f', format], { env })
  assert.equal(code, 0, output)
  return stdout.split('\n').flatMap((line) => {
    const [name = '', status] = line.split('\t')
    return status === 'install ok installed' ? [name] : []
  })
}
