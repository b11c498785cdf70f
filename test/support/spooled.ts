import { join } from 'node:path'
import type { SpooledFile } from '../../src/storage/file-store.ts'
import { Spool } from '../../src/storage/spool.ts'

/** A spooled file with these bytes, below the directory. */
export async function spooledFile(directory: string, bytes: Uint8Array): Promise<SpooledFile> {
  const writer = await (await Spool.open(join(directory, 'spool'))).create()
  await writer.append([bytes])
  return await writer.finish()
}
