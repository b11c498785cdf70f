/** One run of `ashlar import`: look at all of it, send what is missing, make suites, bring states, oldest first. */
import { AshlarError } from '../common/errors.ts'
import type { OldRepository, OldState, OldSuite } from '../import/old-repository.ts'
import { sendPackages } from './import-artifacts.ts'
import { type Content, contentOf, hasSeveralVersions } from './import-content.ts'
import { ImportKeys } from './import-keys.ts'
import { type PlannedPackage, planPackages } from './import-pool.ts'
import { SuitesOnTheWay } from './import-states.ts'
import { contentHere, makeSuites, planSuites } from './import-target.ts'
import type { Session } from './session.ts'

export interface ImportOptions {
  /** Tells people, and imports into one workspace, apart: `jane@example.org~ORIGIN`. */
  readonly origin: string
  /** Bring back what the old program has where suites were changed here since an earlier run. */
  readonly overwrite: boolean
  /** Record packages for who brought them. */
  readonly uploaders: boolean
}

export interface ImportedState {
  readonly name: string
  readonly at: string | null
  readonly suites: readonly string[]
  /** Null if it was not brought: later states were here already. */
  readonly revision: number | null
}

export interface Imported {
  readonly suites: readonly {
    readonly name: string
    readonly was: string
    readonly packages: number
    readonly revision: number
  }[]
  readonly states: readonly ImportedState[]
  readonly packages: number
  readonly sentFiles: number
  readonly sentBytes: number
  /** Nothing had to be done. */
  readonly unchanged: boolean
  readonly notes: readonly string[]
}

/** A suite takes two steps of a batch, which has at most 200. */
const SUITES_AT_A_TIME = 100

/** What an import would do, found without a server. */
export async function planImport(old: OldRepository): Promise<{ packages: PlannedPackage[]; digests: string[] }> {
  const packages = await planPackages(old.packages)
  return { packages, digests: packages.map(({ artifact }) => artifact.files[0]?.sha256 ?? '') }
}

export async function runImport(session: Session, old: OldRepository, options: ImportOptions): Promise<Imported> {
  const { workspace } = session
  const notes = new Set(old.notes)
  const planned = await planImport(old)
  const keys = new ImportKeys(workspace, options.origin)
  const suites = await planSuites(workspace, keys, withVersions(old, planned.digests, notes))
  const done = await Promise.all(old.past.map(({ key }) => keys.done(`state ${key}`)))
  const present = await keys.done('present')
  const lastRevision = Math.max(
    0,
    ...[present, ...done].flatMap(({ batches }) => batches.map(({ revision }) => revision)),
  )
  if (!options.overwrite) requireOwn([...suites.present.values()], lastRevision)

  const recordedFor = await attribution(session, planned.packages, options)
  const sent = await sendPackages(session, planned.packages, recordedFor)
  await makeSuites(workspace, keys, suites.missing)
  const held = await Promise.all(
    old.suites.map(async ({ name }): Promise<[string, Content]> => [
      name,
      suites.present.has(name) ? await contentHere(workspace, name) : new Map<string, never>(),
    ]),
  )
  const brought = {
    packages: old.packages,
    digests: planned.digests,
    artifacts: sent.ids,
    recordedFor: (index: number) => recordedFor(old.packages[index]?.uploader),
  }
  const onTheWay = new SuitesOnTheWay(workspace, brought, new Map(held), (sentence) => notes.add(sentence))
  const states: ImportedState[] = []
  let unchanged = suites.missing.length === 0 && sent.sentFiles === 0
  const lastDone = done.findLastIndex(({ batches }) => batches.length > 0)
  for (const [index, state] of old.past.entries()) {
    const found = done[index]
    let revision = found?.batches.at(-1)?.revision
    if (revision === undefined && index > lastDone && found !== undefined) {
      revision = (await onTheWay.bring(state.suites, found.nextKey)).revision
      unchanged = false
    } else if (revision === undefined) {
      notes.add(`${state.name} is older than what an earlier import brought, and was left out.`)
    }
    states.push({ ...told(state), revision: revision ?? null })
  }
  for (const some of slicesOf(old.present)) {
    if (onTheWay.holds(some)) continue
    const { nextKey } = await keys.done('present')
    await onTheWay.bring(some, nextKey)
    unchanged = false
  }
  const names = new Map(old.suites.map(({ name, was }) => [name, was]))
  const now = (await workspace.suites()).filter(({ name }) => names.has(name))
  return {
    suites: now.map(({ name, packages, revision }) => ({ name, was: names.get(name) ?? '', packages, revision })),
    states,
    packages: old.packages.length,
    sentFiles: sent.sentFiles,
    sentBytes: sent.sentBytes,
    unchanged,
    notes: [...notes],
  }
}

/** All suites at once, unless there are more than a change can be about. */
function slicesOf(suites: OldState['suites']): OldState['suites'][] {
  const all = [...suites]
  const count = Math.ceil(all.length / SUITES_AT_A_TIME)
  return Array.from(
    { length: count },
    (_, slice) => new Map(all.slice(slice * SUITES_AT_A_TIME, (slice + 1) * SUITES_AT_A_TIME)),
  )
}

export function told({ name, at, suites }: OldState): Omit<ImportedState, 'revision'> {
  return { name, at: at === undefined ? null : new Date(at).toISOString(), suites: [...suites.keys()] }
}

/** A suite that keeps only the newest version cannot hold what an old one did that had several at once. */
function withVersions(old: OldRepository, digests: readonly string[], notes: Set<string>): OldSuite[] {
  return old.suites.map((suite) => {
    if (suite.settings.versions === 'all') return suite
    const contents = [...old.past.map(({ suites }) => suites), old.present].flatMap((suites) => {
      const found = suites.get(suite.name)
      return found === undefined ? [] : [found]
    })
    if (!contents.some((each) => hasSeveralVersions(contentOf(old.packages, each, digests)))) return suite
    notes.add(`${suite.name} had several versions of a package at once, and keeps all versions here.`)
    return { ...suite, settings: { ...suite.settings, versions: 'all' } }
  })
}

/** Whoever has worked in a suite since the import does not want it to be undone unasked. @throws AshlarError conflict */
function requireOwn(suites: readonly { readonly name: string; readonly revision: number }[], last: number): void {
  const changed = suites.find(({ revision }) => last > 0 && revision > last)
  if (changed === undefined) return
  throw new AshlarError(
    'conflict',
    `${changed.name} has been changed here (r${changed.revision}) since it was imported (r${last}); ` +
      'with --overwrite it becomes what the old program has again, as a new revision.',
  )
}

/** Only admins may say that something is of another. */
async function attribution(
  session: Session,
  packages: readonly PlannedPackage[],
  { origin, uploaders }: ImportOptions,
): Promise<(uploader: string | undefined) => string | undefined> {
  if (!uploaders || packages.every(({ uploader }) => uploader === undefined)) return () => undefined
  try {
    await session.client.users()
  } catch (error) {
    if (!(error instanceof AshlarError) || error.code !== 'forbidden') throw error
    session.warn('Only an admin can record packages for those who brought them: all of them are recorded as yours.')
    return () => undefined
  }
  return (uploader) => (uploader === undefined ? undefined : `${uploader}~${origin}`)
}
