import type { NewlyUninstallable, PackageLine, Preview, PreviewedStep, SealedChange } from '../client/client.ts'
import { uninstallableLines } from '../debian/install-reason-text.ts'
import type { Outcome } from './outcome.ts'
import { counted } from './wording.ts'

/** Lines of packages shown to people; the rest is counted. */
const SHOWN = 20

/** How a sealed change reads: what happened, then where the archive stays as it now is. */
export function changeOutcome(change: SealedChange, sentences: { unchanged: string; done?: string }): Outcome {
  if (change.unchanged && (change.leftOut ?? []).length === 0) return { document: change, text: sentences.unchanged }
  const lines = [
    ...changeLines(change, sentences.done),
    `Sealed in r${change.revision}; it stays installable from ${change.snapshot}`,
  ]
  return { document: change, text: lines.join('\n') }
}

/** What happened, and the packages that came and went. */
export function changeLines(change: Described, done?: string): string[] {
  const { leftOut = [], unmet = [], uninstallable = [] } = change
  return [
    done ?? summary(change),
    ...packageLines('+', change.added, change.addedCount),
    ...packageLines('-', change.removed, change.removedCount),
    ...leftOut.map((each) => `  ! ${each.name} ${each.version} ${each.architecture} was purged, and is left out`),
    ...unmet
      .slice(0, SHOWN)
      .map((each) => `  ! ${each.name} ${each.version} ${each.architecture} needs ${each.relation}`),
    ...(unmet.length > SHOWN
      ? [`  ! and ${counted(unmet.length - SHOWN, 'need', 'needs')} more that nothing meets`]
      : []),
    ...uninstallable.slice(0, SHOWN).flatMap(uninstallableInSuite),
  ]
}

/** What would come and go. */
export function previewOutcome(preview: Preview): Outcome {
  const changes = preview.steps.filter((step) => step.addedCount + step.removedCount > 0)
  const lines = changes.flatMap((step) => changeLines(step, `${summary(step).replace(/\.$/, '')}, if it were done.`))
  return { document: preview, text: lines.length === 0 ? 'No package would come or go.' : lines.join('\n') }
}

type Later = 'leftOut' | 'unmet' | 'uninstallable'

type Described = Omit<PreviewedStep, Later> & Pick<SealedChange, Later>

function uninstallableInSuite(found: NewlyUninstallable): string[] {
  const [head = '', ...reasons] = uninstallableLines({ ...found, verdict: 'broken' })
  return [
    `  ! ${head} cannot be installed from ${found.suite} on ${found.machine}`,
    ...reasons.map((line) => `    ${line}`),
  ]
}

function summary(change: Described): string {
  const added = change.addedCount === 0 ? [] : [`${counted(change.addedCount, 'package')} added`]
  const removed = change.removedCount === 0 ? [] : [`${counted(change.removedCount, 'package')} removed`]
  const parts = [...added, ...removed]
  return `${change.suite}: ${parts.length === 0 ? 'changed' : parts.join(', ')}.`
}

function packageLines(sign: string, lines: readonly PackageLine[], count: number): string[] {
  const shown = lines.slice(0, SHOWN).map((each) => `  ${sign} ${each.name} ${each.version} ${each.architecture}`)
  return count > shown.length ? [...shown, `  ${sign} and ${counted(count - shown.length, 'more', 'more')}`] : shown
}
