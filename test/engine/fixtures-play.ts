import { readdirSync, readFileSync } from "node:fs";
import { readCanvas } from "@weft/engine/canvas";
import { compile } from "@weft/engine/compile";
import { readDocument } from "@weft/engine/import/document";
import { formatOf, readImport } from "@weft/engine/import/read";
import { defineNode, type HttpRequest, type HttpResponse, type NodeDefinition, type NodeDeps } from "@weft/engine/node";
import type { NodeRecord } from "@weft/engine/record";
import { runPlan } from "@weft/engine/run/plan";
import * as z from "zod";
import { testRun } from "./support.ts";

const FIXTURES = new URL("../../../shared/fixtures/", import.meta.url);

/** What stands in for the world of one published workflow. */
export interface Play {
  input?: Record<string, unknown>;
  /** What placeholders give, by the label of the node that they keep. */
  scripted?: Record<string, Record<string, unknown>>;
  /** What requests are answered, by the first part of their address that fits. */
  answers?: Record<string, { status?: number; type?: string; body: string }>;
  code?: NodeDeps["code"];
}

export interface Played {
  output: Record<string, unknown>;
  requests: HttpRequest[];
  responses: string[];
  records: NodeRecord[];
  /** The items of a node's output, by its name there; undefined where it did not run. */
  items(name: string, output?: string): unknown;
  ran(name: string): boolean;
}

/** A placeholder that gives what the script says for its node. */
const scriptedType = (scripted: NonNullable<Play["scripted"]>) =>
  defineNode({
    type: "placeholder",
    title: "Scripted",
    description: "Stands in for a node of another system.",
    category: "flow",
    config: z.looseObject({}) as unknown as z.ZodType<{ ports?: string[] }>,
    effectful: true,
    ports: ({ ports }) => ports ?? ["default"],
    run: ({ node }) => {
      const found = scripted[node.title];
      if (!found) throw new Error(`no script for "${node.title}"`);
      return { output: found };
    },
  });

function depsOf({ answers = {}, code }: Play, requests: HttpRequest[]): NodeDeps {
  const request = async (sent: HttpRequest): Promise<HttpResponse> => {
    requests.push(sent);
    const found = Object.entries(answers).find(([start]) => sent.url.startsWith(start))?.[1];
    if (!found) throw new Error(`no answer for ${sent.url}`);
    const { status = 200, type = "application/json", body } = found;
    return { status, headers: { "content-type": type }, body: new TextEncoder().encode(body) };
  };
  const create = async (file: { name: string; contentType: string; bytes: Uint8Array }) => ({
    ...{ id: "fil_01jd0000000000000000000000", name: file.name, contentType: file.contentType },
    size: file.bytes.length,
  });
  return {
    ...(code ? { code } : {}),
    http: { request },
    credentials: { request: (_credential, sent) => request(sent) },
    files: {
      get: async (id) => ({ bytes: Buffer.from(`content of ${id}`), contentType: "image/png", name: "b.png" }),
      put: async () => undefined,
      create,
    },
  };
}

/** Imports a published workflow and runs it with everything outside scripted. */
export async function playFixture(folder: string, prefix: string, play: Play): Promise<Played> {
  const name = readdirSync(new URL(`${folder}/`, FIXTURES)).find((one) => one.startsWith(prefix)) ?? prefix;
  const raw = await readDocument(readFileSync(new URL(`${folder}/${name}`, FIXTURES), "utf8"));
  const { canvas, report } = readImport(raw, formatOf(raw) as "n8n" | "dify", {});
  const { plan, issues } = compile(readCanvas(structuredClone(canvas)));
  const wrong = issues.filter(({ severity, message }) => severity === "error" && !message.includes("is a placeholder"));
  if (wrong.length > 0) throw new Error(JSON.stringify(wrong));
  const requests: HttpRequest[] = [];
  const run = testRun({ deps: depsOf(play, requests), system: { sys_execution_id: "exe_1" } }, [
    scriptedType(play.scripted ?? {}) as NodeDefinition,
  ]);
  const outcome = await runPlan(plan, play.input ?? {}, run.io);
  if (outcome.status !== "done") throw new Error("it waits");
  const idOf = (label: string): string => report.nodes.find((node) => node.name === label)?.nodeId ?? label;
  const recordOf = (id: string) => run.records.filter((one) => one.nodeId === id && one.status === "succeeded").at(-1);
  return {
    output: outcome.output,
    requests,
    responses: run.events.flatMap((event) => (event.type === "response" ? [event.response.body] : [])),
    records: run.records,
    items: (label, output = "items") => {
      const found = recordOf(`${idOf(label)}_items`) ?? recordOf(idOf(label));
      return (found?.output as Record<string, unknown> | undefined)?.[output];
    },
    ran: (label) => recordOf(idOf(label)) !== undefined,
  };
}
