import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiTemplate, stateTemplate } from "./fixture/template.ts";

const entry = new URL("./fixture/handlers.ts", import.meta.url).href;
let folder: string;
let stack: WeftStack;

const start = () =>
  startWeft({ dataDir: join(folder, "data"), assembly: join(folder, "assembly"), entryOf: () => entry, env: { EXTRA: "1" } });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-stack-"));
  await writeAssembly();
  stack = await start();
});

afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

async function writeAssembly(): Promise<void> {
  const { mkdir } = await import("node:fs/promises");
  await mkdir(join(folder, "assembly"));
  await writeFile(join(folder, "assembly", "State.template.json"), JSON.stringify(stateTemplate));
  await writeFile(join(folder, "assembly", "Api.template.json"), JSON.stringify(apiTemplate));
}

describe("a stack from templates", () => {
  it("serves the API of the templates", async () => {
    const response = await fetch(`${stack.url}/open/x`);
    expect(response.status).toBe(200);
  });
});
