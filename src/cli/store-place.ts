/** The options that say where a store is, and what opens it. */
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { S3Place, S3Secret, StoreChange, StoreWish } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { unreadable } from './local-file.ts'

/** Where the secret of an access key is looked for: an argument would be seen by every user of the machine. */
const secretVariable = 'ASHLAR_S3_SECRET'

/** What commander makes of the options below. */
export interface PlaceOptions {
  readonly kind?: 'local' | 's3' | 'remote'
  readonly directory?: string
  readonly url?: string
  readonly bucket?: string
  readonly prefix?: string
  readonly region?: string
  readonly endpoint?: string
  readonly pathStyle?: boolean
  readonly storageClass?: string
  readonly redirect?: boolean
  readonly publicEndpoint?: string
  readonly accessKeyId?: string
  readonly secretFile?: string
}

export function withPlaceOptions(command: Command): Command {
  return command
    .option('--directory <path>', 'local: an absolute path on every server; the server makes it')
    .option('--url <url>', 'remote: the address of a repository, which is only read')
    .option('--bucket <name>', 's3: the bucket')
    .option('--prefix <text>', 's3: what begins every name in the bucket, such as ashlar/')
    .option('--region <name>', 's3: where the bucket is (default with an endpoint: us-east-1)')
    .option('--endpoint <url>', 's3: of a server that is not of Amazon')
    .option('--path-style', 's3: the bucket stands in the path of its address (default with an endpoint)')
    .option('--no-path-style', 's3: the bucket stands in the host name')
    .option('--storage-class <name>', 's3: of new files')
    .option('--redirect', 's3: send downloads to the bucket, by links that hold for a short time')
    .option('--no-redirect', 's3: send downloads through the server')
    .option('--public-endpoint <url>', 's3: where downloads find the bucket, if not at the endpoint')
    .option('--access-key-id <id>', `s3: the access key; its secret is read from ${secretVariable} or --secret-file`)
    .addOption(new Option('--secret-file <file>', 's3: a file with the secret of the access key'))
}

/** @throws AshlarError usage, file-unreadable */
export async function placeOfNew(
  options: PlaceOptions,
): Promise<Pick<StoreWish, 'local' | 's3' | 'remote' | 'secret'>> {
  const kind = options.kind ?? 'local'
  refuseOptionsOfOthers(kind, options)
  switch (kind) {
    case 'local':
      return { local: { directory: required(options.directory, kind, '--directory') } }
    case 'remote':
      return { remote: { url: required(options.url, kind, '--url') } }
    case 's3': {
      const s3: S3Place = { ...s3Options(options), bucket: required(options.bucket, kind, '--bucket') }
      const secret = await secretFrom(options)
      return secret === undefined ? { s3 } : { s3, secret }
    }
  }
}

/** What is to change of a place; `none` takes an option away. @throws AshlarError usage, file-unreadable */
export async function placeChange(options: PlaceOptions): Promise<StoreChange> {
  const { directory, url, accessKeyId } = options
  const s3 = Object.fromEntries(
    Object.entries(s3Options(options)).map(([name, value]) => [name, value === 'none' ? null : value]),
  )
  const secret = accessKeyId === 'none' ? null : await secretFrom(options)
  return {
    ...(directory === undefined ? {} : { local: { directory } }),
    ...(url === undefined ? {} : { remote: { url } }),
    ...(Object.keys(s3).length === 0 ? {} : { s3 }),
    ...(secret === undefined ? {} : { secret }),
  }
}

function s3Options(options: PlaceOptions): Partial<S3Place> {
  const { bucket, prefix, region, endpoint, pathStyle, storageClass, redirect, publicEndpoint } = options
  const members = { bucket, prefix, region, endpoint, pathStyle, storageClass, redirect, publicEndpoint }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

async function secretFrom({ accessKeyId, secretFile }: PlaceOptions): Promise<S3Secret | undefined> {
  if (accessKeyId === undefined) {
    if (secretFile === undefined) return undefined
    throw new AshlarError('usage', '--secret-file needs the access key that the secret is of: --access-key-id.')
  }
  const secretAccessKey = secretFile === undefined ? process.env[secretVariable] : (await secretIn(secretFile)).trim()
  if (secretAccessKey === undefined || secretAccessKey === '') {
    const places = secretFile === undefined ? `the environment variable ${secretVariable}` : secretFile
    throw new AshlarError('usage', `The secret of the access key is missing in ${places}.`)
  }
  return { accessKeyId, secretAccessKey }
}

async function secretIn(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw unreadable(file, error)
  }
}

function required(value: string | undefined, kind: string, option: string): string {
  if (value !== undefined) return value
  throw new AshlarError('usage', `A store of the kind ${kind} needs ${option}.`)
}

/** What would be ignored is a mistake. */
function refuseOptionsOfOthers(kind: string, options: PlaceOptions): void {
  const isS3 = Object.keys(s3Options(options)).length > 0 || options.accessKeyId !== undefined
  const given: [string, boolean][] = [
    ['local', options.directory !== undefined],
    ['remote', options.url !== undefined],
    ['s3', isS3 || options.secretFile !== undefined],
  ]
  const other = given.find(([each, isGiven]) => isGiven && each !== kind)
  if (other === undefined) return
  throw new AshlarError('usage', `Some options are for a store of the kind ${other[0]}, not ${kind}: see --kind.`)
}
