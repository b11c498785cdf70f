/** Measuring other programs, and saying what was measured. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, stat } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'

export interface Cost {
  readonly wallSeconds: number
  /** Of the program and all that it started. */
  readonly cpuSeconds: number
  readonly peakBytes: number
}

/** Runs a program to its end. @throws Error with what it said, if it fails */
export async function cost(
  command: string,
  words: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Cost> {
  const child = spawn('/usr/bin/time', ['-f', '%e %U %S %M', command, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-10_000)))
  const startedAt = performance.now()
  const [code] = (await once(child, 'close')) as [number | null]
  const wallSeconds = (performance.now() - startedAt) / 1000
  if (code !== 0) throw new Error(`${command} ${words.slice(0, 4).join(' ')} … ended with ${code}: ${said}`)
  const [, user, system, kilobytes] = said.trimEnd().split('\n').at(-1)?.split(' ').map(Number) ?? []
  return { wallSeconds, cpuSeconds: (user ?? 0) + (system ?? 0), peakBytes: (kilobytes ?? 0) * 1024 }
}

/** A field of /proc/PID/status in bytes: VmHWM is the peak of resident memory. */
export async function memoryOf(pid: number, field: 'VmHWM' | 'VmRSS'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
}

/** User and system time of a process so far, in seconds. */
export async function cpuOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Of all files below a directory. */
export async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  let bytes = 0
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size
  }
  return bytes
}

export interface Spread {
  readonly median: number
  readonly p90: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { median: at(0.5), p90: at(0.9), max: at(1) }
}

/** Asks an address again and again while something else goes on. */
export class Probe {
  readonly #url: string
  readonly #answers: number[] = []
  #running = true
  readonly #done: Promise<void>

  constructor(url: string, everyMs = 5) {
    this.#url = url
    this.#done = this.#run(everyMs)
  }

  async #run(everyMs: number): Promise<void> {
    while (this.#running) {
      const startedAt = performance.now()
      await (await fetch(this.#url)).arrayBuffer()
      this.#answers.push(performance.now() - startedAt)
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }

  /** The answer times in milliseconds. */
  async stop(): Promise<Spread> {
    this.#running = false
    await this.#done
    return spread(this.#answers)
  }
}

/** Lines as they are measured, and all of them as one document at the end. */
export class Report {
  readonly #rows: { step: string; what: string; value: string }[] = []
  readonly #json: boolean

  constructor(json: boolean) {
    this.#json = json
  }

  add(step: string, what: string, value: string): void {
    this.#rows.push({ step, what, value })
    process.stderr.write(`${step.padEnd(9)} ${what.padEnd(62)} ${value}\n`)
  }

  end(): void {
    const load = loadavg().map((value) => value.toFixed(2))
    if (this.#json) process.stdout.write(`${JSON.stringify({ load, rows: this.#rows }, null, 2)}\n`)
    else process.stderr.write(`load at the end: ${load.join(' ')}\n`)
  }
}

export const seconds = (value: number): string => `${value.toFixed(2)} s`
export const milliseconds = ({ median, p90, max }: Spread): string =>
  `median ${median.toFixed(0)} ms, p90 ${p90.toFixed(0)}, max ${max.toFixed(0)}`
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
export const kilobytes = (bytes: number): string => `${(bytes / 1e3).toFixed(0)} kB`
