import { open } from 'node:fs/promises'
import { join } from 'node:path'
import envPaths from 'env-paths'
import { parse } from 'smol-toml'
import { AshlarError } from '../common/errors.ts'
import { clientFileName, usualDataDirectory } from './data-directory-name.ts'

const usualServer = 'http://127.0.0.1:8080/'

export interface ServerAddress {
  readonly url: string
  readonly token?: string | undefined
}

/**
 * Which server to speak to: the options (which stand for ASHLAR_SERVER and ASHLAR_TOKEN too), ./ashlar-data/client.toml,
 * the user's config directory, and last the usual address of a server on this machine. A token from a file is shown
 * only to the server that the file names.
 */
export async function findServer(
  options: { server?: string; token?: string },
  warn: (sentence: string) => void,
): Promise<ServerAddress> {
  const files = [
    join(usualDataDirectory, clientFileName),
    join(envPaths('ashlar', { suffix: '' }).config, clientFileName),
  ]
  // An empty variable, as a missing secret leaves it in CI, is as good as none.
  let url = options.server === '' ? undefined : options.server
  let token = options.token === '' ? undefined : options.token
  for (const file of files) {
    if (url !== undefined && token !== undefined) break
    const found = await readClientFile(file, warn)
    if (found === undefined) continue
    url ??= found.url
    if (sameServer(url, found.url)) token ??= found.token
  }
  url ??= usualServer
  if (token !== undefined && isOpenToOthers(url)) {
    warn(`The token goes to ${url} unencrypted; anyone on the way can read and use it. Use https.`)
  }
  return { url, token }
}

/** The server that a client.toml names; undefined if there is no such file, or it may have been read or made by others. */
async function readClientFile(file: string, warn: (sentence: string) => void): Promise<ServerAddress | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') warn(`${file} is not read: ${error.message}.`)
    return undefined
  })
  if (handle === undefined) return undefined
  try {
    const { uid, mode } = await handle.stat()
    const me = process.getuid?.()
    if (me !== undefined && uid !== me) {
      warn(`${file} is not read: it belongs to another user.`)
      return undefined
    }
    if ((mode & 0o077) !== 0) {
      warn(`${file} is not read: others may read it. Set its mode with: chmod 600 ${file}`)
      return undefined
    }
    return addressIn(await handle.readFile('utf8'), file)
  } finally {
    await handle.close()
  }
}

function addressIn(text: string, file: string): ServerAddress {
  try {
    const { url, token } = parse(text)
    if (typeof url === 'string') return { url, token: typeof token === 'string' ? token : undefined }
  } catch (cause) {
    throw new AshlarError('usage', `${file} is not TOML: ${cause instanceof Error ? cause.message : ''}`, { cause })
  }
  throw new AshlarError('usage', `${file} names no server: there is no url = "…" in it.`)
}

function sameServer(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).href === new URL(other).href
}

function isOpenToOthers(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}
