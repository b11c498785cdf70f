/** Where an S3 store lies, as file_store.location_json and secret_json hold it. */
import { AshlarError } from '../common/errors.ts'

export interface S3Location {
  readonly bucket: string
  /** Before every name, as it is: `ashlar/` makes a folder. May be empty. */
  readonly prefix: string
  readonly region: string
  /** Of a server that speaks S3; undefined: Amazon's for the region. */
  readonly endpoint?: string
  /** Whether the bucket stands in the path of an address (most servers but Amazon's), not in its host name. */
  readonly pathStyle: boolean
  /** Of new objects; undefined: the bucket's. One from which bytes can be read at once. */
  readonly storageClass?: string
  /** Whether readers are sent to the bucket by links that are good for a short time. */
  readonly redirect: boolean
  /** The endpoint in those links, where readers reach the bucket under another name. */
  readonly publicEndpoint?: string
  /** A larger file is sent in parts of this size. */
  readonly partBytes?: number
}

/** Of one access key. */
export interface S3Secret {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Amazon S3 user guide, "multipart upload limits": but for the last one, no part may be smaller. */
const minPartBytes = 5 << 20
const maxPartBytes = 1 << 30
export const defaultPartBytes = 16 << 20

/** Looser than Amazon's rules for new buckets: older buckets and other servers have upper case and underscores. */
const bucketPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/
/** Names have 1024 bytes at most, and ours come after the prefix. */
const maxPrefixBytes = 512

/**
 * Reads a location from outside. Without `region` it is us-east-1 where an endpoint is given; `pathStyle` is then true.
 * @throws AshlarError request-invalid, naming the member that is wrong
 */
export function parseS3Location(value: unknown): S3Location {
  const members = objectOf(value, 'location')
  const { bucket, prefix, region, endpoint, pathStyle, storageClass, redirect, publicEndpoint, partBytes, ...others } =
    members
  refuseOthers(others, 'location')
  const at = endpoint === undefined ? undefined : parseEndpoint(endpoint, 'endpoint')
  const seenAt = publicEndpoint === undefined ? undefined : parseEndpoint(publicEndpoint, 'publicEndpoint')
  return {
    bucket: parseText(bucket, 'bucket', bucketPattern, 'the name of a bucket'),
    prefix: parsePrefix(prefix),
    region: parseText(
      region ?? (at === undefined ? undefined : 'us-east-1'),
      'region',
      /^[A-Za-z0-9-]{1,64}$/,
      'the name of a region, such as eu-central-1',
    ),
    ...(at !== undefined && { endpoint: at }),
    pathStyle: parseFlag(pathStyle, 'pathStyle', at !== undefined),
    ...(storageClass !== undefined && {
      storageClass: parseText(storageClass, 'storageClass', /^[A-Za-z0-9_-]{1,64}$/, 'the name of a storage class'),
    }),
    redirect: parseFlag(redirect, 'redirect', false),
    ...(seenAt !== undefined && { publicEndpoint: seenAt }),
    ...(partBytes !== undefined && { partBytes: parsePartBytes(partBytes) }),
  }
}

/** @throws AshlarError request-invalid, naming the member that is wrong, but never its value */
export function parseS3Secret(value: unknown): S3Secret {
  const { accessKeyId, secretAccessKey, sessionToken, ...others } = objectOf(value, 'secret')
  refuseOthers(others, 'secret')
  // What HTTP headers can carry, without blanks at the ends, which come with copying.
  const visible = /^[\x21-\x7e]{1,4096}$/
  return {
    accessKeyId: parseText(accessKeyId, 'accessKeyId', visible, 'an access key'),
    secretAccessKey: parseText(secretAccessKey, 'secretAccessKey', visible, 'the secret of an access key'),
    ...(sessionToken !== undefined && {
      sessionToken: parseText(sessionToken, 'sessionToken', visible, 'the token of a session'),
    }),
  }
}

function objectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`The ${name} of an S3 store has to be an object.`)
  }
  return { ...value }
}

function refuseOthers(others: Readonly<Record<string, unknown>>, name: string): void {
  const [other] = Object.keys(others)
  if (other !== undefined) throw invalid(`The ${name} of an S3 store has no member '${other.slice(0, 100)}'.`)
}

function parseText(value: unknown, member: string, pattern: RegExp, meaning: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value
  throw invalid(`${member} has to be ${meaning}.`)
}

function parsePrefix(value: unknown): string {
  const prefix = value ?? ''
  if (typeof prefix !== 'string') throw invalid('prefix has to be a text.')
  if (prefix.startsWith('/')) throw invalid('prefix may not begin with a slash.')
  if (Buffer.byteLength(prefix) > maxPrefixBytes) throw invalid(`prefix may have ${maxPrefixBytes} bytes.`)
  // Servers and what stands between tidy such paths, each in its way.
  if (/\p{Cc}|\\|\/\/|(?:^|\/)\.{1,2}(?:\/|$)/u.test(prefix)) {
    throw invalid('prefix may have no control characters, backslashes, empty parts, or parts that are . or ..')
  }
  return prefix
}

function parseFlag(value: unknown, member: string, preset: boolean): boolean {
  if (value === undefined) return preset
  if (typeof value !== 'boolean') throw invalid(`${member} has to be true or false.`)
  return value
}

function parseEndpoint(value: unknown, member: string): string {
  const meaning = `${member} has to be an address such as https://s3.example.org, without user, query or fragment.`
  const url = typeof value === 'string' ? URL.parse(value) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid(meaning)
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') throw invalid(meaning)
  return url.href
}

function parsePartBytes(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= minPartBytes && value <= maxPartBytes) {
    return value
  }
  throw invalid(`partBytes has to be a whole number from ${minPartBytes} to ${maxPartBytes}.`)
}

function invalid(sentence: string): AshlarError {
  return new AshlarError('request-invalid', sentence)
}
