import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { Access } from '../access/access.ts'
import type { Archives } from '../archive/archives.ts'
import type { Artifacts } from '../artifact/artifacts.ts'
import type { Database } from '../database/database.ts'
import type { Incoming } from '../incoming/incoming.ts'
import type { Maintenance } from '../maintenance/maintenance.ts'
import type { Mirrors } from '../mirror/mirrors.ts'
import type { Storage } from '../storage/storage.ts'
import type { Metrics } from './metrics.ts'

/** The rooms that the server puts on the network. It opens and closes none of them. */
export interface ServerDependencies {
  readonly database: Database
  readonly storage: Storage
  readonly access: Access
  readonly artifacts: Artifacts
  readonly archives: Archives
  readonly incoming: Incoming
  readonly mirrors: Mirrors
  readonly maintenance: Maintenance
  /** Where clients reach this server, `https://packages.example.org`; asked when it is needed. */
  readonly publicUrl: () => string
}

/** What every resource is given. */
export interface Context extends ServerDependencies {
  readonly metrics: Metrics
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>
