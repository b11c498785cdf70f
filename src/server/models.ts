/**
 * All models of the API: what a request may hold and what an answer holds. Each has a name in the OpenAPI document;
 * requests are checked against them before a handler runs, and refuse members that are not named there.
 */
import { type TSchema, Type } from 'typebox'
import { checkModels } from './check-models.ts'
import { mirrorModels } from './mirror-models.ts'
import { uploadModels } from './upload-models.ts'
import { userModels } from './user-models.ts'
import { whyModels } from './why-models.ts'
import { accessModels } from './access-models.ts'
import { artifactModels } from './artifact-models.ts'
import { changeModels } from './change-models.ts'
import { maintenanceModels } from './maintenance-models.ts'
import { open } from './model-parts.ts'
import { storeModels } from './store-models.ts'
import { suiteModels } from './suite-models.ts'

export const Problem = open(
  'Problem',
  {
    type: Type.String({ description: 'Stable name of the kind of problem: `urn:ashlar:error:` and the code' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong in this case' }),
    instance: Type.String(),
    code: Type.String(),
    advice: Type.String({ description: 'What to do about it' }),
    requestId: Type.String(),
    in: Type.Optional(Type.String({ description: 'The part of the request that is not valid' })),
    field: Type.Optional(Type.String({ description: 'JSON pointer to what is not valid' })),
  },
  { description: 'A problem document as in RFC 9457' },
)

export const Health = open('Health', {
  status: Type.Union([Type.Literal('ok'), Type.Literal('failing')]),
  checks: Type.Record(Type.String(), Type.String(), { description: '`ok`, or what is wrong' }),
})

/** Each becomes a schema of the OpenAPI document. */
export const models: readonly TSchema[] = [
  Problem,
  Health,
  ...artifactModels,
  ...suiteModels,
  ...changeModels,
  ...accessModels,
  ...storeModels,
  ...maintenanceModels,
  ...checkModels,
  ...mirrorModels,
  ...uploadModels,
  ...userModels,
  ...whyModels,
]
