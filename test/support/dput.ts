/** The real dput and dput-ng. Debian lets only one of them be installed, so the other is unpacked into a directory. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Dput {
  readonly command: readonly string[]
}

export interface DputRan {
  readonly code: number | null
  /** Both streams. */
  readonly output: string
}

export interface DputWish {
  /** Holds .dput.cf and is HOME. */
  readonly home: string
  readonly gnupgHome: string
  readonly words: readonly string[]
  /** What is typed at the prompt for a password. */
  readonly password?: string
}

/** Each by its package; or, if it is not to be had, why not. */
export function findDput(name: 'dput' | 'dput-ng'): Dput | string {
  const script = { dput: 'usr/share/dput/execute-dput', 'dput-ng': 'usr/bin/dput' }[name]
  const place = join(tmpdir(), `ashlar-${name}`)
  if (name === 'dput-ng' && spawnSync('dpkg', ['-s', name], { encoding: 'utf8' }).stdout.includes('ok installed')) {
    return { command: ['/usr/bin/dput'] }
  }
  try {
    if (!existsSync(join(place, script))) unpack(name, place)
    execFileSync('/usr/bin/python3', ['-c', 'import debian, gpg, xdg'], { stdio: 'ignore' })
  } catch (error) {
    return `${name} is not to be had here: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`
  }
  return { command: ['/usr/bin/python3', join(place, script)] }
}

function unpack(name: string, place: string): void {
  mkdirSync(place, { recursive: true })
  const [cached] = globSync(`/var/cache/apt/archives/${name}_*.deb`)
  if (cached === undefined) execFileSync('apt-get', ['download', '-qq', name], { cwd: place, stdio: 'pipe' })
  const deb = cached ?? join(place, globSync(`${name}_*.deb`, { cwd: place })[0] ?? '')
  execFileSync('dpkg-deb', ['-x', deb, place])
}

/** Runs it without a terminal, so that a prompt for a password reads what it is given. */
export async function runDput({ command }: Dput, wish: DputWish): Promise<DputRan> {
  const [program = '', ...first] = command
  const child = spawn(program, [...first, '-c', join(wish.home, 'dput.cf'), ...wish.words], {
    cwd: wish.home,
    // Its own session: there is no terminal to open.
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: wish.home, GNUPGHOME: wish.gnupgHome, LC_ALL: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stdin.on('error', () => {})
  child.stdin.end(wish.password === undefined ? '' : `${wish.password}\n`)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}
