import { constants } from 'node:fs'
import { access, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parse, stringify } from 'smol-toml'
import type { Access } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import { clientFileName } from './data-directory-name.ts'

/**
 * Makes the data directory, for this user only, and returns its absolute path.
 *
 * @throws AshlarError `data-directory-unusable`
 */
export async function prepareDataDirectory(directory: string): Promise<string> {
  const path = resolve(directory)
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return path
  } catch (error) {
    throw dataDirectoryUnusable(path, error)
  }
}

export function dataDirectoryUnusable(path: string, error: unknown): AshlarError {
  const reason = error instanceof Error ? error.message : String(error)
  return new AshlarError('data-directory-unusable', `The data directory ${path} cannot be used: ${reason}.`, {
    cause: error,
  })
}

/**
 * Leaves in the data directory what the commands of the same user need: the server's URL and a token of the admin. A
 * token that is there already and still good is kept. Returns the token.
 *
 * @param firstToken what the first start of the database gave.
 */
export async function writeClientFile(
  dataDirectory: string,
  url: string,
  options: { access: Access; firstToken: string | undefined },
): Promise<string> {
  const file = join(dataDirectory, clientFileName)
  const token = options.firstToken ?? (await goodTokenIn(file, options.access)) ?? (await newToken(options.access))
  const part = `${file}.${process.pid}.part`
  try {
    const handle = await open(part, 'w', 0o600)
    try {
      await handle.chmod(0o600)
      await handle.writeFile(`${stringify({ url, token })}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(part, file)
    return token
  } catch (error) {
    await rm(part, { force: true })
    throw dataDirectoryUnusable(dataDirectory, error)
  }
}

async function goodTokenIn(file: string, access: Access): Promise<string | undefined> {
  try {
    const { token } = parse(await readFile(file, 'utf8'))
    if (typeof token !== 'string') return undefined
    await access.callerOf(token)
    return token
  } catch {
    return undefined
  }
}

async function newToken(access: Access): Promise<string> {
  const { token } = await access.issueToken('admin', { name: clientFileName })
  return token
}
