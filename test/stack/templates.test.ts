import { starterSources } from "@weft/core/template/starters/index";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Resident, type StackWorld, startWorld, until } from "../support/world.ts";

let world: StackWorld;
let person: Resident;
let ids: Map<string, string>;

beforeAll(async () => {
  world = await startWorld();
  person = await world.signUp();
  const { items } = await call("GET", "/templates?source=starter&limit=100");
  ids = new Map(items.map(({ name, id }: { name: string; id: string }) => [name, id]));
}, 120_000);
afterAll(() => world.close());

async function call(method: string, path: string, body?: unknown) {
  const options = { token: person.token, ...(body === undefined ? {} : { body }) };
  const answer = await world.call(method, `/api/spaces/${person.spaceId}${path}`, options);
  expect(answer.status, JSON.stringify(answer.json)).toBeLessThan(300);
  return answer.json;
}

const idOf = (key: string): string => ids.get(starterSources.find((one) => one.key === key)?.name ?? "") ?? "none";
const use = (key: string, body: object = {}) => call("POST", `/templates/${idOf(key)}/instantiate`, body);
const runDraft = (id: string, input: unknown) =>
  call("POST", `/workflows/${id}/run`, { mode: "sync", version: "draft", input });

/** What each starter gives for the input that it comes with. */
const EXPECTED: Record<string, unknown> = {
  "clean-csv": { csv: "name,email\nAda,ada@example.com\nGrace,grace@example.com\n", kept: 2, dropped: 2 },
  "transform-json": {
    orders: [
      { order: 3, customer: "EVE", total: 20 },
      { order: 1, customer: "ADA", total: 10 },
    ],
  },
  "merge-lists": {
    records: [
      { id: 1, name: "Ada" },
      { id: 2, name: "Bob", city: "Kiel" },
      { id: 3, name: "Eve" },
      { id: 4, name: "Kim" },
    ],
    gone: [{ id: 1, name: "Ada" }],
    added: [
      { id: 3, name: "Eve" },
      { id: 3, name: "Eve" },
    ],
    changed: [{ left: { id: 2, name: "Bob", city: "Bonn" }, right: { id: 2, name: "Bob", city: "Kiel" } }],
  },
  "check-quality": {
    verdict: "failed: 2 rows are bad",
    rows: [
      { id: 1, price: 10 },
      { id: 3, price: 12 },
    ],
    bad: [{ id: 2, price: "?" }, { price: 9 }],
  },
  "write-report": {
    markdown: "# Sales\n\n| region | sales | total |\n| --- | ---: | ---: |\n| South | 1 | 50 |\n| North | 2 | 35 |\n",
    html: expect.stringContaining("<td>South</td>"),
  },
  "digest-feed": {
    markdown: "# Weather\n\n- [Rain & wind](https://example.com/1)\n- [Sun](https://example.com/2)",
    entries: 2,
  },
  "read-page": {
    title: "Tea",
    markdown: "## Green\n\nSteep for **two** minutes. [More](https://example.com/tea)",
    links: ["https://example.com/tea"],
  },
  "make-invoice": {
    amounts: { net: 211, tax: 42.2, gross: 253.2 },
    text: expect.stringContaining("2 x Chair at 45.5 EUR\n\nNet 211 EUR\nTax 42.2 EUR (20 %)\nTotal 253.2 EUR"),
  },
  "plan-dates": {
    dates: ["2028-01-31, Monday", "2028-02-29, Tuesday", "2028-03-31, Friday"],
    last: "2028-03-31, Friday",
  },
  "keep-files": {
    ...{ file: "reports/may.csv", size: 23, rows: 2 },
    sha256: "2f78953d33f7e3cda211ec603f00db3591d5fa51fe7f0904cce3663d356f7628",
  },
  "compute-statistics": { mean: 5, median: 4.5, range: 7, deviation: 2, mode: 4 },
  "take-orders": { accepted: true, receipt: { number: "A-17", total: 12 }, errors: [] },
  "sort-tickets": { queue: "operations", priority: 1 },
  "approve-spending": { decision: "approved automatically", comment: "" },
  "check-in-batch": {
    contacts: [
      { name: "Ada", email: "ada@example.com" },
      { name: "Eve", email: "eve@example.com" },
    ],
    failed: [{ index: 1, code: "invalid_parameters", message: "email must be a valid email" }],
  },
  "read-pages": { pages: [[1, 2], [3, 4], [5]], count: 5 },
  "score-leads": { name: "Ada Lovelace", email: "ada@engines.example", score: 100, isHot: true },
  "retry-with-fallback": { price: 0, isCertain: false },
};

describe("the templates of the product", () => {
  it("are many, and each has its expected result here", () => {
    expect(starterSources.length).toBeGreaterThanOrEqual(12);
    expect(ids.size).toBe(starterSources.length);
    expect(Object.keys(EXPECTED).sort()).toEqual(starterSources.map(({ key }) => key).sort());
  });

  it.each(starterSources.map(({ key }) => key))("%s is made, runs, and is published without issues", async (key) => {
    const made = await use(key, { name: `My ${key}` });
    expect(made.issues.filter(({ severity }: { severity: string }) => severity === "error")).toEqual([]);
    expect((await call("GET", `/workflows/${made.id}`)).name).toBe(`My ${key}`);
    const { exampleInput, version } = await call("GET", `/templates/${idOf(key)}/versions/${made.version}`);
    expect(version).toBe(made.version);
    const ran = await runDraft(made.id, exampleInput);
    expect(ran.status, JSON.stringify(ran.error)).toBe("succeeded");
    expect(ran.output).toEqual(EXPECTED[key]);
    for (const { id } of made.objects) await call("POST", `/workflows/${id}/publish`, { force: id !== made.id });
    expect(await call("POST", `/workflows/${made.id}/validate`, {})).toEqual({ isValid: true, issues: [] });
    expect((await call("POST", `/workflows/${made.id}/run`, { mode: "sync", input: exampleInput })).output).toEqual(
      EXPECTED[key],
    );
  });
});

describe("their other branches", () => {
  const decide = async (parameters: object, decision?: string) => {
    const { id } = await use("approve-spending", { parameters });
    const run = { mode: "async", version: "draft", input: { purpose: "A desk", amount: 80 } };
    const { id: executionId } = await call("POST", `/workflows/${id}/run`, run);
    const view = () => call("GET", `/executions/${executionId}`);
    if (decision !== undefined) {
      const { waitingFor } = await until(view, (seen) => seen.waitingFor.length === 1);
      expect(waitingFor[0].data).toMatchObject({ title: "A desk", message: "A desk costs 80." });
      const { items } = await call("GET", "/approvals?status=waiting");
      const asked = items.find((approval: { executionId: string }) => approval.executionId === executionId);
      await call("POST", `/approvals/${asked.id}/answer`, { decision, comment: "by hand" });
    }
    return (await until(view, ({ endedAt }) => endedAt !== null)).output;
  };

  it("a person decides, or time does", async () => {
    expect(await decide({ limit: 50 }, "approve")).toEqual({ decision: "approved", comment: "by hand" });
    expect(await decide({ limit: 50 }, "reject")).toEqual({ decision: "rejected", comment: "by hand" });
    expect(await decide({ limit: 50, timeoutMs: 1 })).toMatchObject({
      decision: "refused: nobody decided in time",
    });
  });

  it("what is wrong is told, what works goes straight on", async () => {
    const orders = await use("take-orders", { parameters: { maxLines: 1 } });
    const refused = await runDraft(orders.id, { order: { email: "nobody", lines: [1, 2] } });
    expect(refused.output).toMatchObject({ accepted: false, receipt: null, errors: [{ input: "email" }, {}] });
    const retry = await use("retry-with-fallback", { parameters: { standIn: 7, retries: 1 } });
    expect((await runDraft(retry.id, { answer: "no" })).output).toEqual({ price: 7, isCertain: false });
    expect((await runDraft(retry.id, { answer: '{"price": 3}' })).output).toEqual({ price: 3, isCertain: true });
    const quality = await use("check-quality", { parameters: { tolerance: 0.5 } });
    const rows = [{ id: 1, price: 1 }, { id: 2 }];
    expect((await runDraft(quality.id, { rows })).output).toMatchObject({
      verdict: "passed, with 1 rows left out",
    });
  });

  it("values that are given take the place of those that it comes with", async () => {
    const invoice = await use("make-invoice", { parameters: { taxPercent: 7.5, currency: "CHF" } });
    const lines = [{ item: "Book", price: 9.99, quantity: 3 }];
    const { output } = await runDraft(invoice.id, { customer: "Eve", lines });
    expect(output).toMatchObject({ amounts: { net: 29.97, tax: 2.25, gross: 32.22 } });
    expect(output.text).toContain("Total 32.22 CHF");
    const dates = await use("plan-dates", { parameters: { unit: "weeks", format: "dd.MM." } });
    expect((await runDraft(dates.id, { first: "2026-12-28", count: 2 })).output.dates).toEqual(["28.12.", "04.01."]);
    const leads = await use("score-leads", { parameters: { freeMail: ["engines.example"], hot: 61 } });
    const lead = { name: "Ada", email: "ada@engines.example", employees: 300 };
    expect((await runDraft(leads.id, lead)).output).toMatchObject({ score: 60, isHot: false });
  });
});
