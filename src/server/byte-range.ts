/**
 * Which part of a representation a request gets: conditions and ranges of RFC 9110 sections 13 and 14, as pure functions.
 *
 * Node gives header names in lower case, and joins or drops repeated ones, so each is one string or absent here.
 */
import type { IncomingHttpHeaders } from 'node:http'

/** What the conditions are compared with. */
export interface Representation {
  /** A strong entity tag, quotes included. */
  readonly etag: string
  readonly sizeBytes: number
  readonly lastModified?: LastModified | undefined
}

/** When the bytes changed. Not honoured if other bytes were served under the same second (RFC 9110 section 8.8.2.2). */
export interface LastModified {
  readonly seconds: number
  readonly honoured: boolean
}

/** Part of the bytes; `end` is exclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export type Selection =
  | { readonly status: 200 }
  | { readonly status: 206; readonly range: ByteRange }
  | { readonly status: 304 | 412 | 416 }

/** Evaluates the conditions in the order of RFC 9110 section 13.2.2. Ranges count for GET only (section 14.2). */
export function select(method: string, headers: IncomingHttpHeaders, representation: Representation): Selection {
  const precondition = preconditionFailure(method, headers, representation)
  if (precondition !== undefined) return { status: precondition }
  if (method !== 'GET' || headers.range === undefined) return { status: 200 }
  if (!rangeStillApplies(headers['if-range'], representation)) return { status: 200 }
  const range = parseRange(headers.range, representation.sizeBytes)
  if (range === 'ignore') return { status: 200 }
  if (range === 'unsatisfiable') return { status: 416 }
  return { status: 206, range }
}

/**
 * The one range that a Range header asks for. Anything but one valid byte range is ignored, as section 14.2 allows:
 * another unit, bad syntax, several ranges (the whole is then cheaper for everyone than a multipart answer).
 */
export function parseRange(header: string, sizeBytes: number): ByteRange | 'ignore' | 'unsatisfiable' {
  const set = /^bytes=(.*)$/i.exec(header)?.[1]
  if (set === undefined) return 'ignore'
  // An empty list element is allowed and does not count (section 5.6.1.2).
  const specifications = set
    .split(',')
    .map((element) => element.replaceAll(/^[ \t]+|(?<![ \t])[ \t]+$/g, ''))
    .filter((element) => element !== '')
  const [specification] = specifications
  if (specification === undefined || specifications.length > 1) return 'ignore'
  const digits = /^(\d*)-(\d*)$/.exec(specification)
  if (digits === null) return 'ignore'
  const [first, last] = [digits[1] ?? '', digits[2] ?? '']
  if (first === '') return last === '' ? 'ignore' : suffixRange(Number(last), sizeBytes)
  const start = Number(first)
  const lastPosition = last === '' ? Number.POSITIVE_INFINITY : Number(last)
  if (lastPosition < start) return 'ignore'
  if (start >= sizeBytes) return 'unsatisfiable'
  return { start, end: Math.min(lastPosition + 1, sizeBytes) }
}

/** The seconds since 1970 that an HTTP-date names, in any of its three forms; undefined if it is not one (section 5.6.7). */
export function parseHttpDate(text: string): number | undefined {
  const fixed = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/.exec(text)
  if (fixed !== null) return secondsOf(fixed[3], fixed[2], fixed[1], fixed[4], fixed[5], fixed[6])
  const rfc850 = /^[A-Z][a-z]{5,8}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/.exec(text)
  if (rfc850 !== null) {
    return secondsOf(fullYear(rfc850[3] ?? ''), rfc850[2], rfc850[1], rfc850[4], rfc850[5], rfc850[6])
  }
  const asctime = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/.exec(text)
  if (asctime !== null) {
    return secondsOf(asctime[6], asctime[1], asctime[2]?.trim(), asctime[3], asctime[4], asctime[5])
  }
  return undefined
}

/** An HTTP-date in its preferred form. */
export function httpDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString()
}

function preconditionFailure(
  method: string,
  headers: IncomingHttpHeaders,
  { etag, lastModified }: Representation,
): 304 | 412 | undefined {
  const ifMatch = headers['if-match']
  const ifUnmodifiedSince = headers['if-unmodified-since']
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, etag, 'strong')) return 412
  } else if (ifUnmodifiedSince !== undefined && lastModified !== undefined) {
    const since = parseHttpDate(ifUnmodifiedSince)
    if (since !== undefined && (lastModified.seconds > since || !lastModified.honoured)) return 412
  }
  const isRead = method === 'GET' || method === 'HEAD'
  const ifNoneMatch = headers['if-none-match']
  // If-None-Match, where present, silences If-Modified-Since (section 13.1.3).
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, etag, 'weak') ? (isRead ? 304 : 412) : undefined
  const ifModifiedSince = headers['if-modified-since']
  if (!isRead || ifModifiedSince === undefined || lastModified?.honoured !== true) return undefined
  const since = parseHttpDate(ifModifiedSince)
  return since !== undefined && lastModified.seconds <= since ? 304 : undefined
}

/** If-Range needs a strong comparison: the same strong tag, or exactly the same date (section 13.1.5). */
function rangeStillApplies(ifRange: string | string[] | undefined, { etag, lastModified }: Representation): boolean {
  if (ifRange === undefined) return true
  if (typeof ifRange !== 'string') return false
  if (ifRange.startsWith('"') || ifRange.startsWith('W/')) return ifRange === etag
  return lastModified?.honoured === true && parseHttpDate(ifRange) === lastModified.seconds
}

/** Whether a list of entity tags, or `*`, names this one (sections 8.8.3.2, 13.1.1, 13.1.2). */
function matches(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true
  for (const [whole, weak, opaque] of list.matchAll(/(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)) {
    if (opaque === etag && (comparison === 'weak' || weak === undefined)) return whole !== ''
  }
  return false
}

function suffixRange(length: number, sizeBytes: number): ByteRange | 'ignore' | 'unsatisfiable' {
  if (length === 0) return 'unsatisfiable'
  // Satisfiable by the letter, but no Content-Range can name a part of nothing.
  if (sizeBytes === 0) return 'ignore'
  return { start: Math.max(0, sizeBytes - length), end: sizeBytes }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function secondsOf(...[year, month, day, hour, minute, second]: (string | undefined)[]): number | undefined {
  const monthIndex = months.indexOf(month ?? '')
  if (monthIndex < 0) return undefined
  const fields = [Number(year), monthIndex, Number(day), Number(hour), Number(minute)] as const
  const date = new Date(Date.UTC(...fields))
  const exists = date.getUTCDate() === fields[2] && fields[3] < 24 && fields[4] < 60 && Number(second) <= 60
  return exists ? date.getTime() / 1000 + Number(second) : undefined
}

/** A two-digit year more than 50 years ahead is in the past (section 5.6.7). */
function fullYear(twoDigits: string): string {
  const thisYear = new Date().getUTCFullYear()
  const year = Math.floor(thisYear / 100) * 100 + Number(twoDigits)
  return String(year > thisYear + 50 ? year - 100 : year)
}
