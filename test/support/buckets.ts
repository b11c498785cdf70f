/**
 * Buckets of a real S3 server, each test with its own.
 *
 * The server is the one that ASHLAR_TEST_S3 names (the members of `S3Server` as JSON; the test runner starts one for
 * all files that import this module), or one that this module starts when a file is run alone. Where none can be
 * started its tests are skipped by name; with CI=true they fail instead.
 */
import { randomBytes } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { S3 } from '@aws-sdk/client-s3'
import type { S3Location, S3Secret } from '../../src/storage/s3-location.ts'
import { type S3Server, startRadosgw } from './radosgw.ts'

export interface FreshBucket extends AsyncDisposable {
  readonly location: S3Location
  readonly secret: S3Secret
  /** For what a test does behind the back of a store. */
  readonly s3: S3
  put(key: string, bytes: string | Uint8Array): Promise<void>
  get(key: string): Promise<Buffer>
  /** In the order of the server. */
  keys(): Promise<string[]>
  /** The keys of unfinished multipart uploads. */
  unfinished(): Promise<string[]>
}

/** An empty bucket, which is removed with all that is in it at the end of its scope (`await using`). */
export type OpenBucket = () => Promise<FreshBucket>

const server = await availableServer()

/** Defines tests that need buckets: `onRealS3((freshBucket) => { it('…', async () => { … }) })`. */
export function onRealS3(define: (freshBucket: OpenBucket) => void): void {
  if ('endpoint' in server) {
    describe('on a real S3 server', () => define(() => freshBucket(server)))
  } else if (process.env['CI'] === 'true') {
    it('radosgw can be started', () => {
      throw server.error
    })
  } else {
    describe('on a real S3 server', { skip: `radosgw could not be started: ${String(server.error)}` }, () =>
      define(() => Promise.reject(server.error)),
    )
  }
}

async function freshBucket({ endpoint, region, ...secret }: S3Server): Promise<FreshBucket> {
  const bucket = `ashlar-test-${randomBytes(8).toString('hex')}`
  const s3 = new S3({
    region,
    endpoint,
    forcePathStyle: true,
    // A copy, since the client adds members to it.
    credentials: { ...secret },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  await s3.createBucket({ Bucket: bucket })
  const keys = async (): Promise<string[]> => {
    const found: string[] = []
    let token: string | undefined
    do {
      const page = await s3.listObjectsV2({ Bucket: bucket, EncodingType: 'url', ContinuationToken: token })
      found.push(...(page.Contents ?? []).map(({ Key }) => decodeURIComponent(Key ?? '')))
      token = page.NextContinuationToken
    } while (token !== undefined)
    return found
  }
  const uploads = async (): Promise<{ Key?: string | undefined; UploadId?: string | undefined }[]> =>
    (await s3.listMultipartUploads({ Bucket: bucket })).Uploads ?? []
  return {
    location: { bucket, prefix: '', region, endpoint, pathStyle: true, redirect: false },
    secret,
    s3,
    async put(key, bytes) {
      await s3.putObject({ Bucket: bucket, Key: key, Body: bytes })
    },
    async get(key) {
      const { Body } = await s3.getObject({ Bucket: bucket, Key: key })
      return Buffer.from((await Body?.transformToByteArray()) ?? [])
    },
    keys,
    unfinished: async () => (await uploads()).map(({ Key }) => Key ?? ''),
    async [Symbol.asyncDispose]() {
      for (const { Key, UploadId } of await uploads()) await s3.abortMultipartUpload({ Bucket: bucket, Key, UploadId })
      for (const key of await keys()) await s3.deleteObject({ Bucket: bucket, Key: key })
      await s3.deleteBucket({ Bucket: bucket })
      s3.destroy()
    },
  }
}

async function availableServer(): Promise<S3Server | { readonly error: unknown }> {
  const given = process.env['ASHLAR_TEST_S3']
  if (given !== undefined && given !== '') return JSON.parse(given) as S3Server
  try {
    const started = await startRadosgw()
    after(() => started.stop())
    return started
  } catch (error) {
    return { error }
  }
}
