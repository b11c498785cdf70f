/**
 * The catalogue of everything that can go wrong and be said to a user.
 *
 * One entry per code: the HTTP status, the title (a constant sentence), and what to do. The problem document
 * (RFC 9457), the command's exit message and docs/reference/errors.md all come from this table, so a code is added
 * here or nowhere. The detail, which names the offending value, is given where the error is raised.
 */

export interface CatalogueEntry {
  /** HTTP status of the problem document. */
  readonly status: number
  /** What is wrong, in general. */
  readonly title: string
  /** What the reader can do about it. */
  readonly advice: string
}

export const catalogue = {
  'query-invalid': {
    status: 400,
    title: 'The package query cannot be read.',
    advice: 'docs/reference/package-queries.md has the language.',
  },
  'request-invalid': {
    status: 400,
    title: 'The request is not valid.',
    advice: 'Correct the named field or header; the API description at /api/v1/openapi.json has the shapes.',
  },
  'token-required': {
    status: 401,
    title: 'A token is needed here.',
    advice: 'Send a token, as a Bearer token or as the password of HTTP Basic; `ashlar token create` makes one.',
  },
  forbidden: {
    status: 403,
    title: 'This token may not do that.',
    advice: 'Use a token of somebody who has the role that is named, or let an owner give it: `ashlar user grant`.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such thing here.',
    advice: 'Check the name or number; the commands named `list` show what there is.',
  },
  gone: {
    status: 410,
    title: 'This has expired or was removed on purpose.',
    advice: 'Use a newer snapshot; `ashlar why` says when and why a file went.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This address does not take that method.',
    advice: 'The API description at /api/v1/openapi.json lists the methods.',
  },
  conflict: {
    status: 409,
    title: 'This contradicts what is already there.',
    advice: 'Look at what exists and choose another name, or remove it first.',
  },
  'last-admin': {
    status: 409,
    title: 'The last admin stays.',
    advice: 'Give somebody else the role first (`ashlar user grant NAME --role admin --instance`), and a token.',
  },
  'pool-name-taken': {
    status: 409,
    title: 'The archive has used this pool path for other bytes.',
    advice: 'Bytes under a published path never change: raise the version, or upload the very same file.',
  },
  'idempotency-key-reused': {
    status: 409,
    title: 'This idempotency key was used for another request.',
    advice: 'Use a new key for each different request.',
  },
  'upload-offset': {
    status: 409,
    title: 'The upload continues at another place.',
    advice: 'Ask with HEAD for the offset that is stored and continue there.',
  },
  'artifact-incomplete': {
    status: 409,
    title: 'The artifact is not complete yet.',
    advice: 'Upload the files that are named as missing.',
  },
  'artifact-complete': {
    status: 409,
    title: 'The artifact is complete and cannot change.',
    advice: 'Create a new artifact.',
  },
  'precondition-failed': {
    status: 412,
    title: 'What is stored is not what the request expected.',
    advice: 'Read the current state and decide again.',
  },
  'too-large': {
    status: 413,
    title: 'This is larger than allowed here.',
    advice: 'Send less, or ask the administrator to raise the limit.',
  },
  'range-not-satisfiable': {
    status: 416,
    title: 'The range lies outside the file.',
    advice: 'Ask for a range within the size named by Content-Range.',
  },
  'digest-mismatch': {
    status: 422,
    title: 'The bytes are not the ones that were announced.',
    advice: 'Compute size and SHA-256 of the file again, and send it again.',
  },
  'package-invalid': {
    status: 422,
    title: 'This file is not a valid Debian package.',
    advice: 'Rebuild the package, or check that the file was copied completely.',
  },
  'control-invalid': {
    status: 422,
    title: 'A control file breaks the rules of Debian policy.',
    advice: 'Correct the named field and rebuild.',
  },
  'upload-inconsistent': {
    status: 422,
    title: 'The parts of the upload do not agree.',
    advice: 'Build the upload again, so that the checksums fit its files.',
  },
  'signature-invalid': {
    status: 422,
    title: 'The signature is not good.',
    advice: 'Sign again with a key that is trusted here, or have the key of the signer added to the keyring.',
  },
  'keyring-invalid': {
    status: 422,
    title: 'These are not public keys.',
    advice: 'Give what `gpg --armor --export KEY` writes.',
  },
  'upload-refused': {
    status: 422,
    title: 'The upload was refused.',
    advice: 'Correct what is named and upload again; `ashlar queue show` has the verdict on every file.',
  },
  'signed-upload-required': {
    status: 422,
    title: 'The suite takes packages only by signed uploads.',
    advice: 'Sign the .changes with debsign, and send it with `ashlar upload`, dput or curl.',
  },
  'incoming-full': {
    status: 429,
    title: 'Too much waits in the incoming area of the suite.',
    advice: 'Send the .changes of what waits, or try again later; what has none goes after a day.',
  },
  'category-invalid': {
    status: 422,
    title: 'The artifact does not fit its category.',
    advice: 'docs/reference/categories.md says what each category holds.',
  },
  'suite-unknown': {
    status: 404,
    title: 'There is no such suite.',
    advice: '`ashlar suite list` shows the suites; `ashlar suite create` makes one.',
  },
  'suite-setting-invalid': {
    status: 422,
    title: 'The suite cannot be set up that way.',
    advice: 'Correct the named setting.',
  },
  'suite-frozen': {
    status: 409,
    title: 'The suite is frozen.',
    advice: 'Wait until it goes on, or ask an owner of the workspace to run `ashlar suite unfreeze`.',
  },
  'component-unknown': {
    status: 422,
    title: 'The suite does not have this component.',
    advice: '`ashlar suite show` lists its components.',
  },
  uninstallable: {
    status: 409,
    title: 'The change would leave a package that cannot be installed.',
    advice:
      'Bring what is missing in the same change; `ashlar suite check` and docs/how-to/check-installability.md help.',
  },
  'snapshot-unknown': {
    status: 404,
    title: 'There is no such snapshot.',
    advice: 'A snapshot is r17, or a moment such as 20261123T080127Z that is past; `ashlar suite history` lists them.',
  },
  'store-unusable': {
    status: 422,
    title: 'The store cannot be used as it is described.',
    advice: 'Correct what is named: the directory and its rights, the bucket, the endpoint or the credentials.',
  },
  'policy-impossible': {
    status: 422,
    title: 'The stores cannot be used that way.',
    advice:
      '`ashlar store list` shows the stores and what is set; docs/how-to/use-several-stores.md has ways that work.',
  },
  'clock-behind': {
    status: 503,
    title: 'The clock stands before the last published date.',
    advice: 'Set the clock of the server; publishing goes on by itself.',
  },
  'storage-full': {
    status: 507,
    title: 'The store has no room left.',
    advice: 'Free space or add a store; nothing that was stored is harmed.',
  },
  'storage-failed': {
    status: 503,
    title: 'The store could not be read or written.',
    advice: 'Look at the disk and at the log; try again. Nothing that was acknowledged is harmed.',
  },
  'file-corrupt': {
    status: 500,
    title: 'A stored file is not what it should be.',
    advice: 'Run `ashlar fsck --deep --repair`; what it cannot repair it names, to be restored from a backup.',
  },
  'upstream-failed': {
    status: 502,
    title: 'Another repository did not give what it should have.',
    advice: 'Try again later; if it goes on, look at the repository that is named.',
  },
  'upstream-limit': {
    status: 422,
    title: 'The other repository has more than the mirror allows.',
    advice: 'If that is right, allow more with `ashlar mirror set` and the option that is named.',
  },
  'upstream-lacks': {
    status: 422,
    title: 'The other repository does not have what is asked for.',
    advice: 'Correct the name, or what is asked of it, with `ashlar mirror set`.',
  },
  'database-unusable': {
    status: 500,
    title: 'The database cannot be used.',
    advice: 'Correct what is named and start again.',
  },
  'data-directory-in-use': {
    status: 500,
    title: 'Another Ashlar works on this data directory.',
    advice: 'Stop it first, or use PostgreSQL, where several may work together.',
  },
  busy: {
    status: 503,
    title: 'The work could not be done in time.',
    advice: 'Try again. A change that was sent may be sealed already: the same idempotency key finds it.',
  },
  'data-directory-unusable': {
    status: 500,
    title: 'The data directory cannot be used.',
    advice: 'Choose another with --data, or give this user the right to write there.',
  },
  'address-unusable': {
    status: 500,
    title: 'The server cannot listen there.',
    advice: 'Choose another address with --listen, or stop what uses this one.',
  },
  'file-unreadable': {
    status: 400,
    title: 'A local file or folder cannot be read.',
    advice: 'Check that it exists, what it is, and that this user may read it.',
  },
  'import-not-found': {
    status: 400,
    title: 'There is nothing of the other program.',
    advice: 'Name the folder that docs/how-to/move-from-aptly.md or docs/how-to/move-from-reprepro.md tells of.',
  },
  'import-unreadable': {
    status: 400,
    title: 'What another program left cannot be read.',
    advice: 'Let that program check it, and stop it while it is read; docs/how-to says what is looked for where.',
  },
  'server-unreachable': {
    status: 503,
    title: 'No Ashlar server answers.',
    advice: 'Start one with `ashlar serve`, or name it with --server or ASHLAR_SERVER.',
  },
  usage: { status: 400, title: 'The command was not understood.', advice: 'See --help.' },
  internal: {
    status: 500,
    title: 'Ashlar made a mistake.',
    advice: 'Look for the request id in the log and report it.',
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof catalogue

/** An error that a user should see. Anything else that is thrown is a defect and becomes `internal`. */
export class AshlarError extends Error {
  readonly code: ErrorCode
  /** Further machine-readable members of the problem document (RFC 9457 section 3.2). */
  readonly extra: Readonly<Record<string, unknown>>

  /** @param detail one sentence that names the offending input: which file, which field, which value. */
  constructor(code: ErrorCode, detail: string, options: { cause?: unknown; extra?: Record<string, unknown> } = {}) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'AshlarError'
    this.code = code
    this.extra = options.extra ?? {}
  }

  get entry(): CatalogueEntry {
    return catalogue[this.code]
  }
}

/** What reading a file threw, with the file's name in the detail; anything that is no AshlarError stays as it is. */
export function naming(fileName: string, error: unknown): unknown {
  if (!(error instanceof AshlarError) || error.message.includes(fileName)) return error
  return new AshlarError(error.code, `${fileName}: ${error.message}`, { cause: error, extra: { ...error.extra } })
}
