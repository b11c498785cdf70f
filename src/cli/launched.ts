/** Set by bin/ashlar.js when it runs the command under another Node. */
const LAUNCHER = 'ASHLAR_LAUNCHER'

/**
 * Ends this process when the launcher that started it is gone without a signal that could be passed on (kill -9):
 * a server left behind would hold its port and its data directory without anybody knowing.
 */
export function endWithLauncher(): void {
  if (process.env[LAUNCHER] === undefined || process.channel === undefined) return
  delete process.env[LAUNCHER]
  if (!process.connected) process.exit(137)
  process.once('disconnect', () => process.exit(137))
  process.channel.unref()
}
