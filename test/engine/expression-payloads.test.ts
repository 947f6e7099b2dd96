// The payloads look like template strings on purpose.
/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: data of the tests */
import { evaluateExpression } from "@weft/engine/expressions/evaluate";
import { NodeError } from "@weft/engine/node";
import { renderTemplate } from "@weft/engine/values/template";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const NOW = Date.UTC(2026, 0, 1);
const VALUES = { a: { b: "secret?", list: [1, 2, 3] }, text: "plain", n: 3, evil: "{{ 7*7 }}", list: ["x", "y"] };

/** JSONata's own way to run text as an expression. */
const EVALUATE = ["$ev", "al"].join("");
/** Ways out of expression engines that were published, and their relatives. */
const JSONATA = [
  "constructor",
  "a.constructor",
  "a.b.constructor",
  "a.constructor.constructor",
  '"".constructor',
  "[].constructor",
  "{}.constructor",
  "(function(){1}).constructor",
  "$string.constructor",
  "$string.implementation",
  "$map.implementation.constructor",
  "__proto__",
  "a.__proto__",
  "a.`__proto__`.polluted",
  "$lookup(a, '__proto__')",
  "$lookup(a, 'constructor')",
  "$lookup(a, 'con' & 'structor')",
  "$lookup($string, 'implementation')",
  "$js_get(a, 'constructor')",
  "$js_get('x', 'constructor')",
  "$js_get(list, 'constructor')",
  "$js_get(list, '__proto__')",
  "$js_get(a, 'con' & 'structor')",
  "$js_keys($string)",
  "$keys($string)",
  "$spread($string)",
  "$each($string, function($v){$v})",
  "$string($string)",
  "$merge([{'__proto__': {'polluted': 1}}])",
  "$js_merge({'__proto__': {'polluted': 1}})",
  "{'__proto__': {'polluted': 1}}",
  "$ ~> | $ | {'__proto__': {'polluted': 1}} |",
  "$ ~> | a | {'constructor': 1} |",
  `${EVALUATE}('1+1')`,
  `${EVALUATE}(evil)`,
  "$eval",
  "$process",
  "$global",
  "$globalThis",
  "process.env",
  "this.process",
  "globalThis",
  "$require('fs')",
  "$import('fs')",
  "$Function('return 1')()",
  "$constructor('return process')()",
  "$js_map(list, $string.constructor)",
  "$js_map(list, 'alert(1)')",
  "$js_filter(list, {'apply': 1})",
  "$js_reduce(list, $eval, 1)",
  "$toString()",
  "$hasOwnProperty('x')",
  "$valueOf()",
  "$`left to do`",
  "($f := function($n){$f($n+1)}; $f(0))",
  "($f := function($n){1 + $f($n+1)}; $f(0))",
  "($f := function($s,$n){$n=0?$s:$f($s&$s,$n-1)}; $f('aaaaaaaa',64))",
  "($f := function($s,$n){$n=0?$s:$f([$s,$s],$n-1)}; $f('aaaaaaaa',64))",
  "($f := function($s,$n){$n=0?$s:$f({'a':$s,'b':$s},$n-1)}; $string($f('a',64)))",
  "($f := function($s,$n){$n=0?$s:$f({'a':$s,'b':$s},$n-1)}; $f('a',64) = $f('a',64))",
  "[1..10000000]",
  "[1..9999999].[1..9999999]",
  "$pad('x', 1000000000)",
  "$pad('x', -1000000000)",
  "$js_repeat('x', 1000000000)",
  "$js_padStart('x', 1000000000)",
  "$join($map([1..100000], function($i){'x'}), $pad('y', 100000))",
  "$replace($pad('x', 100000, 'x'), 'x', $pad('y', 100000, 'y'))",
  "$js_replaceAll($pad('x', 100000, 'x'), 'x', $pad('y', 100000, 'y'))",
  "$formatNumber(0, '0.0e0')",
  "$toMillis('99999999999999999999999999999999999999999999x', '[Y][M][D][H][m][s][Y][M][D][H]')",
  "$contains($pad('a', 100000, 'a') & '!', /^(a+)+$/)",
  "$contains($pad('a', 100000, 'a') & '!', /^(a|a)*$/)",
  "$contains($pad('a', 100000, 'a') & '!', /a*a*a*a*b/)",
  "$replace($pad('a', 50000, 'a'), /(a*)*b/, 'x')",
  "$match('aa', /(a)\\1/)",
  "$match('aa', /(?=a)a/)",
  "$js_test($pad('a', 100000, 'a') & '!', {'pattern': '^(a+)+$', 'flags': ''})",
  "$js_replace('a', {'pattern': '(((', 'flags': 'g'}, 'x')",
  "function($x)<a+a+a+a+:s>{$x}(1,2,3,4,5)",
  "$distinct([1..200000])[0]",
  "(".repeat(20_000),
  `${"[".repeat(5_000)}1${"]".repeat(5_000)}`,
  "a.b[",
  "`unclosed",
  "'\\ud800'",
  "$fromMillis(1e300)",
  "$js_date($js_get)",
  "$date('not a date')",
  "$number('0x' & $pad('f', 4000, 'f'))",
];

const JINJA = [
  "{{ ''.__class__.__mro__[1].__subclasses__() }}",
  "{{ a.__class__ }}",
  "{{ a.constructor }}",
  "{{ a['constructor']['constructor']('return process')() }}",
  "{{ range.constructor('return process')() }}",
  "{{ self.__init__.__globals__ }}",
  "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
  "{{ lipsum.__globals__ }}",
  "{{ namespace.__proto__ }}",
  "{{ config.items() }}",
  "{{ request.application }}",
  "{{ ().__class__.__bases__[0] }}",
  "{{ ''|attr('__class__') }}",
  "{% import 'os' as os %}{{ os }}",
  "{% include '/etc/passwd' %}",
  "{{ evil }}",
  "{% for i in range(1000000000) %}x{% endfor %}",
  "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
  "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
  "{% set ns = namespace(s=[1]) %}{% for i in range(64) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
  "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
  "{{ 'x'|indent(1000000000, true) }}",
  "{{ 'x' * 1000000000 }}",
  "{{ ('x,'|replace('x', text))|replace('', text) }}",
  "{{ 10 ** 10 ** 10 }}",
  "{{ [1,2]|map('constructor')|list }}",
  "{{ strftime_now('%Y') }}",
  "{{ raise_exception('x') }}",
  `{{ ${"(".repeat(20_000)} }}`,
  "{{ unclosed",
  "{% if %}",
];

const isData = (value: unknown): void => {
  expect(JSON.parse(JSON.stringify(value ?? null))).toEqual(value ?? null);
  expect(JSON.stringify(value) ?? "").not.toMatch(/native code|process\.env|function|root:x:/);
};

async function settles(language: "jsonata" | "jinja", text: string): Promise<void> {
  const before = structuredClone(VALUES);
  try {
    isData(await evaluateExpression(language, text, VALUES, NOW));
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(NodeError);
    expect((thrown as NodeError).code).toMatch(/^expression_(failed|limit)$/);
    expect((thrown as NodeError).message).not.toBe("");
  }
  expect(VALUES).toEqual(before);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(Object.prototype.constructor).toBe(Object);
}

describe("known ways out of an expression give a typed error or data", () => {
  it("are at least 80", () => expect(new Set([...JSONATA, ...JINJA]).size).toBeGreaterThanOrEqual(80));
  it.each(JSONATA)("JSONata %.80s", (text) => settles("jsonata", text));
  it.each(JINJA)("Jinja %.80s", (text) => settles("jinja", text));

  it.each([
    "{{constructor}}",
    "{{a.__proto__}}",
    "{{a.constructor.constructor}}",
    "{{ 7*7 }}",
    "${a}",
    "={{ this }}",
    "{{a['b']}}{{",
  ])("templates keep %s or read nothing of it", (text) => isData(renderTemplate(text, VALUES)));

  it("evaluations see nothing of each other", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...JSONATA.slice(0, 50)), async (payload) => {
        await evaluateExpression("jsonata", payload, VALUES, NOW).catch(() => undefined);
        await evaluateExpression("jsonata", "($leak := 1; $string := 2; $leak)", VALUES, NOW);
        expect(await evaluateExpression("jsonata", "[$exists($leak), $string(1), a.b]", VALUES, NOW)).toEqual([
          false,
          "1",
          "secret?",
        ]);
      }),
      { numRuns: 100 },
    );
  });
});
