/** aptly and reprepro as their users set them up: one repository, signed, gz and (reprepro on wish) xz. */
import { execFile } from 'node:child_process'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Cost, cost } from './measure.ts'

const run = promisify(execFile)

export interface Peer {
  readonly name: string
  /** Everything into an empty repository, published. */
  first(directory: string): Promise<Cost>
  /** One more package, published. */
  add(deb: string): Promise<Cost>
}

/** The programs of the list that are not installed. */
export async function missingPrograms(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    names.map((name) =>
      run('which', [name]).then(
        () => true,
        () => false,
      ),
    ),
  )
  return names.filter((_, index) => found[index] !== true)
}

/** A key of their own: the user's keyring is not touched. */
export async function signingHome(root: string): Promise<Readonly<Record<string, string>>> {
  const GNUPGHOME = join(root, 'gnupg')
  await mkdir(GNUPGHOME, { recursive: true, mode: 0o700 })
  const listed = await run('gpg', ['--list-secret-keys', '--with-colons'], { env: { ...process.env, GNUPGHOME } })
  if (!listed.stdout.includes('bench')) {
    const parameters = ['--batch', '--passphrase', '', '--quick-gen-key', 'bench', 'rsa3072', 'sign', 'never']
    await run('gpg', parameters, { env: { ...process.env, GNUPGHOME } })
  }
  return { GNUPGHOME }
}

export async function aptly(root: string, env: Readonly<Record<string, string>>): Promise<Peer> {
  const home = join(root, 'aptly')
  await rm(home, { recursive: true, force: true })
  await mkdir(home, { recursive: true })
  const config = join(home, 'aptly.conf')
  await writeFile(config, JSON.stringify({ rootDir: home, gpgDisableSign: false }))
  const call = (...words: string[]): Promise<Cost> => cost('aptly', [`-config=${config}`, ...words], { env })
  await call('repo', 'create', '-distribution=t', '-component=main', 'r')
  return {
    name: 'aptly',
    async first(directory) {
      return sum([
        await call('repo', 'add', 'r', directory),
        await call('publish', 'repo', '-batch', '-gpg-key=bench', '-architectures=amd64', 'r'),
      ])
    },
    async add(deb) {
      return sum([
        await call('repo', 'add', 'r', deb),
        await call('publish', 'update', '-batch', '-gpg-key=bench', 't'),
      ])
    },
  }
}

export async function reprepro(
  root: string,
  env: Readonly<Record<string, string>>,
  options: { readonly xz: boolean },
): Promise<Peer> {
  const base = join(root, `reprepro${options.xz ? '-xz' : ''}`)
  await rm(base, { recursive: true, force: true })
  await mkdir(join(base, 'conf'), { recursive: true })
  const indices = `Packages Release . .gz${options.xz ? ' .xz' : ''}`
  await writeFile(
    join(base, 'conf/distributions'),
    `Codename: t\nSuite: t\nArchitectures: amd64\nComponents: main\nSignWith: bench\nDebIndices: ${indices}\n`,
  )
  const call = (...words: string[]): Promise<Cost> =>
    cost('reprepro', ['-b', base, '--ignore=wrongdistribution', ...words], { env })
  return {
    name: options.xz ? 'reprepro (gz, xz)' : 'reprepro (gz only)',
    async first(directory) {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true })
      const debs = entries
        .filter((entry) => entry.name.endsWith('.deb'))
        .map((entry) => join(entry.parentPath, entry.name))
      const costs: Cost[] = []
      for (let start = 0; start < debs.length; start += 2000) {
        costs.push(await call('--export=silent-never', 'includedeb', 't', ...debs.slice(start, start + 2000)))
      }
      return sum([...costs, await call('export', 't')])
    },
    add: (deb) => call('includedeb', 't', deb),
  }
}

function sum(costs: readonly Cost[]): Cost {
  return {
    wallSeconds: costs.reduce((total, one) => total + one.wallSeconds, 0),
    cpuSeconds: costs.reduce((total, one) => total + one.cpuSeconds, 0),
    peakBytes: Math.max(...costs.map((one) => one.peakBytes)),
  }
}
