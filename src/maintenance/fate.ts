/** What becomes of a file or an artifact, from what holds it. Pure: why-holds.ts asks the database. */
import { timestamp } from '../common/timestamp.ts'
import type { Micros } from '../database/schema.ts'
import type { Ages } from './context.ts'
import type { CopyRow } from './file-pages.ts'

/** Something that keeps a file or an artifact. */
export interface Hold {
  /** Null: until somebody changes something. */
  readonly until: Micros | null
  /** A clause: `suite stable has hello 2.10-3 since r12`. */
  readonly because: string
  /** By which it ends: `local/main keeps artifacts for 30 days`. */
  readonly rule: string
}

export type Fate =
  | { readonly kind: 'kept'; readonly sentence: string }
  /** At that time or soon after, when a vacuum comes by; null: it cannot be told. */
  | { readonly kind: 'goes'; readonly at: Micros | null; readonly sentence: string; readonly rule: string }
  | { readonly kind: 'gone'; readonly since: Micros; readonly sentence: string; readonly by?: string }

/** Why a file is gone. */
export interface Gone {
  readonly since: Micros
  readonly reason: 'expired' | 'purged'
  /** Of a purge: who, and what was said. */
  readonly by: string | null
  readonly said: string | null
}

/** The hold that lasts longest; of those that last alike, the first. */
export function longest(holds: readonly (Hold | undefined)[]): Hold | undefined {
  return holds.reduce((best, hold) => {
    if (best === undefined || hold === undefined) return best ?? hold
    return (hold.until ?? Infinity) > (best.until ?? Infinity) ? hold : best
  }, undefined)
}

export function fateOfHeld({ until, because, rule }: Hold, now: Micros): Fate {
  if (until === null) return { kind: 'kept', sentence: `Kept: ${because}.` }
  return goes(until, now, because, rule)
}

/** Of a file that nothing holds: its copies are condemned after a while, and go after another. */
export function fateOfUnneeded(
  file: { readonly createdAt: Micros; readonly copies: readonly CopyRow[] },
  ages: Ages,
  now: Micros,
): Fate {
  const rule = 'nothing needs it'
  const newest = Math.max(file.createdAt, ...file.copies.map((copy) => copy.keptAt))
  const condemnedAt = Math.max(now, newest + ages.unneededMs * 1000)
  const graceMicros = ages.graceMs * 1000
  const ends = file.copies.map(({ state, stateAt }) => {
    if (state === 'deleting') return stateAt ?? now
    return (state === 'condemned' ? (stateAt ?? now) : condemnedAt) + graceMicros
  })
  const isOnItsWay = file.copies.length > 0 && file.copies.every(({ state }) => state !== 'present')
  return goes(Math.max(now, ...ends), now, isOnItsWay ? 'nothing needs it, and its copies are condemned' : rule, rule)
}

/** Of a file that a workspace does not hold any more; whether and how long others do is not told. */
export function fateWithoutHolder(workspace: string): Fate {
  const rule = `nothing in ${workspace} needs it`
  return { kind: 'goes', at: null, sentence: `Goes when a vacuum comes by: ${rule}.`, rule }
}

export function fateOfGone({ since, reason, by, said }: Gone): Fate {
  const day = dayOf(since)
  if (reason === 'expired') {
    return { kind: 'gone', since, sentence: `Gone since ${day}: nothing needed it any more.` }
  }
  const sentence = `Gone since ${day}: purged${by === null ? '' : ` by ${by}`}${said === null ? '' : ` (${said})`}.`
  return { kind: 'gone', since, sentence, ...(by === null ? {} : { by }) }
}

function goes(at: Micros, now: Micros, because: string, rule: string): Fate {
  const when = at <= now ? 'Goes with the next vacuum' : `Goes on ${dayOf(at)} or soon after`
  return { kind: 'goes', at, sentence: `${when}: ${because}.`, rule }
}

/** In UTC. */
function dayOf(at: Micros): string {
  return timestamp(at).slice(0, 10)
}
