/** What upstream was when a mirror last took it over. */
import type { Sha256 } from '../common/digest.ts'
import type { Micros } from '../database/schema.ts'

export interface UpstreamState {
  /** SHA-256 of the text that was signed. */
  readonly release: Sha256
  readonly dateSeconds: number
  readonly suite: string
  readonly codename: string
  /** Fingerprints of the keys with a good signature on it. */
  readonly signers: readonly string[]
  /** With which settings it was taken over (`choiceOf`). */
  readonly choice: string
  /** The identities of its groups of indexes, by `groupKey`. */
  readonly groups: Readonly<Record<string, string>>
  /** The mirror is to follow another suite from now on, whose Release may be older, and of another codename. */
  readonly isOfAnother?: true
  /** The revision that holds it. */
  readonly revision: number
  /** When it was taken over, and when upstream was last found to be still so. */
  readonly takenAt: Micros
  readonly checkedAt: Micros
}

/** Tells groups of indexes apart. */
export function groupKey({ component, kind }: { readonly component: string; readonly kind: string }): string {
  return `${component} ${kind}`
}
