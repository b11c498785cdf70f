/**
 * The room `debian/`: the formats of Debian, and nothing but formats. It reads what it is given (a text, a stream, a
 * source of bytes), decides whether it is valid, and renders; it opens no file and knows no archive and no database.
 *
 * This file: paragraphs of fields, as deb822(5) and Debian Policy 5.1 define them.
 *
 * The strict reading wins: what dpkg refuses in a package is refused here, with the line. Values keep their line
 * structure: a value is the text after the colon without blanks around it, and its continuation lines follow after
 * newlines, each with its leading blank.
 */
import { AshlarError } from '../common/errors.ts'

/** A field's name as it was written, and its value. */
export type Field = readonly [name: string, value: string]

export interface ParseOptions {
  /** Whether lines that begin with `#` are skipped, as in debian/control, or refused, as everywhere else (default). */
  readonly comments?: 'skip' | 'refuse'
  /** What is read, for messages: `control of hello.deb`. */
  readonly origin?: string
}

/** Fields in their order; names are looked up in any case. */
export class Paragraph {
  readonly fields: readonly Field[]
  readonly #values: ReadonlyMap<string, string>

  /**
   * @param parsed the values by lower-case name, if a parser has checked them already.
   * @throws AshlarError `control-invalid` for a bad name, a name that occurs twice, or a value that would end early.
   */
  constructor(fields: readonly Field[], parsed?: ReadonlyMap<string, string>) {
    this.fields = fields
    this.#values = parsed ?? Paragraph.#check(fields)
  }

  static #check(fields: readonly Field[]): Map<string, string> {
    const values = new Map<string, string>()
    for (const [name, value] of fields) {
      const key = name.toLowerCase()
      if (values.has(key)) throw new AshlarError('control-invalid', `The field ${name} occurs twice.`)
      if (!isFieldName(name)) throw new AshlarError('control-invalid', `${JSON.stringify(name)} is not a field name.`)
      if (/[\0\r]|\n(?![ \t]+[^ \t\n])/.test(value)) {
        throw new AshlarError('control-invalid', `The value of ${name} has an empty line or a control character.`)
      }
      values.set(key, value)
    }
    return values
  }

  get(name: string): string | undefined {
    return this.#values.get(name.toLowerCase())
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase())
  }

  /** @throws AshlarError `control-invalid` if the field is missing or empty. */
  require(name: string): string {
    const value = this.get(name)
    if (value === undefined || value === '') throw new AshlarError('control-invalid', `The field ${name} is missing.`)
    return value
  }

  /** A value of one word, null if there is none. @throws AshlarError `control-invalid` if there are more. */
  word(name: string): string | null {
    const value = this.get(name)
    if (value === undefined || value === '') return null
    if (/\s/.test(value)) throw new AshlarError('control-invalid', `The field ${name} has more than one word.`)
    return value
  }
}

/** Printable ASCII without the colon, not beginning with `#` or `-` (Debian Policy 5.1). */
export function isFieldName(name: string): boolean {
  return /^[!"$-,./0-9;-~][!-9;-~]*$/.test(name)
}

/**
 * All paragraphs of `text`; empty lines separate them.
 *
 * @throws AshlarError `control-invalid` naming the line.
 */
export function parseParagraphs(text: string | Uint8Array, options: ParseOptions = {}): Paragraph[] {
  const decoded = typeof text === 'string' ? text : decodeUtf8(text, 1, options)
  return parseText(decoded, 1, options)
}

/**
 * The only paragraph of `text`.
 *
 * @throws AshlarError `control-invalid` if there is none, more than one, or the line that breaks the syntax.
 */
export function parseParagraph(text: string | Uint8Array, options: ParseOptions = {}): Paragraph {
  const [paragraph, second] = parseParagraphs(text, options)
  if (paragraph === undefined) throw invalid('there is no field at all', undefined, options)
  if (second !== undefined) throw invalid('there is more than one paragraph', undefined, options)
  return paragraph
}

/**
 * The paragraphs of a stream, one after the other, holding no more than one of them.
 *
 * @throws AshlarError `control-invalid` naming the line, `too-large` for a paragraph over `maximumBytes` (default 1 MiB).
 */
export async function* readParagraphs(
  source: AsyncIterable<Uint8Array>,
  options: ParseOptions & { readonly maximumBytes?: number } = {},
): AsyncGenerator<Paragraph, void, undefined> {
  const maximumBytes = options.maximumBytes ?? 2 ** 20
  let rest: Buffer = Buffer.alloc(0)
  let line = 1
  for await (const chunk of source) {
    let start = 0
    let searchFrom = Math.max(0, rest.length - 1)
    rest = rest.length === 0 ? asBuffer(chunk) : Buffer.concat([rest, chunk])
    for (;;) {
      const end = rest.indexOf('\n\n', searchFrom)
      const size = (end === -1 ? rest.length : end) - start
      if (size > maximumBytes) throw tooLong(line, maximumBytes, options)
      if (end === -1) break
      const block = rest.subarray(start, end + 2)
      yield* parseText(decodeUtf8(block, line, options), line, options)
      line += countLines(block)
      start = end + 2
      searchFrom = start
    }
    // A copy, so that a short rest does not keep a large chunk in memory.
    rest = Buffer.from(rest.subarray(start))
  }
  yield* parseText(decodeUtf8(rest, line, options), line, options)
}

/** The text of a paragraph, each field ended by a newline, without the empty line that would end the paragraph. */
export function formatParagraph(paragraph: Paragraph): string {
  return formatFields(paragraph.fields)
}

/** As {@link formatParagraph}, for fields that are known to be good. */
export function formatFields(fields: readonly Field[]): string {
  let text = ''
  for (const [name, value] of fields) {
    text += value === '' || value.startsWith('\n') ? `${name}:${value}\n` : `${name}: ${value}\n`
  }
  return text
}

function parseText(text: string, firstLine: number, options: ParseOptions): Paragraph[] {
  const paragraphs: Paragraph[] = []
  let fields: [string, string][] = []
  let values = new Map<string, string>()
  let key = ''
  let line = firstLine
  if (text.includes('\r')) throw invalid('a carriage return', lineOf(text, '\r', firstLine), options)
  if (text.includes('\0')) throw invalid('a NUL', lineOf(text, '\0', firstLine), options)
  for (let start = 0; start < text.length; line += 1) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const first = text.charCodeAt(start)
    if (start === end) {
      if (fields.length > 0) paragraphs.push(new Paragraph(fields, values))
      fields = []
      values = new Map()
    } else if (first === 0x23 && options.comments === 'skip') {
      // A comment belongs to no field and ends none.
    } else if (first === 0x20 || first === 0x09) {
      const last = fields.at(-1)
      const content = withoutBlanks(text, start, end, { leading: 'keep' })
      if (content === '') throw invalid('a line of blanks only', line, options)
      if (last === undefined) throw invalid('a continuation line that continues nothing', line, options)
      last[1] += `\n${content}`
      values.set(key, last[1])
    } else {
      const colon = text.indexOf(':', start)
      const name = colon === -1 || colon > end ? '' : text.slice(start, colon)
      if (!isFieldName(name)) throw invalid('no field name and colon', line, options)
      key = name.toLowerCase()
      if (values.has(key)) throw invalid(`the field ${name} for a second time`, line, options)
      const value = withoutBlanks(text, colon + 1, end)
      values.set(key, value)
      fields.push([name, value])
    }
    start = end + 1
  }
  if (fields.length > 0) paragraphs.push(new Paragraph(fields, values))
  return paragraphs
}

/** Only spaces and tabs are blanks here: `trim()` would also take off what belongs to a value. */
function withoutBlanks(text: string, from: number, to: number, options: { leading?: 'keep' } = {}): string {
  let [start, end] = [from, to]
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  while (options.leading !== 'keep' && start < end && isBlank(text.charCodeAt(start))) start += 1
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function decodeUtf8(bytes: Uint8Array, firstLine: number, options: ParseOptions): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw invalid('bytes that are not UTF-8', firstLine + lineOfBadUtf8(bytes), options)
  }
}

/** How many lines precede the first one that is not UTF-8. */
function lineOfBadUtf8(bytes: Uint8Array): number {
  const buffer = asBuffer(bytes)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (let line = 0, start = 0; ; line += 1) {
    const newline = buffer.indexOf(0x0a, start)
    try {
      decoder.decode(buffer.subarray(start, newline === -1 ? undefined : newline))
    } catch {
      return line
    }
    if (newline === -1) return line
    start = newline + 1
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function countLines(block: Buffer): number {
  let count = 0
  for (let at = block.indexOf(0x0a); at !== -1; at = block.indexOf(0x0a, at + 1)) count += 1
  return count
}

function lineOf(text: string, character: string, firstLine: number): number {
  return firstLine + text.slice(0, text.indexOf(character)).split('\n').length - 1
}

function invalid(what: string, line: number | undefined, options: ParseOptions): AshlarError {
  const origin = options.origin ?? 'The control file'
  const detail = line === undefined ? `${origin} is not valid: ${what}.` : `${origin}, line ${line}: there is ${what}.`
  return new AshlarError('control-invalid', detail)
}

function tooLong(line: number, maximumBytes: number, options: ParseOptions): AshlarError {
  const origin = options.origin ?? 'The control file'
  return new AshlarError('too-large', `${origin}: the paragraph at line ${line} has more than ${maximumBytes} bytes.`)
}
