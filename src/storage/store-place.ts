/** Where stores can be, as an administrator says it: a directory, a bucket, or a repository somewhere else. */
import { isAbsolute, normalize } from 'node:path'
import { AshlarError } from '../common/errors.ts'
import type { FileStoreTable } from '../database/schema.ts'

/** A bucket, or what lies under a prefix of one. */
export interface S3Place {
  readonly bucket: string
  /** Begins every key; ends with a slash unless it is empty. */
  readonly prefix?: string
  readonly region: string
  /** For S3 that is not Amazon's. */
  readonly endpoint?: string
  /** `https://endpoint/bucket/…` instead of `https://bucket.endpoint/…`. */
  readonly pathStyle?: boolean
  readonly storageClass?: string
  /** Downloads are sent there rather than through this server. */
  readonly redirect?: boolean
  /** Where clients reach it, if not at the endpoint. */
  readonly publicEndpoint?: string
  /** Of what is sent in parts. */
  readonly partBytes?: number
}

/** Credentials of a store's own. Never in an answer, a log or an error. */
export interface S3Secret {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export type PlaceWish =
  | { readonly kind: 'local'; readonly directory: string }
  /** Without a secret, the credentials that the server's environment has. */
  | { readonly kind: 's3'; readonly s3: S3Place; readonly secret: S3Secret | null }
  | { readonly kind: 'remote'; readonly url: string }

const partSizes = { min: 5 * 1024 * 1024, max: 5 * 1024 * 1024 * 1024 }

/** The same place in the form that is kept. @throws AshlarError request-invalid, without a secret in it */
export function checkPlace(place: PlaceWish): PlaceWish {
  switch (place.kind) {
    case 'local':
      return { kind: 'local', directory: checkDirectory(place.directory) }
    case 's3':
      return { kind: 's3', s3: checkS3(place.s3), secret: place.secret === null ? null : checkSecret(place.secret) }
    case 'remote':
      return { kind: 'remote', url: checkRemoteUrl(place.url) }
  }
}

/** Where a recorded store is, to show; never its secret. */
export function placeOf(kind: FileStoreTable['kind'], locationJson: string): PlaceWish {
  const location: unknown = JSON.parse(locationJson)
  switch (kind) {
    case 'local':
      return { kind, directory: (location as { directory: string }).directory }
    case 's3':
      return { kind, s3: location as S3Place, secret: null }
    case 'remote':
      return { kind, url: (location as { url: string }).url }
  }
}

function checkDirectory(directory: string): string {
  if (!isAbsolute(directory) || directory.includes('\0')) {
    throw invalid(`The directory of a store is an absolute path, not ${JSON.stringify(directory.slice(0, 200))}.`)
  }
  const path = normalize(directory).replace(/\/+$/, '')
  if (path === '') throw invalid('The root of the file system cannot be a store.')
  return path
}

function checkS3(s3: S3Place): S3Place {
  if (!/^[a-z0-9A-Z][a-z0-9A-Z._-]{1,253}[a-z0-9A-Z]$/.test(s3.bucket)) {
    throw invalid(`${JSON.stringify(s3.bucket.slice(0, 80))} cannot be the name of a bucket.`)
  }
  if (!/^[\x21-\x7e]{1,64}$/.test(s3.region)) throw invalid('A region is a word such as eu-central-1.')
  const prefix = (s3.prefix ?? '').replace(/^\/+/, '').replace(/([^/])$/, '$1/')
  if (!/^[\x21-\x7e]{0,512}$/.test(prefix)) throw invalid('A prefix has visible ASCII characters only.')
  const { partBytes } = s3
  if (partBytes !== undefined && (partBytes < partSizes.min || partBytes > partSizes.max)) {
    throw invalid(`S3 takes parts of 5 MiB to 5 GiB, not of ${partBytes} bytes.`)
  }
  const { prefix: _prefix, endpoint, publicEndpoint, ...rest } = s3
  return {
    ...rest,
    ...(prefix === '' ? {} : { prefix }),
    ...(endpoint === undefined ? {} : { endpoint: checkUrl(endpoint, 'endpoint') }),
    ...(publicEndpoint === undefined ? {} : { publicEndpoint: checkUrl(publicEndpoint, 'public endpoint') }),
  }
}

function checkSecret(secret: S3Secret): S3Secret {
  for (const [name, value] of Object.entries(secret) as [string, string][]) {
    if (!/^[\x21-\x7e]{1,4096}$/.test(value)) {
      throw invalid(`The ${name} has characters that no S3 key has, or is empty.`)
    }
  }
  return secret
}

function checkRemoteUrl(url: string): string {
  const checked = checkUrl(url, 'URL')
  return checked.endsWith('/') ? checked : `${checked}/`
}

function checkUrl(text: string, what: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw invalid(`The ${what} of a store is an http or https URL.`)
  }
  // Whoever may see the store would see them.
  if (url.username !== '' || url.password !== '') {
    throw invalid(`The ${what} of a store holds no user name and no password.`)
  }
  if (url.search !== '' || url.hash !== '') throw invalid(`The ${what} of a store has no query and no fragment.`)
  return url.href
}

function invalid(detail: string): AshlarError {
  return new AshlarError('request-invalid', detail)
}
