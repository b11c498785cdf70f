/**
 * Where automatically built debug symbols go: into a suite of their own, if the suite that they are uploaded or copied to
 * names one (as Debian's `trixie-debug`); or else beside its packages, in a component of their own (`main/debug`).
 */
import { AshlarError } from '../common/errors.ts'
import type { Suite, Suites } from './suite-table.ts'

/** The suite that takes the debug symbols of what comes into a suite. @throws AshlarError suite-unknown */
export function debugSuiteOf(suites: Suites, suite: Suite): Suite | undefined {
  const name = suite.settings.debugSuite
  if (name === null) return undefined
  const found = suites.find(name)
  if (found !== undefined) return found
  throw new AshlarError(
    'suite-unknown',
    `The debug symbols of '${suite.name}' go into the suite '${name}', which does not exist; create it, or set another.`,
  )
}

/** Whether a suite has debug symbols among its packages, since some suite names it for them. */
export function isDebugSuite(suites: Suites, { name }: Suite): boolean {
  return suites.all.some(
    ({ settings: { debugSuite } }) => debugSuite !== null && suites.find(debugSuite)?.name === name,
  )
}
