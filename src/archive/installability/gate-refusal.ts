/** Why a gate refuses a change, in a sentence. */
import { AshlarError } from '../../common/errors.ts'
import type { InstallReason } from '../../debian/install-reasons.ts'
import type { NewlyUninstallable } from '../change-request.ts'
import type { GateFinding } from './installability-gate.ts'

/** Packages that the sentence names; the others are counted. */
const NAMED = 3

export function describeFindings(findings: readonly GateFinding[]): AshlarError {
  const count = findings.reduce((sum, finding) => sum + finding.count, 0)
  const packages = findings.flatMap((finding) => finding.packages)
  const suites = findings.map(({ suite }) => `'${suite.name}'`).join(' and ')
  const machines = Map.groupBy(packages, ({ suite, name, version }) => `${suite} ${name} ${version}`)
  const named = [...machines.values()].slice(0, NAMED).map(sentenceOf)
  const more = count > named.length ? [`${count - named.length} more`] : []
  const what = count === 1 ? 'a package that cannot be installed' : `${count} packages that cannot be installed`
  return new AshlarError('uninstallable', `It would leave ${what} in ${suites}: ${[...named, ...more].join('; ')}.`, {
    extra: { uninstallable: packages },
  })
}

/** @param found one package on several machines */
function sentenceOf(found: readonly NewlyUninstallable[]): string {
  const [first] = found
  const [reason] = first?.reasons ?? []
  const machines = found.map(({ machine }) => machine).join(', ')
  return `${first?.name} ${first?.version} on ${machines}${reason === undefined ? '' : ` (${wordsOf(reason)})`}`
}

function wordsOf(reason: InstallReason): string {
  switch (reason.kind) {
    case 'missing':
      return `${reason.package.name} ${reason.package.version} needs ${reason.needs}, which nothing meets`
    case 'unreadable':
      return `${reason.package.name} ${reason.package.version} cannot be read`
    case 'conflict': {
      const [one, other] = [reason.first.package, reason.second.package]
      return `${one.name} ${one.version} conflicts with ${other.name} ${other.version}`
    }
  }
}
