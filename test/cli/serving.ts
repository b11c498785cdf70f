/** The `ashlar` command as a child process: a server that runs, and commands that speak to it. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const launcher = new URL('../../bin/ashlar.js', import.meta.url).pathname

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What comes on stdin; nothing unless it is given. */
  readonly input?: string
}

/** Runs a command to its end. */
export async function ashlar(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return outputOf(start(words, options))
}

/** Runs a command with `--json`, and gives its document. Fails if there is more or less than one on stdout. */
export async function ashlarJson(words: readonly string[], options: RunOptions = {}): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await ashlar([...words, '--json'], options)
  try {
    return JSON.parse(stdout) as Record<string, unknown>
  } catch {
    throw new Error(`${words.join(' ')} printed ${JSON.stringify(stdout)} and said ${stderr}`)
  }
}

export interface Serving extends AsyncDisposable {
  readonly url: string
  /** The ready line and what follows it at once. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly child: ChildProcess
  /** Options for commands that shall find the server by its client.toml: they run beside the data directory. */
  readonly beside: { readonly cwd: string }
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

/** Starts `ashlar serve` with its data in `<home>/ashlar-data`, and waits until it is ready. */
export async function startServing(
  home: string,
  words: readonly string[] = [],
  options: RunOptions = {},
): Promise<Serving> {
  const child = start(['serve', ...words, '--listen', '127.0.0.1:0', '--data', join(home, 'ashlar-data')], {
    cwd: home,
    ...options,
  })
  const end = outputOf(child)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ready = await Promise.race([firstLine(child), end.then((ended) => ended)])
  const url = typeof ready === 'string' ? /http:\/\/[^\s"]+/.exec(ready)?.[0] : undefined
  if (url === undefined) throw new Error(`serve did not become ready: ${JSON.stringify(ready)}`)
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> => {
    child.kill(signal)
    return end
  }
  return {
    url,
    stdout: () => stdout,
    stderr: () => stderr,
    child,
    beside: { cwd: home },
    stop,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
    },
  }
}

function start(words: readonly string[], options: RunOptions): ChildProcess {
  const { ASHLAR_SERVER: _server, ASHLAR_TOKEN: _token, ...env } = process.env
  const child = spawn(process.execPath, [launcher, ...words], {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    // Nothing that the machine's user has configured shall be found.
    env: { ...env, XDG_CONFIG_HOME: '/nonexistent', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  child.stdin?.end(options.input)
  return child
}

async function outputOf(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, stdout, stderr }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the output is not piped')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return line
}

/** Asks again and again until the answer is not undefined: for what happens by itself some time later. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
