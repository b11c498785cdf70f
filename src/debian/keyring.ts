/**
 * Public keys that somebody trusts, as gpg exports them: armored or binary, several in one file, with subkeys.
 *
 * Reading does not judge: an expired or revoked key is kept, so that a signature by it is refused with that reason and
 * not as one by a stranger.
 */
import * as openpgp from 'openpgp'
import { AshlarError } from '../common/errors.ts'

/** What a key is, for people and tables. */
export interface KeyFacts {
  /** Of the primary key: 40 upper-case hexadecimal digits (64 for version 6). */
  readonly fingerprint: string
  /** Of the subkeys. */
  readonly subkeyFingerprints: readonly string[]
  /** `Name <address>`, each as the key itself claims it. */
  readonly userIds: readonly string[]
  /** As gpg names it: `rsa4096`, `ed25519`. */
  readonly algorithm: string
  readonly createdAt: Date
  /** Null if it never expires. */
  readonly expiresAt: Date | null
  readonly revoked: boolean
  /** The public key alone, armored. */
  readonly armored: string
}

export interface Keyring {
  readonly keys: readonly openpgp.Key[]
}

/** Debian's own keyring of all developers has 20 MB; no workspace trusts so many. */
const maximumBytes = 8 * 2 ** 20
const armorBegin = '-----BEGIN PGP '

/**
 * Reads keys; copies of one key become one, so that a revocation in one of them counts. Text around armored blocks is
 * skipped, as gpg does.
 *
 * @param origin the file's name, for messages.
 * @throws AshlarError `keyring-invalid` for what is no public key, and for private ones, which belong on no server.
 */
export async function readKeyring(input: Uint8Array | string, origin: string): Promise<Keyring> {
  const bytes = Buffer.from(input)
  if (bytes.length > maximumBytes) throw new AshlarError('too-large', `${origin} has more than ${maximumBytes} bytes.`)
  const merged = new Map<string, openpgp.Key>()
  for (const key of await parseKeys(bytes, origin)) {
    if (key.isPrivate()) throw invalid(origin, 'is a private key: export the public one with `gpg --armor --export`')
    const known = merged.get(key.getFingerprint())
    merged.set(key.getFingerprint(), known === undefined ? key : await known.update(key))
  }
  if (merged.size === 0) throw invalid(origin, 'has no key')
  return { keys: [...merged.values()] }
}

/** The keys of several keyrings as one. */
export function joinKeyrings(keyrings: readonly Keyring[]): Keyring {
  return { keys: keyrings.flatMap((keyring) => keyring.keys) }
}

/** Every key of the keyring, as it stands at the moment `now`. */
export async function describeKeys(keyring: Keyring, now: Date): Promise<KeyFacts[]> {
  return Promise.all(keyring.keys.map((key) => describeKey(key, now)))
}

async function describeKey(key: openpgp.Key, now: Date): Promise<KeyFacts> {
  const expiry = await key.getExpirationTime()
  return {
    fingerprint: key.getFingerprint().toUpperCase(),
    subkeyFingerprints: key.subkeys.map((subkey) => subkey.getFingerprint().toUpperCase()),
    userIds: key.getUserIDs(),
    algorithm: algorithmName(key.getAlgorithmInfo()),
    createdAt: key.getCreationTime(),
    expiresAt: expiry instanceof Date ? expiry : null,
    revoked: await key.isRevoked(undefined, undefined, now),
    armored: key.toPublic().armor().replaceAll('\r\n', '\n'),
  }
}

function algorithmName({ algorithm, bits, curve }: openpgp.AlgorithmInfo): string {
  if (curve !== undefined) return curve.replace(/Legacy$/, '').replace(/^nistP/, 'nistp')
  const family = algorithm.startsWith('rsa') ? 'rsa' : algorithm
  return `${family}${bits ?? ''}`
}

async function parseKeys(bytes: Buffer, origin: string): Promise<openpgp.Key[]> {
  if (bytes.subarray(8, 12).toString('latin1') === 'KBXf') {
    throw invalid(origin, 'is a keybox of GnuPG: export its keys with `gpg --armor --export`')
  }
  try {
    if (!bytes.includes(armorBegin)) return await openpgp.readKeys({ binaryKeys: bytes })
    const blocks = armoredBlocks(bytes.toString('latin1'))
    return (await Promise.all(blocks.map((armoredKeys) => openpgp.readKeys({ armoredKeys })))).flat()
  } catch (error) {
    throw new AshlarError('keyring-invalid', `${origin} has no OpenPGP keys that can be read.`, { cause: error })
  }
}

/** Each from its beginning to its end; one that has no end before the next begins is none. */
function armoredBlocks(text: string): string[] {
  const [, ...begun] = text.split(armorBegin)
  return begun.flatMap((rest) => {
    const kind = /^[A-Z ]{1,40}(?=-----)/.exec(rest)?.[0]
    const end = `-----END PGP ${kind}-----`
    const place = kind === undefined ? -1 : rest.indexOf(end)
    return place === -1 ? [] : [`${armorBegin}${rest.slice(0, place)}${end}`]
  })
}

function invalid(origin: string, what: string): AshlarError {
  return new AshlarError('keyring-invalid', `${origin} ${what}.`)
}
