/** Where stores can be, as an administrator says it: a directory, a bucket, or a repository somewhere else. */
import { isAbsolute, normalize } from 'node:path'
import { AshlarError } from '../common/errors.ts'
import type { FileStoreTable } from '../database/schema.ts'
import { parseS3Location, parseS3Secret, type S3Location, type S3Secret } from './s3-location.ts'

export type PlaceWish =
  | { readonly kind: 'local'; readonly directory: string }
  /** Without a secret, the credentials that the server's environment has. */
  | { readonly kind: 's3'; readonly s3: S3Location; readonly secret: S3Secret | null }
  | { readonly kind: 'remote'; readonly url: string }

/** The same place in the form that is kept. @throws AshlarError request-invalid, without a secret in it */
export function checkPlace(place: PlaceWish): PlaceWish {
  switch (place.kind) {
    case 'local':
      return { kind: 'local', directory: checkDirectory(place.directory) }
    case 's3':
      return {
        kind: 's3',
        s3: parseS3Location(place.s3),
        secret: place.secret === null ? null : parseS3Secret(place.secret),
      }
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
    case 's3': {
      const { identity: _identity, ...s3 } = location as S3Location & { readonly identity?: string }
      return { kind, s3, secret: null }
    }
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
