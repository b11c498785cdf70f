/**
 * Signatures of archives, in process: made so that gpgv, sqv and every apt since Debian 12 accept them.
 *
 * Keys are version 4 with EdDSA over ed25519 ("legacy" in RFC 9580): apt 2.6 knows no newer kind.
 */
import * as openpgp from 'openpgp'
import { AshlarError } from '../common/errors.ts'

export interface ArchiveKey {
  /** Armored, not protected by a passphrase. */
  readonly privateKey: string
  /** Armored. */
  readonly publicKey: string
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string
}

export interface ReleaseSignatures {
  /** Armored; for `formatInRelease`. */
  readonly clearSignature: string
  /** Armored: the Release.gpg. */
  readonly detachedSignature: string
}

/** Keys that are ready to sign. */
export interface ReleaseSigner {
  readonly fingerprints: readonly string[]
  /**
   * Signs a Release with every key. Equal text and date give equal signatures.
   *
   * @param text ends with a newline; no line ends with a blank, which the clear-text framework would not keep.
   * @param date when it is signed, to the second.
   */
  signRelease(text: string, date: Date): Promise<ReleaseSignatures>
}

/** A key is dated back, so that a client whose clock is somewhat behind accepts what is signed at once. */
const backdatedMs = 3_600_000

const config = {
  // A random notation in each signature would make equal input give different output.
  nonDeterministicSignaturesViaNotation: false,
  preferredHashAlgorithm: openpgp.enums.hash.sha512,
} as const

/** A new key that can do nothing but sign and never expires. @param options.name the user id, `Ashlar archive local/main`. */
export async function generateArchiveKey(options: { readonly name: string; readonly date: Date }): Promise<ArchiveKey> {
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: options.name }],
    subkeys: [],
    date: new Date(options.date.getTime() - backdatedMs),
    format: 'object',
    config,
  })
  return {
    privateKey: withUnixLines(privateKey.armor()),
    publicKey: withUnixLines(publicKey.armor()),
    fingerprint: publicKey.getFingerprint().toUpperCase(),
  }
}

/** Reads armored private keys once, for many signatures. @throws AshlarError `signature-invalid` for what is no usable key. */
export async function loadSigner(privateKeys: readonly string[]): Promise<ReleaseSigner> {
  if (privateKeys.length === 0) throw new AshlarError('signature-invalid', 'There is no key to sign with.')
  const signingKeys = await Promise.all(privateKeys.map(readSigningKey))
  return {
    fingerprints: signingKeys.map((key) => key.getFingerprint().toUpperCase()),
    async signRelease(text, date) {
      if (!text.endsWith('\n') || /[ \t\r]$/m.test(text))
        throw new Error('A Release has lines without blanks at their ends.')
      // The newline before the signature belongs to the frame.
      const clearText = await openpgp.createCleartextMessage({ text: text.slice(0, -1) })
      const message = await openpgp.createMessage({ binary: Buffer.from(text) })
      const clear = await openpgp.sign({ message: clearText, signingKeys, date, config })
      const detached = await openpgp.sign({ message, signingKeys, date, detached: true, config })
      const clearSignature = withUnixLines(clear.slice(clear.lastIndexOf('-----BEGIN PGP SIGNATURE-----')))
      await requireSha512(clearSignature)
      return { clearSignature, detachedSignature: withUnixLines(detached) }
    },
  }
}

/** The keys as gpgv and apt read them from a `.gpg` file: binary, one after the other. */
export async function binaryPublicKeys(publicKeys: readonly string[]): Promise<Buffer> {
  const keys = await Promise.all(publicKeys.map((armoredKey) => openpgp.readKey({ armoredKey })))
  return Buffer.concat(keys.map((key) => key.toPublic().write()))
}

async function readSigningKey(armoredKey: string): Promise<openpgp.PrivateKey> {
  try {
    const key = await openpgp.readPrivateKey({ armoredKey })
    if (key.isDecrypted()) return key
  } catch (error) {
    throw new AshlarError('signature-invalid', 'A signing key cannot be read.', { cause: error })
  }
  throw new AshlarError('signature-invalid', 'A signing key is protected by a passphrase.')
}

/** The frame of an InRelease names one hash for all signatures. */
async function requireSha512(armoredSignature: string): Promise<void> {
  const { packets } = await openpgp.readSignature({ armoredSignature })
  if (packets.every((packet) => packet.hashAlgorithm === openpgp.enums.hash.sha512)) return
  throw new AshlarError('signature-invalid', 'A signing key refuses SHA-512; its preferences must allow it.')
}

function withUnixLines(text: string): string {
  return text.replaceAll('\r\n', '\n')
}
