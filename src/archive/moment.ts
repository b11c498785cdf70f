/** The two ways to name a snapshot: a revision (`r17`) or a moment (`20261123T080127Z`, or ISO 8601). */
import { AshlarError } from '../common/errors.ts'
import type { Micros } from '../database/schema.ts'

/** The text of a user that names a snapshot. */
export type At = string

export type SnapshotName =
  | { readonly kind: 'revision'; readonly number: number }
  /** A whole second: the state is that of its end. */
  | { readonly kind: 'moment'; readonly seconds: number }

/** @throws AshlarError snapshot-unknown if the text names neither. */
export function parseSnapshotName(text: At): SnapshotName {
  const revision = /^r(0|[1-9]\d{0,14})$/.exec(text)
  if (revision) return { kind: 'revision', number: Number(revision[1]) }
  const compact = /^(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2})(?:\.\d{1,9})?Z)?$/.exec(text)
  if (compact) {
    const [year, month, day, hour, minute, second] = compact.slice(1).map((part) => Number(part ?? 0))
    const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day ?? 0, hour ?? 0, minute ?? 0, second ?? 0))
    // Date.UTC carries 31 February over into March; such a text names no moment.
    if (date.getUTCMonth() + 1 === month && date.getUTCDate() === day && date.getUTCHours() === (hour ?? 0)) {
      return { kind: 'moment', seconds: date.getTime() / 1000 }
    }
  }
  throw new AshlarError('snapshot-unknown', `'${text}' names neither a revision nor a moment.`)
}

/** `20261123T080127Z`: the moment of a time, as a snapshot's name. */
export function momentName(time: Micros): string {
  return new Date(Math.floor(time / 1_000_000) * 1000).toISOString().replaceAll(/[-:]|\.000/g, '')
}
