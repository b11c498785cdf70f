import type { FaultPoint, Faults } from '../common/faults.ts'
import { storageError } from '../storage/storage-error.ts'

/** What fails at a fault point reads as it would from the disk. */
export async function reachExpiry(faults: Faults, point: FaultPoint): Promise<void> {
  try {
    await faults.reach(point)
  } catch (error) {
    throw storageError(error, 'expiring what is old')
  }
}
