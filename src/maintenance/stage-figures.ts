/** The figures of stores and scopes, taken once each vacuum for `ashlar store list` and /metrics. */
import { takeFigures } from '../storage/figures.ts'
import type { Context } from './context.ts'
import type { Step } from './plan.ts'

export async function* figureSteps({ database, dryRun, signal }: Context): AsyncGenerator<Step, void, undefined> {
  if (dryRun) return
  yield {
    lines: [],
    carryOut: async () => {
      await takeFigures(database, await database.now(), signal)
      return []
    },
  }
}
