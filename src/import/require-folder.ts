import { stat } from 'node:fs/promises'
import { AshlarError } from '../common/errors.ts'

/** @throws AshlarError import-not-found if there is no such folder, or it may not be looked into */
export async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new AshlarError('import-not-found', `There is no folder ${path}.`)
    throw new AshlarError('import-not-found', `The folder ${path} cannot be read (${error.code}).`, { cause: error })
  })
  if (!found.isDirectory()) throw new AshlarError('import-not-found', `${path} is not a folder.`)
}
