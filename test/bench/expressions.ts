import { evaluateExpression, renderTemplateText } from "@weft/engine/expressions/evaluate";
import { renderTemplate } from "@weft/engine/values/template";
import { cpuMs } from "./engine.ts";
import { type Row, shownOnly } from "./row.ts";

const ITEMS = 20;
const VALUES = {
  user: { name: "Ada", tags: ["a", "b", "c"] },
  items: Array.from({ length: ITEMS }, (_none, at) => ({ id: at, price: at * 1.5, title: `item ${at}` })),
};

interface Case {
  what: string;
  run(): unknown;
  expected: unknown;
}

const total = VALUES.items.reduce((sum, { price }) => sum + price, 0);
const cases: Case[] = [
  {
    what: "{{path}}",
    run: () => renderTemplate("{{user.name}} has {{items[3].title}} and {{user.tags[1]}}", VALUES),
    expected: "Ada has item 3 and b",
  },
  {
    what: "JSONata, a path",
    run: () => evaluateExpression("jsonata", "user.name", VALUES, 0),
    expected: "Ada",
  },
  {
    what: `JSONata, a sum over ${ITEMS} items`,
    run: () => evaluateExpression("jsonata", "$sum(items.price)", VALUES, 0),
    expected: total,
  },
  {
    what: `Jinja, a loop over ${ITEMS} items`,
    run: () => renderTemplateText("{% for item in items %}{{ item.id }},{% endfor %}{{ user.name }}", VALUES),
    expected: `${VALUES.items.map(({ id }) => `${id},`).join("")}Ada`,
  },
];

/** What one evaluation takes, compiled before. */
export async function expressionRows(isQuick: boolean): Promise<Row[]> {
  const runs = isQuick ? 500 : 5_000;
  const rows: Row[] = [];
  for (const { what, run, expected } of cases) {
    for (let i = 0; i < 100; i += 1) {
      const value = await run();
      if (value !== expected) throw new Error(`${what} gave ${JSON.stringify(value)}`);
    }
    const ms = await cpuMs(async () => {
      for (let i = 0; i < runs; i += 1) await run();
    });
    rows.push(shownOnly("expression: CPU of one evaluation", what, (ms * 1000) / runs, "µs"));
  }
  return rows;
}
