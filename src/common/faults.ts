/**
 * Places in the durable write paths where a test can make the process fail.
 *
 * A crash is simulated, not hoped against (SQLite's way): every step that makes something durable first reaches its
 * point here, and the suites in test/fault walk the points one by one. In production nothing happens at them.
 */

const publishing = [
  'spool.write',
  'spool.sync',
  'store.move',
  'store.sync-directory',
  'store.record',
  'artifact.record',
  'artifact.complete',
  'change.record',
  'seal.prepare',
  'seal.pack',
  'seal.sign',
  'seal.before-commit',
  'seal.after-commit',
  'index.assemble',
] as const

const maintenance = [
  'expire.revisions',
  'expire.sweep',
  'expire.artifact',
  'transfer.put',
  'transfer.verify',
  'transfer.record',
  'copy.condemn',
  'copy.delete',
  'copy.forget',
] as const

const receiving = ['incoming.reserve', 'incoming.record', 'upload.record', 'upload.finish'] as const

const points = [...publishing, ...maintenance, ...receiving] as const

export type FaultPoint = (typeof points)[number]

/** The points that an upload and its seal reach, in their order. */
export const publishingFaultPoints: readonly FaultPoint[] = publishing

/** The points that vacuum, repair and purge reach beside those of publishing. */
export const maintenanceFaultPoints: readonly FaultPoint[] = maintenance

/** The points that an upload with a .changes reaches beside those of publishing. */
export const receivingFaultPoints: readonly FaultPoint[] = receiving

export interface Faults {
  /** Called immediately before the step it is named after. Rejects, or never returns, where a fault is set. */
  reach(point: FaultPoint): Promise<void>
}

/** What production uses: nothing ever fails here. */
export const noFaults: Faults = { reach: () => Promise.resolve() }

interface Fault {
  readonly point: FaultPoint
  readonly effect: 'kill' | 'enospc' | 'eio'
  /** Which time the point is reached, from 1. */
  readonly nth: number
  /** Whether it strikes every later time too. */
  readonly onward: boolean
}

/**
 * Faults as a test asks for them: `point:effect:n`, several separated by commas. At the n-th time the point is
 * reached `kill` ends this process with SIGKILL, `enospc` and `eio` throw that system error; `n+` strikes from the
 * n-th time on.
 *
 * @throws Error if the specification is not understood: a fault test that injects nothing would prove nothing.
 */
export function faultsFrom(specification: string | undefined): Faults {
  if (specification === undefined || specification === '') return noFaults
  const faults = specification.split(',').map(parseFault)
  const reached = new Map<FaultPoint, number>()
  return {
    async reach(point) {
      const count = (reached.get(point) ?? 0) + 1
      reached.set(point, count)
      const fault = faults.find((one) => one.point === point && (one.onward ? count >= one.nth : count === one.nth))
      if (fault !== undefined) await strike(fault)
    },
  }
}

function parseFault(text: string): Fault {
  const match = /^([a-z.-]+):(kill|enospc|eio):([1-9][0-9]*)(\+?)$/.exec(text)
  const point = points.find((one) => one === match?.[1])
  const effect = (['kill', 'enospc', 'eio'] as const).find((one) => one === match?.[2])
  if (match === null || point === undefined || effect === undefined) {
    throw new Error(`ASHLAR_FAULT: '${text}' is not point:kill|enospc|eio:n with a known point`)
  }
  return { point, effect, nth: Number(match[3]), onward: match[4] === '+' }
}

async function strike(fault: Fault): Promise<void> {
  switch (fault.effect) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      // The signal may arrive a moment later; nothing after this point may happen in between.
      return new Promise<void>(() => {})
    case 'enospc':
      throw systemError('ENOSPC', 28, 'no space left on device', fault.point)
    case 'eio':
      throw systemError('EIO', 5, 'i/o error', fault.point)
  }
}

function systemError(code: string, number: number, text: string, point: FaultPoint): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${text}, ${point} (injected)`), { code, errno: -number, syscall: 'write' })
}
