/** Why a package cannot be installed, as people read it. */
import type { InstallReason, NeededPackage } from './install-reasons.ts'
import type { PackageReference } from './package-universe.ts'

interface Uninstallable extends PackageReference {
  /** Undecided: the search was given up at its bound, which says nothing. */
  readonly verdict: 'broken' | 'undecided'
  readonly reasons: readonly InstallReason[]
}

/** The package, and a line or more for each reason. */
export function uninstallableLines(found: Uninstallable): string[] {
  const head = `${found.name} ${found.version} ${found.architecture}`
  if (found.verdict === 'undecided') return [`${head}: undecided, the search was given up`]
  return [head, ...found.reasons.flatMap(reasonLines).map((line) => `  ${line}`)]
}

function reasonLines(reason: InstallReason): string[] {
  switch (reason.kind) {
    case 'missing':
      return [[...stepsOf(reason), `${named(reason.package)} needs ${reason.needs}, which nothing meets`].join('; ')]
    case 'unreadable':
      return [[...stepsOf(reason), `${named(reason.package)} cannot be read: ${reason.detail}`].join('; ')]
    case 'conflict':
      return [
        conflictOf(reason),
        ...[reason.first, reason.second].map(stepsOf).map((steps) => `  ${steps.join('; ')}`),
      ].filter((line) => line.trim() !== '')
  }
}

function conflictOf({ first, second, relation }: Extract<InstallReason, { kind: 'conflict' }>): string {
  const [one, other] = [named(first.package), named(second.package)]
  return relation === null
    ? `${one} and ${other} cannot both be installed`
    : `${one} conflicts with ${other} (${relation})`
}

function stepsOf({ chain }: NeededPackage): string[] {
  return chain.map((step) => `${named(step.package)} needs ${step.needs}`)
}

function named({ name, version }: PackageReference): string {
  return `${name} ${version}`
}
