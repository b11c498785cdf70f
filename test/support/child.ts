/** Child processes that a test talks to by lines: programs of this checkout, run by the same Node. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Child extends AsyncDisposable {
  readonly pid: number
  /** The next line of its standard output; undefined once it has ended. */
  line(): Promise<string | undefined>
  /** Sends a signal and waits for its end. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Its exit status, when it ends by itself. */
  ended(): Promise<number | null>
}

/** Starts a program, given as a URL beside the test; its standard error goes to the test's. */
export function startProgram(program: URL, args: readonly string[]): Child {
  const child = spawn(process.execPath, [program.pathname, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exit = exitOf(child)
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    await exit
  }
  if (child.pid === undefined) throw new Error(`${program.pathname} cannot be started.`)
  return {
    pid: child.pid,
    kill,
    ended: () => exit,
    async line(): Promise<string | undefined> {
      const next = await lines.next()
      return next.done === true ? undefined : next.value
    },
    [Symbol.asyncDispose]: () => kill('SIGKILL'),
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
  })
}
