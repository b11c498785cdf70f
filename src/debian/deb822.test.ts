import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { AshlarError } from '../common/errors.ts'
import { formatParagraph, Paragraph, parseParagraph, parseParagraphs, readParagraphs } from './deb822.ts'

const sample = 'Package: hello\nDescription: greets\n A long\n .\n  text\n\n\nPackage: b\nEmpty:\nList:\n a\n\tb\n'

function refusal(text: string | Uint8Array): string {
  try {
    parseParagraphs(text)
  } catch (error) {
    assert(error instanceof AshlarError)
    assert.equal(error.code, 'control-invalid')
    return error.message
  }
  return assert.fail(`${JSON.stringify(text)} was accepted`)
}

test('fields keep their order, their lines and the case of their names', () => {
  const [first, second] = parseParagraphs(sample)
  assert.deepEqual(first?.fields, [
    ['Package', 'hello'],
    ['Description', 'greets\n A long\n .\n  text'],
  ])
  assert.equal(second?.get('EMPTY'), '')
  assert.equal(second?.get('list'), '\n a\n\tb')
})

test('a formatted paragraph is the text it was parsed from', () => {
  assert.equal(parseParagraphs(sample).map(formatParagraph).join('\n\n'), sample)
})

test('only spaces and tabs are taken off a value', () => {
  const paragraph = parseParagraph('A: \t\u00a0x\u3000 \t\nB: 1\n y\u00a0 \n')
  assert.deepEqual([paragraph.get('A'), paragraph.get('B')], ['\u00a0x\u3000', '1\n y\u00a0'])
})

test('each breach of the syntax is refused with its line', () => {
  assert.match(refusal('A: 1\r\nB: 2\n'), /line 1: there is a carriage return/)
  assert.match(refusal('A: 1\n\nB: 2\nb: 3\n'), /line 4: there is the field b for a second time/)
  assert.match(refusal('A: 1\nB: \0\n'), /line 2: there is a NUL/)
  assert.match(refusal('A: 1\nno colon\n'), /line 2: there is no field name/)
  assert.match(refusal('A: 1\nbad name: 1\n'), /line 2: there is no field name/)
  assert.match(refusal(': 1\n'), /line 1: there is no field name/)
  assert.match(refusal('-A: 1\n'), /line 1: there is no field name/)
  assert.match(refusal('A: 1\n# comment\n'), /line 2: there is no field name/)
  assert.match(refusal(' A: 1\n'), /line 1: there is a continuation line/)
  assert.match(refusal('A: 1\n \t\nB: 2\n'), /line 2: there is a line of blanks/)
  assert.match(refusal('\u{feff}A: 1\n'), /line 1: there is no field name/)
  assert.match(refusal(Buffer.from('A: 1\nB: \xe4\n', 'latin1')), /line 2: there is bytes that are not UTF-8/)
})

test('comments are skipped where they are allowed, also within a field', () => {
  const paragraph = parseParagraph('# head\nA: 1\n# inside\n 2\n', { comments: 'skip' })
  assert.equal(paragraph.get('a'), '1\n 2')
})

test('one paragraph means exactly one', () => {
  assert.throws(() => parseParagraph('\n\n'), { code: 'control-invalid' })
  assert.throws(() => parseParagraph('A: 1\n\nB: 2\n'), { code: 'control-invalid' })
  assert.equal(parseParagraph('\nA: 1').get('A'), '1')
})

test('a value that would break out of its field is refused', () => {
  assert.throws(() => new Paragraph([['A', '1\nB: 2']]), { code: 'control-invalid' })
  assert.throws(() => new Paragraph([['A', '1\n\n b']]), { code: 'control-invalid' })
  assert.throws(() => new Paragraph([['A', '1\n']]), { code: 'control-invalid' })
  assert.throws(() => new Paragraph([['A:', '1']]), { code: 'control-invalid' })
})

async function* inPieces(text: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size)
}

async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from('A: ')
  for (;;) yield Buffer.alloc(1000, 'x')
}

async function collect(source: AsyncIterable<Paragraph>): Promise<string[]> {
  const texts: string[] = []
  for await (const paragraph of source) texts.push(formatParagraph(paragraph))
  return texts
}

test('a stream gives the same paragraphs as the whole text, however it is cut', async () => {
  const bytes = Buffer.from(`${sample}\nLast: ü\n`)
  const expected = parseParagraphs(bytes).map(formatParagraph)
  assert.equal(expected.length, 3)
  for (let size = 1; size <= bytes.length; size += 1) {
    assert.deepEqual(await collect(readParagraphs(inPieces(bytes, size))), expected)
  }
})

test('a stream names the line of the whole text', async () => {
  const bytes = Buffer.from('A: 1\n\n\n\nB: 2\nB: 3\n')
  await assert.rejects(collect(readParagraphs(inPieces(bytes, 4))), /line 6: there is the field B/)
})

test('an endless paragraph is refused when it passes the limit', async () => {
  await assert.rejects(collect(readParagraphs(endless(), { maximumBytes: 100_000 })), { code: 'too-large' })
})

test('whatever a paragraph holds survives formatting and parsing', () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\p{Cc}\p{Z}]/gu, '_').trim() || '.')
  const value = fc.tuple(line, fc.array(line)).map(([first, more]) => [first, ...more].join('\n '))
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/)
  const fields = fc.uniqueArray(fc.tuple(name, value), { minLength: 1, selector: ([name]) => name.toLowerCase() })
  fc.assert(
    fc.property(fields, (fields) => {
      assert.deepEqual(parseParagraph(formatParagraph(new Paragraph(fields))).fields, fields)
    }),
  )
})
