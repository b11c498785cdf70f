/** The text of a Release file: what a suite is, and the digest of each of its indexes (DebianRepository/Format). */
import type { SuiteSettings } from './settings.ts'

export interface ReleaseFacts {
  readonly settings: SuiteSettings
  readonly components: readonly string[]
  readonly architectures: readonly string[]
  readonly dateSeconds: number
  readonly validUntilSeconds: number | undefined
  /** Absolute template in which apt replaces `@SNAPSHOTID@`. */
  readonly snapshots: string
  readonly indexes: readonly { readonly path: string; readonly sha256: string; readonly sizeBytes: number }[]
}

/**
 * Lists SHA256 only: apt asks by-hash under the strongest algorithm that is listed. The uncompressed indexes are
 * listed too, since apt fetches none of the others without them.
 */
export function renderRelease(facts: ReleaseFacts): string {
  const { settings } = facts
  const fields: [string, string | undefined][] = [
    ['Origin', settings.origin],
    ['Label', settings.label],
    ['Suite', settings.suite],
    ['Codename', settings.codename],
    ['Date', formatDate(facts.dateSeconds)],
    ['Valid-Until', facts.validUntilSeconds === undefined ? undefined : formatDate(facts.validUntilSeconds)],
    ['NotAutomatic', settings.notAutomatic ? 'yes' : undefined],
    ['ButAutomaticUpgrades', settings.butAutomaticUpgrades ? 'yes' : undefined],
    ['Acquire-By-Hash', 'yes'],
    ['Snapshots', facts.snapshots],
    ['Architectures', facts.architectures.join(' ')],
    // Or apt would fetch `binary-all` besides, and know its packages twice.
    [
      'No-Support-for-Architecture-all',
      settings.architectureAll === 'separate' && facts.architectures.includes('all') ? 'Packages' : undefined,
    ],
    ['Components', facts.components.join(' ')],
    ['Description', settings.description === '' ? undefined : settings.description],
  ]
  const head = fields.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [`${name}: ${value}\n`]))
  const list = facts.indexes.map(
    ({ path, sha256, sizeBytes }) => ` ${sha256} ${String(sizeBytes).padStart(8)} ${path}\n`,
  )
  return `${head.join('')}SHA256:\n${list.join('')}`
}

/** `Mon, 23 Nov 2026 08:01:27 UTC`, as apt reads it (RFC 9110 section 5.6.7 with UTC for GMT). */
export function formatDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString().replace('GMT', 'UTC')
}
