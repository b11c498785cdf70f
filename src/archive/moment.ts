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
    const [year = '', month = '', day = '', hour = '00', minute = '00', second = '00'] = compact.slice(1)
    const milliseconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
    // Some carry 31 February over into March, or 24:00 into the next day; such a text names no moment.
    if (milliseconds >= 0 && momentName(milliseconds * 1000) === `${year}${month}${day}T${hour}${minute}${second}Z`) {
      return { kind: 'moment', seconds: milliseconds / 1000 }
    }
  }
  throw new AshlarError('snapshot-unknown', `'${text}' names neither a revision nor a moment.`)
}

/** `20261123T080127Z`: the moment of a time, as a snapshot's name. */
export function momentName(time: Micros): string {
  return new Date(Math.floor(time / 1_000_000) * 1000).toISOString().replaceAll(/[-:]|\.000/g, '')
}
