/**
 * The real packages of which debootstrap and mmdebstrap make a minimal Debian, and a real source package: fetched from
 * Debian once, by this machine's apt in a root of its own, and kept below the system's temporary directory.
 */
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aptRoot, run } from './apt-root.ts'

/** Its scripts are those that debootstrap takes, whatever the suite is called that has the packages. */
export const minimalRelease = 'bookworm'

export interface MinimalSystem {
  /** Paths of about a hundred .debs for amd64. */
  readonly debs: readonly string[]
  /** The .dsc of hello, beside its files. */
  readonly dsc: string
}

const mirror = process.env['ASHLAR_TEST_MIRROR'] ?? 'http://deb.debian.org/debian'
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
/** debootstrap asks for this one by name, beside what is required. */
const packages = ['?priority(required)', 'apt', 'usr-is-merged']

export async function minimalSystem(): Promise<MinimalSystem | { readonly missing: string }> {
  if (process.getuid?.() !== 0) return { missing: 'a chroot takes the rights of root' }
  const path = join(tmpdir(), 'ashlar-test-minimal')
  const present = await readdir(path).catch((): string[] => [])
  if (present.length > 0) return found(path)
  const fresh = `${path}.${process.pid}`
  try {
    await mkdir(fresh)
    await fetchInto(fresh)
    await rename(fresh, path).catch(async (error: unknown) => {
      // Another test file was faster.
      if ((await readdir(path)).length === 0) throw error
    })
    return await found(path)
  } catch (error) {
    return { missing: `the packages of ${minimalRelease} could not be fetched: ${String(error)}` }
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

async function fetchInto(folder: string): Promise<void> {
  await using apt = await aptRoot()
  await apt.source(
    `Types: deb deb-src\nURIs: ${mirror}\nSuites: ${minimalRelease}\nComponents: main\nSigned-By: ${keyring}\n`,
  )
  const quick = ['-o', 'Acquire::Languages=none', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::Retries=2']
  const steps = [
    ['update', '-o', 'Acquire::Check-Valid-Until=false'],
    ['install', '--download-only', '--no-install-recommends', ...packages],
    ['source', '--download-only', 'hello'],
  ]
  for (const step of steps) {
    const { code, output } = await apt.get(...quick, ...step)
    if (code !== 0) throw new Error(`apt-get ${step.join(' ')} ended with ${code}: ${output.slice(-500)}`)
  }
  for (const from of [apt.file('var/cache/apt/archives'), apt.file('downloads')]) {
    for (const entry of await readdir(from, { withFileTypes: true })) {
      // apt writes an epoch as %3a; here it is left out, as in a pool.
      const name = entry.name.replace(/_\d+%3a/, '_')
      if (entry.isFile() && entry.name !== 'lock') await copyFile(join(from, entry.name), join(folder, name))
    }
  }
}

async function found(path: string): Promise<MinimalSystem> {
  const names = (await readdir(path)).toSorted()
  const dsc = names.find((name) => name.endsWith('.dsc'))
  if (dsc === undefined) throw new Error(`${path} has no source package; remove it, and it is fetched again`)
  return { debs: names.filter((name) => name.endsWith('.deb')).map((name) => join(path, name)), dsc: join(path, dsc) }
}

/** The names of the tools that are not installed. */
export async function toolsMissing(...tools: readonly string[]): Promise<string | undefined> {
  const path = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  const missing: string[] = []
  for (const tool of tools) {
    if ((await run('sh', ['-c', `command -v ${tool}`], { env: path })).code !== 0) missing.push(tool)
  }
  return missing.length === 0 ? undefined : `there is no ${missing.join(', no ')} on this machine`
}
