/**
 * A machine as apt sees one: directories, sources, keys, installed packages and configuration of its own. The program
 * is the real apt of this machine, or of another release in a directory (other-release.ts); nothing of what is
 * configured here is read.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface AptWish {
  /** The root directory of another release; default: this machine. */
  readonly release?: string
  /** Default `amd64`. */
  readonly architecture?: string
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>
}

export interface AptRan {
  /** Exit status. */
  readonly code: number
  readonly stdout: string
  /** Both streams, in order of their kinds. */
  readonly output: string
}

export interface AptRoot extends AsyncDisposable {
  /** Where it lies, seen from here. */
  readonly path: string
  /** Writes a source: a deb822 stanza, as `ashlar suite sources` prints it. */
  source(stanza: string, name?: string): Promise<void>
  /** Writes etc/apt/auth.conf. */
  authenticate(text: string): Promise<void>
  get(...words: string[]): Promise<AptRan>
  cache(...words: string[]): Promise<AptRan>
  /** `apt-get update`, where any failure is a failure. */
  update(...words: string[]): Promise<AptRan>
  /** The versions that could be installed, as apt-cache madison has them: `name version` in order. */
  available(...names: string[]): Promise<string[]>
  /** Downloads into a fresh folder; the bytes by file name. */
  download(...words: string[]): Promise<Map<string, Buffer>>
  /** A file of the machine: `var/lib/apt/lists/...`. */
  file(path: string): string
}

/** Debian's apt is everywhere where there is apt-get. @returns why it cannot run here, if so. */
export async function aptMissing(): Promise<string | undefined> {
  const { code } = await run('apt-get', ['--version'], {}).catch(() => ({ code: 127 }))
  return code === 0 ? undefined : 'there is no apt-get on this machine'
}

export async function aptRoot(wish: AptWish = {}): Promise<AptRoot> {
  const outer = wish.release ?? ''
  const path = await mkdtemp(join(wish.release === undefined ? tmpdir() : join(wish.release, 'tmp'), 'ashlar-apt-'))
  const inner = path.slice(outer.length)
  const folders = ['etc/apt/sources.list.d', 'etc/apt/preferences.d', 'etc/apt/apt.conf.d', 'etc/apt/trusted.gpg.d']
  const state = [
    'var/lib/apt/lists/partial',
    'var/cache/apt/archives/partial',
    'var/lib/dpkg/info',
    'var/log/apt',
    'downloads',
  ]
  for (const folder of [...folders, ...state, 'var/lib/dpkg/updates'])
    await mkdir(join(path, folder), { recursive: true })
  await writeFile(join(path, 'var/lib/dpkg/status'), '')
  await writeFile(join(path, 'apt.conf'), configuration(inner, wish.architecture ?? 'amd64'))
  const runTool = async (tool: string, words: readonly string[]): Promise<AptRan> => {
    const own = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', APT_CONFIG: join(inner, 'apt.conf') }
    const env = { ...own, ...wish.env }
    const command = [tool, ...words]
    if (wish.release === undefined) return run(tool, words, { cwd: join(path, 'downloads'), env })
    return run('chroot', [wish.release, 'env', '-C', join(inner, 'downloads'), ...command], { env })
  }
  return {
    path,
    source: (stanza, name = 'ashlar') => writeFile(join(path, `etc/apt/sources.list.d/${name}.sources`), stanza),
    authenticate: (text) => writeFile(join(path, 'etc/apt/auth.conf'), text, { mode: 0o600 }),
    get: (...words) => runTool('apt-get', words),
    cache: (...words) => runTool('apt-cache', words),
    update: (...words) => runTool('apt-get', ['update', '-o', 'APT::Update::Error-Mode=any', ...words]),
    async available(...names) {
      const { stdout } = await runTool('apt-cache', ['madison', ...names])
      const rows = stdout
        .trim()
        .split('\n')
        .filter((line) => line !== '')
      return rows.map((line) =>
        line
          .split('|')
          .slice(0, 2)
          .map((cell) => cell.trim())
          .join(' '),
      )
    },
    async download(...words) {
      const folder = join(path, 'downloads')
      await rm(folder, { recursive: true })
      await mkdir(folder)
      const { code, output } = await runTool('apt-get', words)
      if (code !== 0) throw new Error(`apt-get ${words.join(' ')} gives ${code}: ${output}`)
      const names = await readdir(folder)
      return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)))
    },
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Read before anything else: with `Dir` set here, nothing of the machine's /etc/apt is found. */
function configuration(root: string, architecture: string): string {
  return `
Dir "${root}";
Dir::State::status "${root}/var/lib/dpkg/status";
Dir::Log "var/log/apt";
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
Acquire::http::Proxy "DIRECT";
Acquire::Retries "0";
Debug::NoLocking "true";
DPkg::Options { "--root=${root}"; "--force-not-root"; "--force-script-chrootless"; "--force-bad-path"; "--log=/dev/null"; };
DPkg::Path "";
quiet "1";
`
}

interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a program to its end; a failure is an exit status. @throws if it cannot be started */
export async function run(program: string, words: readonly string[], options: RunOptions = {}): Promise<AptRan> {
  return new Promise((resolve, reject) => {
    execFile(program, [...words], { ...options, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      if (typeof code === 'number') resolve({ code, stdout, output: stdout + stderr })
      else reject(error ?? new Error(`${program} failed`))
    })
  })
}
