import type { FileContent, NodeDeps } from "@weft/engine/node";
import { describe, expect, it } from "vitest";
import { call, refusal } from "./call.ts";

function memoryFiles() {
  const files = new Map<string, FileContent>();
  const deps: NodeDeps = {
    files: {
      get: async (key) => files.get(key) ?? null,
      put: async (key, content) => void files.set(key, content),
    },
  };
  return { files, over: { deps } };
}

describe("file_write and file_read", () => {
  it("keep texts and bytes", async () => {
    const { files, over } = memoryFiles();
    const written = await call("file_write", { key: "a/{{n}}.txt" }, { content: "äö", n: 1 }, over);
    expect(written.output).toEqual({ key: "a/1.txt", contentType: "text/plain; charset=utf-8", size: 4 });
    expect((await call("file_read", { key: "a/1.txt" }, {}, over)).output).toEqual({
      content: "äö",
      found: true,
      key: "a/1.txt",
      contentType: "text/plain; charset=utf-8",
      size: 4,
    });
    await call("file_write", { key: "b", as: "base64", contentType: "image/png" }, { content: "/wA=" }, over);
    expect(files.get("b")).toEqual({ bytes: Buffer.from([255, 0]), contentType: "image/png" });
    expect((await call("file_read", { key: "b", as: "base64" }, {}, over)).output.content).toBe("/wA=");
    expect(await refusal("file_read", { key: "b" }, {}, over)).toBe("invalid_encoding");
  });
  it("say when there is none", async () => {
    const { over } = memoryFiles();
    expect(await refusal("file_read", { key: "x" }, {}, over)).toBe("not_found");
    expect((await call("file_read", { key: "x", onMissing: "empty" }, {}, over)).output.found).toBe(false);
    expect(await refusal("file_read", { key: "x" })).toBe("unavailable");
  });
  it("never leave the space's files", async () => {
    const { files, over } = memoryFiles();
    for (const x of [
      "../x",
      "a/../../x",
      "/etc/passwd",
      "a//b",
      "a\\..\\b",
      "a/./b",
      "a\u0000b",
      "a\nb",
      "",
      "x".repeat(600),
      "\ud800",
    ]) {
      expect(await refusal("file_write", { key: "{{x}}" }, { x, content: "" }, over)).toBe("invalid_key");
      expect(await refusal("file_read", { key: "{{x}}" }, { x }, over)).toBe("invalid_key");
    }
    expect(files.size).toBe(0);
    expect(await refusal("file_write", { key: "x" }, { content: "y".repeat(20_000_000) }, over)).toBe("too_large");
  });
});
