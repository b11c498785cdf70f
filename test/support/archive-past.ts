/** What an archive offers at its revisions, and moving its past further back. */
import type { Workspace } from '../../src/access/access.ts'
import { type ArchiveWorld, listedIn, type OpenRooms, servedBytes, sha256Of } from './archive-world.ts'

/** Moves the archive's past, as if all of it had happened so much earlier. */
export async function age(world: Pick<ArchiveWorld, 'db'>, seconds: number): Promise<void> {
  const micros = seconds * 1_000_000
  await world.db.write(async (trx) => {
    await trx
      .updateTable('archive')
      .set((eb) => ({ sealed_at: eb('sealed_at', '-', micros) }))
      .execute()
    await trx
      .updateTable('revision')
      .set((eb) => ({ sealed_at: eb('sealed_at', '-', micros) }))
      .execute()
    await trx
      .updateTable('release_issue')
      .set((eb) => ({ date_seconds: eb('date_seconds', '-', seconds) }))
      .execute()
  })
}

/** Moves the archive's past so that between two of its revisions there were so many seconds, and as many since. */
export async function spread({ db }: Pick<ArchiveWorld, 'db'>, seconds: number): Promise<void> {
  const micros = seconds * 1_000_000
  const now = await db.now()
  await db.write(async (trx) => {
    const { head } = await trx.selectFrom('archive').select('head').executeTakeFirstOrThrow()
    await trx
      .updateTable('archive')
      .set({ sealed_at: now - micros })
      .execute()
    for (let number = 1; number <= head; number += 1) {
      const sealedAt = now - (head + 1 - number) * micros
      await trx.updateTable('revision').set({ sealed_at: sealedAt }).where('number', '=', number).execute()
      await trx
        .updateTable('release_issue')
        .set({ date_seconds: Math.floor(sealedAt / 1_000_000) })
        .where('revision', '=', number)
        .execute()
    }
  })
}

/** The digests of all that a client can fetch of a state: each file that its Releases list, by name and by digest. */
export async function everythingAt(
  { archives, storage }: Pick<OpenRooms, 'archives' | 'storage'>,
  workspace: Workspace,
  at?: string,
): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const below = at === undefined ? '' : `snapshot/${at}/`
  const bytes = async (path: string): Promise<Buffer> =>
    servedBytes({ archives, storage }, await archives.resolve(workspace, path), workspace)
  for (const { name } of await archives.suites(workspace, at)) {
    const root = `${below}dists/${name}`
    for (const file of ['Release', 'InRelease', 'Release.gpg']) {
      found.set(`${root}/${file}`, sha256Of(await bytes(`${root}/${file}`)))
    }
    for (const [path, { sha256 }] of listedIn((await bytes(`${root}/Release`)).toString())) {
      const byName = sha256Of(await bytes(`${root}/${path}`))
      const folder = path.slice(0, path.lastIndexOf('/') + 1)
      const byHash = sha256Of(await bytes(`${root}/${folder}by-hash/SHA256/${sha256}`))
      if (byName !== sha256 || byHash !== sha256) throw new Error(`${root}/${path} is not what the Release lists`)
      found.set(`${root}/${path}`, sha256)
    }
  }
  return found
}
