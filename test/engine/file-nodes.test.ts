import type { FileContent, NodeDeps } from "@weft/engine/node";
import { describe, expect, it } from "vitest";
import { call, refusal } from "./call.ts";

const FILE_ID = "fil_01jd0000000000000000000000";

function memoryFiles() {
  const files = new Map<string, FileContent>();
  const made: string[] = [];
  const deps: NodeDeps = {
    files: {
      get: async (key) => files.get(key) ?? null,
      put: async (key, content) => void files.set(key, content),
      create: async ({ name, bytes, contentType }, idempotencyKey) => {
        made.push(idempotencyKey);
        files.set(FILE_ID, { name, bytes, contentType });
        return { id: FILE_ID, name, contentType: contentType || "text/csv", size: bytes.length };
      },
      link: async (id) => {
        const file = files.get(id);
        if (!file) return null;
        return {
          id,
          name: file.name ?? "",
          contentType: file.contentType,
          size: file.bytes.length,
          url: "https://s3/x",
        };
      },
    },
  };
  return { files, made, over: { deps } };
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
      name: "1.txt",
      contentType: "text/plain; charset=utf-8",
      size: 4,
      url: "",
    });
    await call("file_write", { key: "b", as: "base64", contentType: "image/png" }, { content: "/wA=" }, over);
    expect(files.get("b")).toEqual({ bytes: Buffer.from([255, 0]), contentType: "image/png" });
    expect((await call("file_read", { key: "b", as: "base64" }, {}, over)).output.content).toBe("/wA=");
    expect(await refusal("file_read", { key: "b" }, {}, over)).toBe("invalid_encoding");
  });
  it("make Files, once a step, and read them by id or as Coze names them", async () => {
    const { made, over } = memoryFiles();
    const config = { key: "reports/{{n}}.csv", to: "file" };
    const { output } = await call("file_write", config, { content: "a,b", n: "may" }, over);
    expect(output).toEqual({ key: FILE_ID, fileId: FILE_ID, name: "may.csv", contentType: "text/csv", size: 3 });
    expect(made).toEqual(["exe_test:n"]);
    for (const file of [FILE_ID, JSON.stringify({ file_id: FILE_ID }), { id: FILE_ID, name: "may.csv" }]) {
      const read = await call("file_read", { key: "{{file}}" }, { file }, over);
      expect(read.output).toMatchObject({ content: "a,b", found: true, key: FILE_ID, name: "may.csv" });
    }
    const link = await call("file_read", { key: FILE_ID, as: "url" }, {}, over);
    expect(link.output).toMatchObject({ content: "", url: "https://s3/x", name: "may.csv", size: 3 });
  });

  it("give links to Files alone", async () => {
    const { over } = memoryFiles();
    expect(await refusal("file_read", { key: "a.txt", as: "url" }, {}, over)).toBe("invalid_key");
    expect(await refusal("file_read", { key: FILE_ID, as: "url" }, {}, over)).toBe("not_found");
    const empty = { key: FILE_ID, as: "url", onMissing: "empty" };
    expect((await call("file_read", empty, {}, over)).output).toMatchObject({ found: false, url: "" });
    const { get, put } = over.deps.files!;
    const bare = { deps: { files: { get, put } } };
    expect(await refusal("file_read", { key: FILE_ID, as: "url" }, {}, bare)).toBe("unavailable");
    expect(await refusal("file_write", { key: "a", to: "file" }, { content: "x" }, bare)).toBe("unavailable");
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
