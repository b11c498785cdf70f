/** Sends the files of an upload as dput does: one PUT each, the .changes last. */
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { basename, join } from 'node:path'
import type { BuiltUpload } from './debian-build.ts'

export interface PutAnswer {
  readonly status: number
  /** The reason phrase of the status line. */
  readonly reason: string
  readonly text: string
}

export interface SendOptions {
  readonly token?: string | undefined
  /** Names of files that are not sent. */
  readonly without?: readonly string[]
  /** Other bytes of a file. */
  readonly instead?: Readonly<Record<string, string | Buffer>>
}

/** One PUT on a connection of its own. */
export async function put(url: string, bytes: string | Buffer, token?: string): Promise<PutAnswer> {
  const body = Buffer.from(bytes)
  const { promise, resolve, reject } = Promise.withResolvers<PutAnswer>()
  const outgoing = request(
    url,
    {
      method: 'PUT',
      agent: false,
      headers: {
        'content-length': body.length,
        ...(token === undefined ? {} : { authorization: `Basic ${Buffer.from(`apt:${token}`).toString('base64')}` }),
      },
    },
    (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          reason: incoming.statusMessage ?? '',
          text: Buffer.concat(chunks).toString(),
        }),
      )
    },
  )
  outgoing.on('error', reject)
  outgoing.end(body)
  return promise
}

/** Sends all of an upload. @param to `http://…/upload/scope/workspace/suite` @returns the answer to the .changes */
export async function sendUpload(to: string, built: BuiltUpload, options: SendOptions = {}): Promise<PutAnswer> {
  const { token, without = [], instead = {} } = options
  const bytesOf = async (name: string): Promise<string | Buffer> =>
    instead[name] ?? (await readFile(join(built.directory, name)))
  for (const name of built.files.filter((each) => !without.includes(each))) {
    const answer = await put(`${to}/${name}`, await bytesOf(name), token)
    if (answer.status !== 201) return answer
  }
  const name = basename(built.changes)
  return put(`${to}/${name}`, await bytesOf(name), token)
}
