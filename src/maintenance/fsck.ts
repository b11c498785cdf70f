/**
 * A check of the database against the stores, stage by stage. Nothing is removed by it, and nothing is changed but notes
 * (a copy is damaged, or was proven); with `repair` what is bad is made good. Like a vacuum it holds no lock while a store
 * is spoken to, and can be interrupted anywhere.
 */
import type { FsckEvent, FsckStage } from './finding.ts'
import type { FsckContext } from './fsck-context.ts'
import { rereadStores } from './fsck-deep.ts'
import { checkFiles } from './fsck-files.ts'
import { checkListings } from './fsck-listing.ts'
import { type RebuildPacks, rebuildLost } from './fsck-rebuild.ts'
import { checkSums } from './fsck-sums.ts'

export interface FsckOptions {
  /** Re-reads and re-hashes every copy; goes on where the last one was interrupted. */
  readonly deep?: boolean
  /** Replaces bad and missing copies from other ones, and corrects sums. */
  readonly repair?: boolean
  /** Repairs, then makes lost packs of indexes again from what their suites hold. */
  readonly rebuild?: boolean
  /** The name of the only store to look into; then only files with a copy in it are looked at. */
  readonly store?: string
  /** How fast `deep` reads at most, all stores together. */
  readonly bytesPerSecond?: number
  readonly signal?: AbortSignal
}

type Check = (context: FsckContext) => AsyncIterable<FsckEvent>

/** Tells what is found as it is found; the last event is the end. */
export async function* runFsck(
  context: FsckContext,
  wish: { readonly deep: boolean; readonly rebuild: RebuildPacks | undefined },
): AsyncGenerator<FsckEvent, void, undefined> {
  const { rebuild } = wish
  const checks: [FsckStage, Check][] = [
    ['sums', checkSums],
    ['listing', checkListings],
    ...(wish.deep ? [['deep', rereadStores] as [FsckStage, Check]] : []),
    ['files', checkFiles],
    ...(rebuild === undefined
      ? []
      : [['rebuild', (each: FsckContext) => rebuildLost(each, rebuild)] as [FsckStage, Check]]),
  ]
  for (const [stage, check] of checks) {
    yield { kind: 'stage', stage }
    for await (const event of check(context)) {
      context.signal.throwIfAborted()
      context.tally.add(event)
      yield event
    }
  }
  yield { kind: 'end', summary: context.tally.summary() }
}
