/** Microseconds since 1970 as ISO 8601 in UTC, `2026-11-23T08:01:27.123456Z`: the one form of a time in JSON and HTML. */
export function timestamp(micros: number): string {
  const milliseconds = Math.floor(micros / 1000)
  const rest = String(micros - milliseconds * 1000).padStart(3, '0')
  return new Date(milliseconds).toISOString().replace('Z', `${rest}Z`)
}
