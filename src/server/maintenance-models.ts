/** The models of vacuum and fsck. */
import { type TSchema, Type } from 'typebox'
import { closed } from './model-parts.ts'

export const VacuumWish = closed('VacuumWish', {
  dryRun: Type.Optional(Type.Boolean({ description: 'Tell the plan and do nothing' })),
})
export const FsckWish = closed('FsckWish', {
  deep: Type.Optional(Type.Boolean({ description: 'Re-read every copy; an interrupted run goes on where it was' })),
  repair: Type.Optional(Type.Boolean({ description: 'Replace bad and missing copies from other ones' })),
  rebuild: Type.Optional(Type.Boolean({ description: 'Repair, then make lost packs of indexes again' })),
  store: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: 'The only store to look into' })),
  bytesPerSecond: Type.Optional(
    Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'How fast `deep` reads at most' }),
  ),
})

export const maintenanceModels: readonly TSchema[] = [VacuumWish, FsckWish]
