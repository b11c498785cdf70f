/** How quantities and times read to people. */

/** `1 package`, `1,500 packages`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : plural}`
}

/** `17 B`, `1.4 KiB`, `2.0 GiB`. */
export function sizeText(sizeBytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = sizeBytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`
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
