/**
 * Which snapshots of aptly are states of one thing: those made in the same way from the same sources. aptly does not
 * keep what was published when; but what is published now is usually the last of such a line, whose earlier ones were
 * published before.
 */
import type { Snapshot } from './aptly-database.ts'

/** A snapshot's line: the same text for snapshots that follow each other. */
export function lineOf(snapshot: Snapshot, byId: ReadonlyMap<string, Snapshot>): string {
  if (snapshot.sourceKind !== 'snapshot') return `${snapshot.sourceKind} ${snapshot.sourceIds.toSorted().join(' ')}`
  // `Merged from sources: 'a-1', 'b-1'`: the same sentence but for the names of snapshots.
  const sources = snapshot.sourceIds.map((id) => byId.get(id))
  const sentence = sources.reduce((text, source) => {
    return source === undefined ? text : text.replaceAll(`'${source.name}'`, "''")
  }, snapshot.description)
  return `snapshot ${rootsOf(snapshot, byId).join(' ')} ${sentence}`
}

/** Local repos, mirrors, and snapshots that are gone, from which a snapshot was made in the end. */
function rootsOf(snapshot: Snapshot, byId: ReadonlyMap<string, Snapshot>): string[] {
  const roots = new Set<string>()
  const seen = new Set<string>()
  const visit = (kind: string, ids: readonly string[]): void => {
    for (const id of ids) {
      const source = kind === 'snapshot' ? byId.get(id) : undefined
      if (source === undefined) roots.add(id)
      else if (!seen.has(id)) {
        seen.add(id)
        visit(source.sourceKind, source.sourceIds)
      }
    }
  }
  visit(snapshot.sourceKind, snapshot.sourceIds)
  return [...roots].toSorted()
}
