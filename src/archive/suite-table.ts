/** The suites of an archive, their settings and their aliases, now and at each revision. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import { recordedSettings, type SuiteSettings } from './settings.ts'

export interface Suite {
  readonly id: number
  readonly name: string
  readonly settings: SuiteSettings
  /** Other names, sorted. */
  readonly aliases: readonly string[]
}

/** The suites of an archive at a revision, by name. */
export class Suites {
  readonly all: readonly Suite[]
  readonly #byName: ReadonlyMap<string, Suite>

  constructor(all: readonly Suite[]) {
    this.all = all
    this.#byName = new Map(all.flatMap((suite) => [suite.name, ...suite.aliases].map((name) => [name, suite] as const)))
  }

  /** By name or alias. */
  find(name: string): Suite | undefined {
    return this.#byName.get(name)
  }

  /** @throws AshlarError suite-unknown */
  get(name: string): Suite {
    const suite = this.find(name)
    if (suite === undefined) throw new AshlarError('suite-unknown', `There is no suite '${name}' in this workspace.`)
    return suite
  }
}

/** The suites as they were when a revision was sealed; with the archive's head, as they are. */
export async function suitesAt(db: Kysely<Tables>, archiveId: number, revision: number): Promise<Suites> {
  const settings = await db
    .selectFrom('suite')
    .innerJoin('suite_settings as row', 'row.suite_id', 'suite.id')
    .innerJoin('change as added', 'added.id', 'row.added_by')
    .leftJoin('change as removed', 'removed.id', 'row.removed_by')
    .select(['suite.id', 'suite.name', 'row.settings_json'])
    .where('suite.archive_id', '=', archiveId)
    .where('added.revision', '<=', revision)
    .where((eb) => eb.or([eb('removed.revision', 'is', null), eb('removed.revision', '>', revision)]))
    .orderBy('suite.name')
    .execute()
  const aliases = await db
    .selectFrom('suite_alias as row')
    .innerJoin('change as added', 'added.id', 'row.added_by')
    .leftJoin('change as removed', 'removed.id', 'row.removed_by')
    .select(['row.name', 'row.suite_id'])
    .where('row.archive_id', '=', archiveId)
    .where('added.revision', '<=', revision)
    .where((eb) => eb.or([eb('removed.revision', 'is', null), eb('removed.revision', '>', revision)]))
    .orderBy('row.name')
    .execute()
  return new Suites(
    settings.map((row) => ({
      id: row.id,
      name: row.name,
      settings: recordedSettings(row.name, row.settings_json),
      aliases: aliases.filter((alias) => alias.suite_id === row.id).map((alias) => alias.name),
    })),
  )
}

/** The settings of a suite as they were when a revision was sealed. */
export async function settingsAt(db: Kysely<Tables>, suiteId: number, revision: number): Promise<SuiteSettings> {
  const row = await db
    .selectFrom('suite_settings as row')
    .innerJoin('suite', 'suite.id', 'row.suite_id')
    .innerJoin('change as added', 'added.id', 'row.added_by')
    .leftJoin('change as removed', 'removed.id', 'row.removed_by')
    .select(['suite.name', 'row.settings_json'])
    .where('row.suite_id', '=', suiteId)
    .where('added.revision', '<=', revision)
    .where((eb) => eb.or([eb('removed.revision', 'is', null), eb('removed.revision', '>', revision)]))
    .executeTakeFirstOrThrow()
  return recordedSettings(row.name, row.settings_json)
}
