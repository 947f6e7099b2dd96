import * as File from "@weft/core/file/file.service";
import { sweepFiles } from "@weft/core/file/file.sweep";
import * as Upload from "@weft/core/file/file.upload";
import { ManualClock } from "@weft/kernel/clock";
import { type Ctx, systemCtx } from "@weft/kernel/ctx";
import { getObject, objectSize } from "@weft/storage/object";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handler } from "../../functions/file/index.ts";
import { callApi } from "../support/call.ts";
import { type FileApi, formOf, PDF, PNG, sendSigned, sha256, startFileApi } from "../support/files.ts";
import { makePerson, makeSpace } from "../support/people.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

let api: FileApi;
const call: FileApi["call"] = (...given) => api.call(...given);
const announce: FileApi["announce"] = (input) => api.announce(input);
const upload: FileApi["upload"] = (...given) => api.upload(...given);

beforeAll(async () => {
  api = await startFileApi();
});
afterAll(() => api.close());

describe("uploads in one request", () => {
  it("keep the file and what is known of it", async () => {
    const { status, json } = await upload(
      formOf("a,b\n1,2\n", "Mai Übersicht.csv", "text/csv", [
        ["tags", "q2"],
        ["tags", "sales"],
      ]),
    );
    expect([status, json.error]).toEqual([201, undefined]);
    expect(json).toMatchObject({
      id: expect.stringMatching(/^fil_/),
      spaceId: api.spaceId,
      name: "Mai Übersicht.csv",
      extension: "csv",
      contentType: "text/csv",
      size: 8,
      sha256: sha256("a,b\n1,2\n"),
      status: "ready",
      source: "upload",
      tags: ["q2", "sales"],
      revision: 1,
      createdBy: api.ann.userId,
    });
    expect((await call("GET", `/${json.id}`)).json).toEqual(json);
    const { json: link } = await call("GET", `/${json.id}/download`);
    expect(await (await fetch(link.url)).text()).toBe("a,b\n1,2\n");
  });

  it("keep bytes as they are, and empty files", async () => {
    const bytes = new Uint8Array(70_000).map((_, at) => (at * 31) % 256);
    const { json } = await upload(formOf(bytes, "noise.bin"));
    expect(json).toMatchObject({ contentType: "application/octet-stream", size: 70_000, sha256: sha256(bytes) });
    expect((await getObject(api.keyOf(json.id), 100_000))?.bytes).toEqual(bytes);
    expect((await upload(formOf("", "empty.txt", "text/plain"))).json).toMatchObject({ size: 0, status: "ready" });
  });

  it.each([
    ["../../etc/passwd", "passwd"],
    ["C:\\fakepath\\report.pdf", "report.pdf"],
    ["..", "file"],
    ["a\u202etxt.exe", "atxt.exe"],
    [`${"x".repeat(400)}.pdf`, `${"x".repeat(251)}.pdf`],
  ])("take of the name %j the plain part", async (given, name) => {
    const { json } = await upload(formOf("hello", given));
    expect(json.name).toBe(name);
    expect(await objectSize(api.keyOf(json.id))).toBe(5);
  });

  it("tell the type where nobody declared it", async () => {
    const typeOf = async (content: string | Uint8Array, name: string) =>
      (await upload(formOf(content, name, "application/octet-stream"))).json.contentType;
    expect(await typeOf(PNG, "a")).toBe("image/png");
    expect(await typeOf(PDF, "a")).toBe("application/pdf");
    expect(await typeOf("# Hi", "a.md")).toBe("text/markdown");
    expect(await typeOf("BMW,1\n", "cars.csv")).toBe("text/csv");
    expect(await typeOf("plain", "README")).toBe("text/plain");
  });

  it("refuse what is not what it is declared to be", async () => {
    for (const [content, name, type] of [
      ["<script>alert(1)</script>", "a.png", "image/png"],
      [PDF, "a.png", "image/png"],
      [PNG, "a.csv", "text/csv"],
      [PNG, "a.json", "application/json"],
    ] as const) {
      const { status, json } = await upload(formOf(content, name, type));
      expect([type, status, json.error.code]).toEqual([type, 415, "unsupported_media_type"]);
      expect(json.error.details.declared).toBe(type);
    }
    expect((await upload(formOf(PNG, "a.jpg", "image/jpeg"))).json.contentType).toBe("image/png");
  });

  it("refuse forms that are none, without a file, with unknown fields, and JSON that plays a file", async () => {
    const path = `/api/spaces/${api.spaceId}/files`;
    const raw = (body: string, type: string) =>
      callApi(handler, {
        method: "POST",
        path,
        body,
        headers: { "content-type": type },
        authorizer: api.ann.authorizer,
      });
    const broken = await raw("--x\r\nrubbish", "multipart/form-data; boundary=x");
    expect([broken.status, broken.json.error.details.issues[0].path]).toEqual([400, "body"]);
    const form = new FormData();
    form.append("file", "only text");
    expect((await upload(form)).json.error.details.issues[0].path).toBe("file");
    const unknown = await upload(formOf("x", "x", "", [["path", "/etc/passwd"]]));
    expect(unknown.json.error.details.issues).toEqual([{ path: "path", message: "unknown field" }]);
    const json = await raw(JSON.stringify({ file: { name: "a", path: "/etc/passwd" } }), "application/json");
    expect(json.status).toBe(415);
  });

  it("name the way for larger ones", async () => {
    const { status, json } = await upload(formOf(new Uint8Array(4 * 1024 * 1024), "large.bin"));
    expect([status, json.error.code]).toEqual([413, "too_large"]);
    expect(json.error.details).toEqual({
      maxBytes: 4 * 1024 * 1024,
      upload: { method: "POST", path: "/api/spaces/{spaceId}/files/uploads" },
    });
  });
});

describe("files", () => {
  it("are found by name, type, tag and state, page by page", async () => {
    const space = await makeSpace([{ person: api.ann, role: "owner" }]);
    const put = (name: string, type: string, content: string | Uint8Array, tags: string[] = []) =>
      upload(
        formOf(
          content,
          name,
          type,
          tags.map((tag) => ["tags", tag]),
        ),
        space,
      );
    await put("May report.csv", "text/csv", "1", ["sales"]);
    await put("June report.csv", "text/csv", "2");
    await put("logo.png", "image/png", PNG, ["sales"]);
    const names = async (query: string) =>
      (await call("GET", query, undefined, api.ann, space)).json.items.map((item: { name: string }) => item.name);
    expect(await names("")).toEqual(["logo.png", "June report.csv", "May report.csv"]);
    expect(await names("?q=report")).toEqual(["June report.csv", "May report.csv"]);
    expect(await names("?contentType=image/")).toEqual(["logo.png"]);
    expect(await names("?tag=sales&contentType=text/csv")).toEqual(["May report.csv"]);
    expect(await names("?status=uploading")).toEqual([]);
    const first = (await call("GET", "?limit=2", undefined, api.ann, space)).json;
    expect(await names(`?limit=2&cursor=${first.nextCursor}`)).toEqual(["May report.csv"]);
    const stolen = await call("GET", `?limit=2&cursor=${first.nextCursor}`);
    expect(stolen.json.error.code).toBe("invalid_cursor");
  });

  it("are renamed and annotated from a known revision", async () => {
    const { json } = await upload(formOf("x", "old.txt", "text/plain"));
    const change = { expectedRevision: 1, name: "new.md", tags: ["t"], metadata: { k: "v" } };
    const changed = await call("PATCH", `/${json.id}`, change);
    expect(changed.json).toMatchObject({
      name: "new.md",
      extension: "md",
      tags: ["t"],
      metadata: { k: "v" },
      revision: 2,
    });
    expect((await call("PATCH", `/${json.id}`, change)).status).toBe(409);
    expect((await call("GET", "?q=new")).json.items[0].id).toBe(json.id);
    const link = (await call("GET", `/${json.id}/download`)).json;
    expect(new URL(link.url).searchParams.get("response-content-disposition")).toContain("new.md");
  });

  it("are saved and not shown, unless asked for what is harmless", async () => {
    const link = async (content: string | Uint8Array, name: string, type: string, query = "") => {
      const { id } = (await upload(formOf(content, name, type))).json;
      const { json } = await call("GET", `/${id}/download${query}`);
      const params = new URL(json.url).searchParams;
      return [params.get("response-content-disposition")?.split(";")[0], params.get("response-content-type")];
    };
    expect(await link(PNG, "a.png", "image/png")).toEqual(["attachment", "image/png"]);
    const inline = "?disposition=inline";
    expect(await link(PNG, "a.png", "image/png", inline)).toEqual(["inline", "image/png"]);
    const opaque = ["attachment", "application/octet-stream"];
    expect(await link("<html>", "a.html", "text/html", inline)).toEqual(opaque);
    expect(await link("<svg/>", "a.svg", "image/svg+xml", inline)).toEqual(opaque);
  });

  it("are reached by a redirect, for as long as asked", async () => {
    const { json } = await upload(formOf("x", "a.txt", "text/plain"));
    const answer = await call("GET", `/${json.id}/download?redirect=true&expiresInSeconds=60`);
    expect(answer.status).toBe(302);
    expect(new URL(answer.headers.location ?? "").searchParams.get("X-Amz-Expires")).toBe("60");
    expect((await call("GET", `/${json.id}/download?expiresInSeconds=100000`)).status).toBe(400);
  });

  it("are deleted, restored, and after the retention gone with their bytes", async () => {
    const { json } = await upload(formOf("x", "a.txt", "text/plain"));
    expect((await call("DELETE", `/${json.id}`)).status).toBe(204);
    for (const path of ["", "/download"]) expect((await call("GET", `/${json.id}${path}`)).status).toBe(404);
    expect((await call("GET", "?status=deleted")).json.items.map((item: { id: string }) => item.id)).toContain(json.id);
    expect((await call("POST", `/${json.id}/restore`)).json).toMatchObject({ status: "ready", name: "a.txt" });
    expect((await call("POST", `/${json.id}/restore`)).status).toBe(409);
    await call("DELETE", `/${json.id}`);
    const clock = new ManualClock(Date.now() + 29 * DAY_MS);
    const sweep = () => sweepFiles(systemCtx("test", { clock }), Number.POSITIVE_INFINITY);
    await sweep();
    expect(await objectSize(api.keyOf(json.id))).toBe(1);
    clock.advance(2 * DAY_MS);
    const late: Ctx = systemCtx("test", { clock, spaceId: api.spaceId });
    await expect(File.restore(late, json.id)).rejects.toMatchObject({ code: "not_found" });
    expect((await sweep()).purged).toBeGreaterThan(0);
    expect(await objectSize(api.keyOf(json.id))).toBeNull();
    expect((await call("POST", `/${json.id}/restore`)).status).toBe(404);
  });

  it("that nobody completed have failed after a day, whatever was sent", async () => {
    const { file, request } = await announce({});
    await sendSigned(request, "hello");
    const clock = new ManualClock(Date.now() + Upload.UPLOAD_MS + 120_000);
    const first = await sweepFiles(systemCtx("test", { clock }), Number.POSITIVE_INFINITY);
    expect(first.expired).toBeGreaterThan(0);
    expect((await call("GET", `/${file.id}`)).json).toMatchObject({
      status: "failed",
      failure: { code: "upload_expired" },
    });
    expect(await objectSize(api.keyOf(file.id))).toBeNull();
    expect(await sweepFiles(systemCtx("test", { clock }), Number.POSITIVE_INFINITY)).toMatchObject({ expired: 0 });
  });

  it("in the making are aborted, not deleted", async () => {
    const { file } = await announce({});
    expect((await call("DELETE", `/${file.id}`)).status).toBe(409);
  });
});

describe("security", () => {
  it("keeps spaces apart at every route", async () => {
    const { json } = await upload(formOf("mine", "mine.txt", "text/plain"));
    const { file } = await announce({});
    const eve = await makePerson("eve");
    const other = await makeSpace([{ person: eve, role: "owner" }]);
    const attempts: [string, string, unknown?][] = [
      ["GET", `/${json.id}`],
      ["GET", `/${json.id}/download`],
      ["PATCH", `/${json.id}`, { expectedRevision: 1, name: "eve.txt" }],
      ["DELETE", `/${json.id}`],
      ["POST", `/${json.id}/restore`],
      ["POST", `/${file.id}/parts`, { partNumbers: [1] }],
      ["POST", `/${file.id}/complete`, {}],
      ["POST", `/${file.id}/abort`],
    ];
    for (const [method, path, body] of attempts) {
      for (const space of [api.spaceId, other]) {
        expect([path, (await call(method, path, body, eve, space)).status]).toEqual([path, 404]);
      }
    }
    expect((await call("GET", "", undefined, eve, other)).json.items).toEqual([]);
    expect((await call("GET", `/${json.id}`)).json).toEqual(json);
  });
});
