/** A clock that a test moves, for any programs: libfaketime answers them with the time of a file. */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface MovedClock {
  /** What a program needs in its environment to have this clock. */
  readonly env: Readonly<Record<string, string>>
  /** From now on it is so many hours later than it really is; what a program waits for comes so much earlier. */
  move(hours: number): Promise<void>
}

/** @returns where libfaketime is, or why there is none */
export async function findFaketime(): Promise<{ readonly library: string } | { readonly missing: string }> {
  for (const machine of await readdir('/usr/lib')) {
    const folder = join('/usr/lib', machine, 'faketime')
    const names = await readdir(folder).catch((): string[] => [])
    if (names.includes('libfaketimeMT.so.1')) return { library: join(folder, 'libfaketimeMT.so.1') }
  }
  return { missing: 'libfaketime is not installed' }
}

/** @param file is written when the clock moves */
export async function movedClock(library: string, file: string): Promise<MovedClock> {
  await writeFile(file, '+0')
  return {
    // Timers too, since the monotonic clock moves along; but not the times of files, of which apt asks for newer ones.
    env: { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', NO_FAKE_STAT: '1' },
    move: (hours) => writeFile(file, `+${hours}h`),
  }
}
