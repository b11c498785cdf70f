import { Command, Option } from 'commander'
import { usualDataDirectory } from './data-directory-name.ts'
import type { GlobalOptions } from './session.ts'
import { names } from './list-option.ts'

/** What commander makes of the options of `ashlar serve`. */
export interface ServeOptions {
  readonly suite: string
  readonly data: string
  readonly listen: string
  readonly database?: string
  readonly publicUrl?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly trustProxy?: true | string[]
  readonly logLevel: string
}

/** `ashlar serve`: the only command that opens a database. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the server, and publish the packages of a folder while it runs')
    .argument('[dir]', 'a folder of packages to publish and to follow')
    .option('--suite <name>', 'the suite that the folder is published in; made if missing', 'stable')
    .option('--data <dir>', 'where Ashlar keeps its data; made if missing', `./${usualDataDirectory}`)
    .option('--listen <address>', 'where to listen: host:port, or a port', '127.0.0.1:8080')
    .addOption(
      new Option(
        '--database <url>',
        'sqlite:/path/to/file or postgres://user@host/name (default: SQLite in --data)',
      ).env('ASHLAR_DATABASE'),
    )
    .option('--public-url <url>', 'how clients reach this server (default: where it listens)')
    .option('--tls-cert <file>', 'speak TLS, with this certificate chain (PEM)')
    .option('--tls-key <file>', 'the key of the certificate (PEM)')
    .option(
      '--trust-proxy [addresses]',
      'believe X-Forwarded-* of all proxies, or of these addresses and networks',
      names,
    )
    .addOption(
      new Option('--log-level <level>', 'what to log on stderr')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .action(async (directory: string | undefined, options: ServeOptions, command: Command) => {
      const { serve } = await import('./serve-run.ts')
      const { faultsFrom } = await import('../common/faults.ts')
      // Tests make durable writes fail by this; nothing below reads the environment.
      const faults = faultsFrom(process.env['ASHLAR_FAULT'])
      await serve(directory, options, { global: command.optsWithGlobals<GlobalOptions>(), faults })
    })
}
