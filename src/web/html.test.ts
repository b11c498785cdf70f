import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Html, html } from './html.ts'

test('values are escaped in text and in attributes', () => {
  const evil = `<script>alert("1" & '2')</script>`
  const escaped = '&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;'
  assert.equal(String(html`<p title="${evil}">${evil}</p>`), `<p title="${escaped}">${escaped}</p>`)
})

test('html within html is not escaped twice, and lists are joined', () => {
  const items = ['a<b', 'c'].map((text) => html`<b>${text}</b>`)
  assert.equal(String(html`<p>${items}</p>`), '<p><b>a&lt;b</b><b>c</b></p>')
})

test('undefined, null and false are nothing; zero and the empty string are themselves', () => {
  assert.equal(String(html`[${undefined}${null}${false}${0}${''}]`), '[0]')
})

test('a string that looks like Html is not Html', () => {
  assert.equal(String(html`${String(new Html('<i>'))}`), '&lt;i&gt;')
})
