/** The Release of an upstream suite, believed only as far as its signature goes. */
import { hash } from 'node:crypto'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Keyring } from '../debian/keyring.ts'
import { parseUpstreamRelease, type UpstreamRelease } from '../debian/upstream-release.ts'
import { verifyClearsigned, verifyDetached } from '../debian/verify-signature.ts'
import { directoryOf, isFlat } from './flat-archive.ts'
import type { MirrorSettings } from './mirror-settings.ts'
import type { Upstream } from './upstream.ts'
import type { UpstreamState } from './upstream-state.ts'

export interface SignedRelease {
  readonly release: UpstreamRelease
  /** Of the text that was signed. */
  readonly digest: Sha256
  readonly signers: readonly string[]
  /** What it is, for messages. */
  readonly origin: string
}

const maximumBytes = 8 * 2 ** 20
const maximumSignatureBytes = 2 ** 20
/** Further ahead of our clock, a date would make every later Release look older. */
const skewSeconds = 3600

/**
 * InRelease, or Release with Release.gpg where there is none.
 * @throws AshlarError signature-invalid, control-invalid, upstream-failed, upstream-lacks
 */
export async function fetchRelease(
  upstream: Upstream,
  suite: string,
  keyring: Keyring,
  now: Date,
): Promise<SignedRelease> {
  const base = directoryOf(suite)
  const inRelease = await upstream.read(`${base}InRelease`, maximumBytes)
  if (inRelease !== undefined) {
    const origin = `${upstream.url}${base}InRelease`
    const { text, signers } = await verifyClearsigned(inRelease.toString('utf8'), keyring, { origin, now })
    return signedRelease(text, signers, origin)
  }
  const origin = `${upstream.url}${base}Release`
  const text = await upstream.read(`${base}Release`, maximumBytes)
  if (text === undefined) throw new AshlarError('upstream-lacks', `${upstream.url} has no suite ${suite}.`)
  const signature = await upstream.read(`${base}Release.gpg`, maximumSignatureBytes)
  if (signature === undefined) {
    throw new AshlarError('signature-invalid', `${origin} is not signed: there is no InRelease and no Release.gpg.`)
  }
  const signers = await verifyDetached(text, signature, keyring, { origin, now })
  return signedRelease(text.toString('utf8'), signers, origin)
}

function signedRelease(
  text: string,
  signers: readonly { readonly fingerprint: string }[],
  origin: string,
): SignedRelease {
  return {
    release: parseUpstreamRelease(text, origin),
    digest: hash('sha256', text) as Sha256,
    signers: signers.map((signer) => signer.fingerprint),
    origin,
  }
}

/**
 * Refuses a Release that is signed and yet not the one to take over: of another suite, from the past, or not to be
 * relied on any more.
 * @throws AshlarError upstream-failed
 */
export function requireUsable(
  { release, origin }: SignedRelease,
  mirror: { readonly settings: MirrorSettings; readonly state: UpstreamState | null },
  now: Date,
  options: { readonly acceptsOtherCodename?: boolean } = {},
): void {
  const { settings } = mirror
  const state = mirror.state?.isOfAnother === true ? null : mirror.state
  const refuse = (sentence: string): never => {
    throw new AshlarError('upstream-failed', `${origin} ${sentence}`)
  }
  if (!isOfSuite(release, settings)) {
    const own = [release.suite, release.codename].filter((name) => name !== '').join(', ')
    refuse(`is that of ${own}, not of ${settings.expects ?? settings.upstreamSuite}.`)
  }
  if (state !== null && state.codename !== release.codename && options.acceptsOtherCodename !== true) {
    refuse(
      `is that of ${release.codename}, and the mirror followed ${state.codename} until now. ` +
        'Mirror the other one beside it, or update with --accept-codename to go over to it.',
    )
  }
  if (state !== null && release.dateSeconds < state.dateSeconds && state.codename === release.codename) {
    refuse(`is of ${day(release.dateSeconds)}, older than the one of ${day(state.dateSeconds)} that was taken over.`)
  }
  if (release.dateSeconds > now.getTime() / 1000 + skewSeconds) {
    refuse(`is of ${day(release.dateSeconds)}, which is in the future.`)
  }
  const until = release.validUntilSeconds
  if (until !== undefined && until < now.getTime() / 1000 && !settings.ignoreValidUntil) {
    refuse(`was to be relied on until ${day(until)} only. Where that is known and right, use --ignore-valid-until.`)
  }
}

/** By its suite or codename: `stable`, `bookworm`; `bookworm/updates` calls itself bookworm. */
function isOfSuite({ suite, codename }: UpstreamRelease, { expects, upstreamSuite }: MirrorSettings): boolean {
  const names = [suite, codename].filter((name) => name !== '')
  if (names.length === 0 || (isFlat(upstreamSuite) && expects === null)) return true
  const [first = ''] = upstreamSuite.split('/')
  return names.includes(expects ?? upstreamSuite) || (expects === null && names.includes(first))
}

function day(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}
