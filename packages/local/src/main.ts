import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@weft/kernel/errors";
import { ROOT } from "./stack/options.ts";
import { startWeft, type WeftStack } from "./stack.ts";

/** `npm start`: the product on this machine. PORT and WEFT_DATA_DIR say where. */
const DEFAULT_PORT = 4000;
const dataDir = process.env.WEFT_DATA_DIR ?? join(ROOT, ".weft");
const runtimeFile = join(dataDir, "runtime.json");

process.env.TZ = "UTC";

function passedOn(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) => name.startsWith("WEFT_"));
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? ""]));
}

async function start(): Promise<WeftStack> {
  const started = performance.now();
  await mkdir(dataDir, { recursive: true });
  const stack = await startWeft({
    dataDir,
    port: Number(process.env.PORT ?? DEFAULT_PORT),
    env: passedOn(),
    log: ({ source, level, text }) => process[level === "error" ? "stderr" : "stdout"].write(`[${source}] ${text}\n`),
  });
  await writeFile(
    runtimeFile,
    JSON.stringify({ pid: process.pid, url: stack.url, endpoints: stack.endpoints }, null, 2),
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`Weft answers at ${stack.url} (started in ${seconds} s)`);
  console.log(`  API reference   ${stack.url}/docs`);
  console.log(`  data            ${dataDir}  (mail is in ${join(dataDir, "mail")})`);
  if (existsSync(join(ROOT, "test", "demo"))) console.log("  see it work     npm run demo");
  return stack;
}

function stopOn(signal: NodeJS.Signals, stack: WeftStack): void {
  process.once(signal, () => {
    console.log("stopping");
    process.once(signal, () => process.exit(1));
    Promise.resolve(stack.close())
      .then(() => rm(runtimeFile, { force: true }))
      .then(() => process.exit(0))
      .catch((error: unknown) => {
        console.error(messageOf(error));
        process.exit(1);
      });
  });
}

try {
  const stack = await start();
  for (const signal of ["SIGINT", "SIGTERM"] as const) stopOn(signal, stack);
} catch (error) {
  const { code } = error as { code?: string };
  if (code === "EADDRINUSE") console.error(`port ${process.env.PORT ?? DEFAULT_PORT} is taken; set PORT`);
  else if (/LOCK|locked/i.test(messageOf((error as { cause?: unknown }).cause ?? error)))
    console.error(`${dataDir} is in use by another process`);
  else console.error(error);
  process.exit(1);
}
