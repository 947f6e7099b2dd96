import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWeft, type WeftStack } from "@weft/local/stack";
import { ROOT } from "@weft/local/stack/options";
import { synthTemplates } from "../../infra/synth.ts";
import { line, paint } from "./terminal.ts";

const USUAL_PORT = 4000;
const MAIL_TRIES = 200;
const MAIL_PAUSE_MS = 50;

export interface DemoStack {
  stack: WeftStack;
  /** The code in the last mail to this address. */
  mailedCode(address: string): Promise<string>;
  close(): Promise<void>;
}

/** Whether something else listens on the port already. */
async function isTaken(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => probe.once("error", reject).listen(port, "127.0.0.1", resolve));
    return false;
  } catch {
    return true;
  } finally {
    probe.close();
  }
}

/** Starts the product as `npm start` does, over data of its own that is removed at the end. */
export async function startDemoStack(): Promise<DemoStack> {
  const dataDir = await mkdtemp(join(tmpdir(), "weft-demo-"));
  const removeData = () => rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  try {
    const stack = await startWeft({
      dataDir,
      port: (await isTaken(USUAL_PORT)) ? 0 : USUAL_PORT,
      assembly: (await synthTemplates({ outdir: join(ROOT, ".weft", "synth") })).directory,
      // The workflow calls a server on this machine, which is refused without this setting.
      env: { WEFT_EGRESS_LOOPBACK: "allow" },
      log: ({ source, level, text }) => {
        if (level === "error") line(paint("red", `[${source}] ${text}`));
      },
    });
    return {
      stack,
      mailedCode: (address) => mailedCode(join(dataDir, "mail"), address),
      close: async () => {
        await stack.close();
        await removeData();
      },
    };
  } catch (error) {
    await removeData();
    throw error;
  }
}

async function mailedCode(folder: string, address: string): Promise<string> {
  for (let attempt = 0; attempt < MAIL_TRIES; attempt++) {
    const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json")).sort();
    for (const file of files.reverse()) {
      const mail = readMail(await readFile(join(folder, file), "utf8"));
      const code = mail?.to.includes(address) ? /\bmt_\S+/.exec(mail.text)?.[0] : undefined;
      if (code !== undefined) return code;
    }
    await new Promise((resolve) => setTimeout(resolve, MAIL_PAUSE_MS));
  }
  throw new Error(`no mail to ${address} came`);
}

/** A file that is still being written cannot be read yet. */
function readMail(json: string): { to: string[]; text: string } | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
