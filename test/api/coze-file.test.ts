import { AppError, ERROR_STATUS, type ErrorCode } from "@weft/kernel/errors";
import type { ObjectsServer } from "@weft/local/objects/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cozeCode } from "../../functions/compat/coze/dialect.ts";
import { handler } from "../../functions/compat/coze/index.ts";
import { handler as native } from "../../functions/file/index.ts";
import { refusalBody } from "../../infra/constructs/gateway-responses.ts";
import { callApi } from "../support/call.ts";
import { PNG, sendForm } from "../support/files.ts";
import { authorize, type Person, startIdentity, type World } from "../support/identity.ts";
import { startFiles } from "../support/objects.ts";
import { makeSpace, withKey } from "../support/people.ts";

let world: World;
let objects: ObjectsServer;
let ann: Person;
let session: { userId: never; authorizer: Record<string, string> };

beforeAll(async () => {
  [world, objects] = await Promise.all([startIdentity(), startFiles()]);
  ann = await world.signUp("ann");
  const { context } = await authorize(ann.token);
  session = { userId: ann.id as never, authorizer: context as Record<string, string> };
});
afterAll(async () => {
  await Promise.all([world.close(), objects.close()]);
});

function form(name = "a.png", content: string | Uint8Array = PNG, type = "image/png"): FormData {
  const made = new FormData();
  made.append("file", new Blob([content as Uint8Array<ArrayBuffer>], { type }), name);
  return made;
}
const upload = (body: FormData, who = session, headers: Record<string, string> = {}) =>
  sendForm(handler, "/v1/files/upload", body, who, headers);
const retrieve = (id: string, who = session) =>
  callApi(handler, { path: `/v1/files/retrieve?file_id=${id}`, authorizer: who.authorizer });
const spaceOf = async (id: string, space: string) =>
  (await callApi(native, { path: `/api/spaces/${space}/files/${id}`, authorizer: session.authorizer })).json.spaceId;

describe("Coze's files", () => {
  it("are uploaded and retrieved as its clients expect, in the caller's personal space", async () => {
    const { status, json } = await upload(form());
    expect([status, json.code, json.msg]).toEqual([200, 0, ""]);
    expect(json.data).toEqual({
      id: expect.stringMatching(/^fil_/),
      uri: json.data.id,
      url: expect.stringMatching(/^http/),
      bytes: PNG.length,
      file_name: "a.png",
      created_at: expect.any(Number),
    });
    expect(String(json.data.created_at)).toHaveLength(10);
    const again = (await retrieve(json.data.id)).json;
    expect(again.data).toMatchObject({ id: json.data.id, file_name: "a.png", bytes: PNG.length });
    expect(new Uint8Array(await (await fetch(again.data.url)).arrayBuffer())).toEqual(PNG);
    expect(await spaceOf(json.data.id, ann.spaceId)).toBe(ann.spaceId);
  });

  it("go where the key or the header says", async () => {
    const team = await makeSpace([{ person: session, role: "member" }]);
    const key = (await withKey(session, ["file:*"], [team])) as typeof session;
    const byKey = (await upload(form(), key)).json.data.id;
    expect(await spaceOf(byKey, team)).toBe(team);
    const byHeader = (await upload(form(), session, { "x-weft-space": team })).json.data.id;
    expect(await spaceOf(byHeader, team)).toBe(team);
    expect((await upload(form(), session, { "x-weft-space": "team" })).json.code).toBe(4000);
    expect((await retrieve(byHeader, key)).json.code).toBe(0);
  });

  it("are refused in Coze's numbers, with ours beside them", async () => {
    expect((await upload(form("a.png", "no picture"))).json).toMatchObject({
      code: 4000,
      msg: expect.any(String),
      detail: { logid: expect.any(String) },
      error: { code: "unsupported_media_type" },
    });
    const nothing = new FormData();
    nothing.append("other", "x");
    expect((await upload(nothing)).json.code).toBe(4000);
    expect((await retrieve("7338")).json.code).toBe(4000);
    expect((await retrieve("fil_01jd0000000000000000000000")).json.code).toBe(4200);
    const nobody = await callApi(handler, { path: "/v1/files/retrieve?file_id=x" });
    expect([nobody.status, nobody.json.code]).toEqual([401, 4100]);
  });

  it("ignore fields that are unknown", async () => {
    const body = form();
    body.append("purpose", "anything");
    expect((await upload(body)).json.code).toBe(0);
  });

  it("use the numbers that API Gateway's own refusals have", () => {
    for (const code of Object.keys(ERROR_STATUS) as ErrorCode[]) {
      const refusal = JSON.parse(refusalBody({ type: {} as never, code, message: "m" }));
      expect([code, cozeCode(new AppError(code, "m"))]).toEqual([code, refusal.code]);
    }
  });
});

describe("security", () => {
  it("shows a stranger no more than of a file that does not exist", async () => {
    const { id } = (await upload(form())).json.data;
    const eve = await world.signUp("eve");
    const { context } = await authorize(eve.token);
    const asEve = { userId: eve.id as never, authorizer: context as Record<string, string> };
    const { status, json } = await retrieve(id, asEve);
    expect([status, json.code, json.msg]).toEqual([404, 4200, `file ${id} not found`]);
    const inAnns = await upload(form(), asEve, { "x-weft-space": ann.spaceId });
    expect([inAnns.status, inAnns.json.code]).toEqual([404, 4200]);
  });

  it("holds a key to its scopes and spaces", async () => {
    const { id } = (await upload(form())).json.data;
    const reader = (await withKey(session, ["file:read"])) as typeof session;
    expect((await retrieve(id, reader)).json.code).toBe(0);
    expect((await upload(form(), reader)).json.code).toBe(4101);
    const team = await makeSpace([{ person: session, role: "member" }]);
    const elsewhere = (await withKey(session, ["*"], [team])) as typeof session;
    expect((await retrieve(id, elsewhere)).json.code).toBe(4200);
    expect((await upload(form(), elsewhere, { "x-weft-space": ann.spaceId })).json.code).toBe(4200);
  });
});
