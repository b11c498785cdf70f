/**
 * Begins to count the processor time that this thread spends, and gives a function that tells it in milliseconds. What
 * else the machine does, and how long a test waits for it, is not counted.
 */
export function processorTime(): () => number {
  const start = process.threadCpuUsage()
  return () => {
    const { user, system } = process.threadCpuUsage(start)
    return (user + system) / 1000
  }
}
