/** How quantities and times read to people. */
export { sizeText } from '../common/size-text.ts'

/** `1 package`, `1,500 packages`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : plural}`
}

/** An ISO time in the reader's own zone, `2026-11-23 09:01:27`; an empty text if there is none. */
export function localTime(iso: string | null | undefined): string {
  if (iso === null || iso === undefined) return ''
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return iso
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
