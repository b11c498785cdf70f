/** Text and buffers that long work goes through before what it has left of them is collected. */
const BYTES_BETWEEN = 16 * 1024 * 1024

/**
 * For work in a thread that goes through much and keeps little: V8 would let what is done with grow to a hundred
 * megabytes before it collects it. Where the process has --expose-gc (bin/ashlar.js) that is done each time so many
 * bytes went by, which takes some milliseconds with a heap as small as a thread's.
 *
 * @returns to be told how many bytes went by
 */
export function collectOften(): (bytes: number) => void {
  const { gc } = globalThis
  if (gc === undefined) return () => {}
  let passed = 0
  return (bytes) => {
    passed += bytes
    if (passed < BYTES_BETWEEN) return
    passed = 0
    gc()
  }
}
