/** How an import reads: what became of each suite and each snapshot, and what could not be taken over. */
import type { OldRepository } from '../import/old-repository.ts'
import { type Imported, told } from './import-run.ts'
import type { Outcome } from './outcome.ts'
import { table } from './table.ts'
import { counted, localTime, sizeText } from './wording.ts'

/** Notes shown to people; the rest is counted. */
const SHOWN = 30

export function importOutcome(imported: Imported): Outcome {
  const { suites, states, packages, sentFiles, sentBytes, unchanged, notes } = imported
  const suiteRows = suites.map((each) => [each.name, each.was, String(each.packages), `r${each.revision}`])
  const stateRows = states.map(({ name, at, suites: of, revision }) => [
    name,
    localTime(at),
    of.join(', '),
    revision === null ? '' : `r${revision}`,
  ])
  const first = unchanged
    ? 'All of it was here already.'
    : `Imported ${counted(packages, 'package')}; sent ${counted(sentFiles, 'file')} (${sizeText(sentBytes)}).`
  const parts = [
    first,
    table(['SUITE', 'WAS', '>PACKAGES', '>STATE'], suiteRows),
    ...(states.length === 0 ? [] : [table(['SNAPSHOT', 'OF', 'IN', '>STATE'], stateRows)]),
    ...noteLines(notes),
  ]
  return { document: imported, text: parts.join('\n\n'), brief: suites.map(({ name }) => name).join('\n') }
}

export function planOutcome(old: OldRepository): Outcome {
  const states = old.past.map(told)
  const suites = old.suites.map(({ name, was, aliases, settings }) => {
    const groups = old.present.get(name) ?? []
    const packages = new Set(groups.flatMap((group) => [...group.packages])).size
    return { name, was, aliases, settings, packages }
  })
  const suiteRows = suites.map((each) => [each.name, each.was, String(each.packages)])
  const stateRows = states.map(({ name, at, suites: of }) => [name, localTime(at), of.join(', ')])
  const parts = [
    `There are ${counted(old.packages.length, 'package')} to import.`,
    table(['SUITE', 'WAS', '>PACKAGES'], suiteRows),
    ...(states.length === 0 ? [] : [table(['SNAPSHOT', 'OF', 'IN'], stateRows)]),
    ...noteLines(old.notes),
  ]
  return {
    document: { packages: old.packages.length, suites, states, notes: old.notes },
    text: parts.join('\n\n'),
    brief: suites.map(({ name }) => name).join('\n'),
  }
}

function noteLines(notes: readonly string[]): string[] {
  if (notes.length === 0) return []
  const more = notes.length > SHOWN ? [`and ${counted(notes.length - SHOWN, 'more', 'more')}; see --json`] : []
  return [[...notes.slice(0, SHOWN), ...more].map((note) => `Note: ${note}`).join('\n')]
}
