/** A GnuPG home of its own for a test: keys made, and texts signed, by the real gpg. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface KeyRecipe {
  /** `ed25519` (default), `rsa2048`, `dsa2048`; for a primary key that signs. */
  readonly algorithm?: string
  /** `1d`, `2y` or `never` (default). */
  readonly expires?: string
  /** When it is made, as seconds since 1970; default: now. */
  readonly at?: number
}

export interface SignOptions {
  /** Fingerprints; several make several signatures. */
  readonly by: string | readonly string[]
  readonly digest?: string
  readonly at?: number
  readonly more?: readonly string[]
}

export class GpgHome {
  readonly directory = mkdtempSync(join(tmpdir(), 'ashlar-gpg-'))

  close(): void {
    spawnSync('gpgconf', ['--homedir', this.directory, '--kill', 'all'])
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Makes a key that signs; answers its fingerprint. */
  key(userId: string, recipe: KeyRecipe = {}): string {
    const { algorithm = 'ed25519', expires = 'never', at } = recipe
    const status = this.run(
      ['--status-fd', '1', '--quick-generate-key', userId, algorithm, 'sign', expires],
      '',
      at,
    ).toString()
    const fingerprint = /KEY_CREATED P ([0-9A-F]+)/.exec(status)?.[1]
    if (fingerprint === undefined) throw new Error(`gpg made no key: ${status}`)
    return fingerprint
  }

  /** Adds a subkey that signs. */
  subkey(fingerprint: string, recipe: KeyRecipe = {}): void {
    const { algorithm = 'ed25519', expires = 'never', at } = recipe
    this.run(['--quick-add-key', fingerprint, algorithm, 'sign', expires], '', at)
  }

  /** Revokes a key by the certificate that gpg made together with it. */
  revoke(fingerprint: string): void {
    const path = join(this.directory, 'openpgp-revocs.d', `${fingerprint}.rev`)
    const certificate = readFileSync(path, 'utf8').replace(':-----BEGIN', '-----BEGIN')
    this.run(['--import'], certificate)
  }

  clearsign(text: string, options: SignOptions): string {
    return this.run([...signArguments(options), '--clearsign'], text, options.at).toString()
  }

  /** Armored. */
  detach(text: string, options: SignOptions): string {
    return this.run([...signArguments(options), '--armor', '--detach-sign'], text, options.at).toString()
  }

  /** The public keys, all if none is named. */
  armored(...fingerprints: string[]): string {
    return this.run(['--armor', '--export', ...fingerprints]).toString()
  }

  binary(...fingerprints: string[]): Buffer {
    return this.run(['--export', ...fingerprints])
  }

  /**
   * What gpgv says, with the hashes that apt refuses refused: its status words, and whether apt would accept.
   *
   * @param signed one clear-signed file, or a signature and what it signs.
   */
  gpgv(keyring: Buffer, ...signed: readonly string[]): { words: string[]; good: boolean } {
    const keyringPath = join(this.directory, 'gpgv-keyring.gpg')
    writeFileSync(keyringPath, keyring)
    const paths = signed.map((content, place) => {
      const path = join(this.directory, `gpgv-input-${place}`)
      writeFileSync(path, content)
      return path
    })
    const weak = ['--weak-digest', 'SHA1', '--weak-digest', 'RIPEMD160']
    const run = spawnSync('gpgv', [...weak, '--status-fd', '1', '--keyring', keyringPath, ...paths], {
      encoding: 'utf8',
    })
    const words = Array.from(run.stdout.matchAll(/^\[GNUPG:\] (\S+)/gm), ([, word = '']) => word)
    return { words, good: words.includes('GOODSIG') }
  }

  run(args: readonly string[], input: string | Buffer = '', at?: number): Buffer {
    const time = at === undefined ? [] : ['--faked-system-time', `${at}!`]
    const loopback = ['--batch', '--yes', '--pinentry-mode', 'loopback', '--passphrase', '']
    const all = ['--homedir', this.directory, '--quiet', ...loopback, ...time, ...args]
    return execFileSync('gpg', all, { input, stdio: ['pipe', 'pipe', 'pipe'] })
  }
}

function signArguments({ by, digest, more = [] }: SignOptions): string[] {
  const keys = (typeof by === 'string' ? [by] : by).flatMap((fingerprint) => ['--local-user', fingerprint])
  return [...keys, ...(digest === undefined ? [] : ['--digest-algo', digest]), ...more]
}
